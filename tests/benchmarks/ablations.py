"""What a part of a network is worth: the same network learns and maps without it, on the same splits and seeds.

A part is taken away by weights that are 0 and stay so while the network learns, or by one function that does less.
Training and the compiled mapping read the same weights, so both go without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from backend.methods import method
from backend.methods.mim import blocks, fused, orders
from backend.methods.mim import network as mim
from backend.methods.squares import raster_order
from backend.methods.ugm import mapped, network
from backend.scan.block import MambaBlock
from tests.benchmarks.choices import compared
from tests.benchmarks.page_tables import table
from tests.benchmarks.results import Results

KEY = "without"
"""Stands among a cell's settings for the parts taken away, joined by "+"."""
PARTS = {
    "scan": "its scan has no memory (y = D u)",
    "blocks": "its blocks say nothing",
    "directions": "all scans run forwards",
    "types": "one scan type instead of four",
    "order": "abundances do not order the pixels",
    "features": "abundances are no features",
    "gradient": "classes do not teach the features that abundances are read from",
}
"""What is taken away, in words."""
TRIED = {
    "mim": ("scan", "blocks", "types"),
    "mambahsi": ("scan", "blocks", "directions"),
    "spectralmamba": ("scan", "blocks"),
    "ugm": ("scan", "blocks", "directions", "order", "features", "gradient", "order+features"),
    "unmamba": ("scan", "blocks", "directions"),
}
"""Of each network, which parts are taken away."""
TITLE = "What the parts of a network are worth"
TEXT = (
    "`make benchmark ARGS=--ablations`. The same network on the same splits and seeds, without one part; the "
    "difference is without it less with it, so a part that helps has OA below 0 or RMSE above 0. Intervals as above. "
    "UNMamba's start alone is *Clusters + least squares* in the tables of the scenes.\n\n"
)
HEADER = ["method", "without", "scene", "seeds", "figure", "as shipped", "without it", "difference", "95 %"]


@contextmanager
def without(parts: str) -> Iterator[None]:
    """Networks made and used in here lack these parts ("scan", "order+features"). ValueError if one is unknown."""
    chosen = [one for one in parts.split("+") if one]
    unknown = sorted(set(chosen) - set(PARTS))
    if unknown:
        raise ValueError(f"There is no part {unknown[0]!r} to leave out; there are {', '.join(PARTS)}.")
    with ExitStack() as stack:
        for one in chosen:
            for place in _REMOVED[one]:
                stack.enter_context(place())
        yield


def variants(name: str) -> list[str]:
    """The variants of a method that lack a part."""
    return [f"{name},{KEY}={parts}" for parts in TRIED.get(name, ())]


def section(results: Results) -> str:
    """What every network reached without each part beside the shipped one; empty without finished cells."""
    rows = [
        [method(name).label, said(parts), scene, *found]
        for name, some in TRIED.items()
        for parts in some
        for scene in results.scenes()
        if (found := compared(results, scene, name, f"{name},{KEY}={parts}"))
    ]
    return f"## {TITLE}\n\n{TEXT}{table(HEADER, rows)}" if rows else ""


def said(parts: str) -> str:
    """Parts in words."""
    return "; ".join(PARTS[one] for one in parts.split("+"))


def _silent(weight: nn.Parameter, at: Any = ...) -> None:
    """A weight, or what of it stands at an index, is 0 and stays so."""
    kept = torch.ones_like(weight)
    kept[at] = 0
    with torch.no_grad():
        weight.mul_(kept)
    weight.register_hook(lambda gradient: gradient * kept)


def _made(kind: type[nn.Module], change: Callable[[Any], None]) -> Callable[[], Any]:
    """Modules of a kind are changed as soon as they are made."""
    make = kind.__init__

    def init(self: nn.Module, *given: Any, **named: Any) -> None:
        make(self, *given, **named)
        change(self)

    return lambda: patch.object(kind, "__init__", init)


def _instead(place: Any, name: str, other: Any) -> Callable[[], Any]:
    return lambda: patch.object(place, name, other)


def _no_states(block: MambaBlock) -> None:
    """B = 0: nothing enters the states."""
    _silent(block.x_proj.weight, slice(block.dt_rank, block.dt_rank + block.d_state))


def _no_half_states(scans: blocks.HalfScans) -> None:
    rank = scans.parts[0]
    _silent(scans.drive.weight, slice(rank, rank + scans.widths[-1]))


def _no_patch_block(block: blocks.MimBlock) -> None:
    """What is left: the tokens, pooled."""
    for weight in block.out.parameters():
        _silent(weight)


def _unguided(ugm: network.Ugm) -> None:
    """Neither the blocks nor the head see abundances."""
    if ugm.guidance:
        for weight in ugm.clusters.parameters():
            _silent(weight)
        _silent(ugm.head.weight, (slice(None), slice(ugm.norm.normalized_shape[0], None)))


def _one_type(patch_side: int) -> torch.Tensor:
    return orders.scan_orders(patch_side)[:1].expand(orders.TYPES, -1).contiguous()


def _detached(ugm: network.Ugm, features: torch.Tensor) -> network.Unmixed:
    found: network.Unmixed = ugm.unmixing(features.detach())
    return found


_REMOVED: dict[str, list[Callable[[], Any]]] = {
    "scan": [_made(MambaBlock, _no_states), _made(blocks.HalfScans, _no_half_states)],
    "blocks": [
        _made(MambaBlock, lambda block: _silent(block.out_proj.weight)),
        _made(blocks.MimBlock, _no_patch_block),
    ],
    "directions": [_made(MambaBlock, lambda block: setattr(block, "reverse", False))],
    "types": [_instead(mim, "scan_orders", _one_type), _instead(fused, "scan_orders", _one_type)],
    "order": [_instead(one, "guided_order", lambda _, valid: raster_order(valid)) for one in (network, mapped)],
    "features": [_made(network.Ugm, _unguided)],
    "gradient": [_instead(network.Ugm, "_unmixed", _detached)],
}
