"""``python3 -m plugin.environment <command>`` from the checkout: the backend's Python without QGIS."""

from __future__ import annotations

import argparse
import sys
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from . import Cancelled, InstallError, check, create, delete, diagnosis, find, repair, size
from .checking import notes_of

COMMANDS = {
    "create": "make the backend's Python unless it is there",
    "repair": "delete it and make it anew",
    "find": "print its interpreter",
    "check": "run it and say what it has",
    "delete": "delete it",
    "diagnosis": "print a text for a bug report",
}


def main(arguments: Optional[List[str]] = None) -> int:
    """Run one command; 0 if it went well, 1 with a sentence on standard error if not."""
    listed = "\n".join(f"  {name:10} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python3 -m plugin.environment",
        description=f"The Python in which Mixel's backend runs.\n\n{listed}",
        epilog="MIXEL_HOME is the folder it lives in, if not the user's data folder.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--accelerator", choices=["auto", "cpu", "cuda"], default="auto", help="for create and repair")
    parser.add_argument("--python", default="", help="an interpreter to use instead, for find, check and diagnosis")
    given = parser.parse_args(arguments)
    commands: Dict[str, Callable[[], None]] = {
        "create": lambda: _show(create(lambda: False, given.accelerator)),
        "repair": lambda: _show(repair(lambda: False, given.accelerator)),
        "find": lambda: print(_python(given.python)),
        "check": lambda: _check(given.python),
        "delete": _delete,
        "diagnosis": lambda: print(diagnosis(given.python), end=""),
    }
    try:
        commands[given.command]()
    except (InstallError, Cancelled) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; what was half made does not count and is deleted next time.", file=sys.stderr)
        return 1
    return 0


def _show(steps: Iterator[Tuple[float, str]]) -> None:
    shown = ""
    for fraction, message in steps:
        if message != shown:
            shown = message
            print(f"{fraction:4.0%}  {message}", flush=True)


def _python(given: str) -> str:
    python, reason = find(given)
    if python is None:
        raise InstallError(reason)
    return str(python)


def _check(given: str) -> None:
    about = check(_python(given))
    print(f"{_python(given)}: Python {about['python']}, {', '.join(about['devices'])}")
    print(", ".join(f"{name} {version}" for name, version in about["packages"].items()))
    if notes_of(about):
        print(notes_of(about))


def _delete() -> None:
    freed = size()
    delete()
    print(f"Deleted; {freed / 1e9:.2f} GB are free again.")


if __name__ == "__main__":
    sys.exit(main())
