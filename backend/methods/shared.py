"""Settings that mean the same in several methods, so that form, toolbox and scripts have one of each."""

from __future__ import annotations

from typing import Any, ClassVar, Dict

from ..config import setting


def num_endmembers() -> Any:
    """A field of a Config: how many endmembers."""
    return setting(
        4, "Number of endmembers", "How many materials to look for. Start with 4 to 6.", minimum=2, maximum=30
    )


def seed() -> Any:
    """A field of a Config: where chance starts."""
    return setting(
        11,
        "Random seed",
        "The same seed gives the same result on the same machine; a network on a graphics card gives nearly the same, "
        "unless 'Same result each time' is on.",
        minimum=0,
        maximum=2**31 - 1,
    )


def repeatable() -> Any:
    """A field of a Config: whether a network learns by operators that give the same each time."""
    return setting(
        False,
        "Same result each time",
        "On a graphics card, sums are made in an order that changes, so that two runs with one seed differ in the last "
        "digits and, after many steps, a little in the map. This takes slower operators that do not. On the processor "
        "it changes nothing.",
        advanced=True,
    )


def regression() -> Any:
    """A field of a Config: whether a logistic regression speaks beside the network."""
    return setting(
        True,
        "Logistic regression beside the network",
        "Combines the network with a linear classifier of single spectra, because the two make different mistakes. "
        "Validation pixels decide how much each of them counts. If off, the network decides alone.",
        advanced=True,
    )


class Trained:
    """A Config whose ``preset`` says how many steps a training has, unless ``epochs`` does."""

    STEPS: ClassVar[Dict[str, int]]
    """Of each preset; see :func:`steps`."""
    preset: str
    epochs: int

    @property
    def steps(self) -> int:
        """How many steps to train."""
        return self.epochs or self.STEPS[self.preset]


def steps(quick: int, standard: int, thorough: int) -> Dict[str, int]:
    """The training steps of the presets."""
    return {"quick": quick, "standard": standard, "thorough": thorough}


def preset(known: Dict[str, int], measured: str) -> Any:
    """A field of a Config: how long to train. ``measured``: the scoreboard's sentence on cost and accuracy."""
    names = {"quick": "quick look", "standard": "standard", "thorough": "thorough"}
    return setting(
        "standard",
        "Preset",
        f"How long to train. {measured}".strip(),
        choices=tuple((name, f"{label}: {known[name]} training steps") for name, label in names.items()),
    )


def epochs() -> Any:
    """A field of a Config: how many training steps, where the preset is not to say it."""
    return setting(
        0,
        "Training steps",
        "More steps fit better and take longer; 0: as many as the preset says.",
        minimum=0,
        maximum=50000,
        advanced=True,
    )
