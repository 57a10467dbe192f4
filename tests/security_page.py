"""The counts of the last passes of ``make torture`` and ``make fuzz`` in docs/security.md."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "security.md"


def fill(name: str, rows: Mapping[str, object], page: Path = PAGE) -> None:
    """Set a table of counts between the marks of this name. ValueError if the page has no such marks."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    text = page.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise ValueError(f"{page} has no marks for {name}.")
    before, rest = text.split(begin, 1)
    after = rest.split(end, 1)[1]
    day = time.strftime("%Y-%m-%d")
    lines = [f"| {key} | {value} |" for key, value in rows.items()]
    table = "\n".join([f"| `make {name}`, {day} | |", "|---|---|", *lines])
    page.write_text(f"{before}{begin}{table}\n{end}{after}", encoding="utf-8")
