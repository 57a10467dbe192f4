"""Whether a layer of a database comes to an end: views and filters are programs, and may work for ever.

GDAL cannot be interrupted while it reads, SQLite itself can. So a view, or a layer with a filter, is counted first with
a limit to its steps. Plain tables are not looked at.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

MAGIC = b"SQLite format 3\0"
STEPS, MOST_STEPS = 1_000_000, 100_000_000
"""Steps of the database's machine: how often it is asked whether to go on, and how many it may take: some seconds."""
MOST_BYTES = 64 * 1024**2
"""Of one value."""
_UNKNOWN = re.compile(r"no such function: (\w+)")
MOST_UNKNOWN = 100
"""Functions of GDAL's that a view may call."""


def check_ends(path: str, layer: str, where: str | None) -> None:
    """ValueError, a sentence, if a layer of an SQLite file has not ended after some seconds."""
    try:
        with Path(path).open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return
        with closing(sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)) as database:
            if where is not None or _is_view(database, layer):
                _count(database, layer, where)
    except (OSError, sqlite3.Error) as error:
        if "interrupted" in str(error) or "too big" in str(error):
            what = "with its filter " if where is not None else ""
            raise ValueError(
                f"The layer {layer} of {path} {what}has not ended after {MOST_STEPS:,} steps. Export its features as a "
                "layer of their own, or choose another layer."
            ) from error  # whatever else is wrong, GDAL finds, or reads nevertheless


def _is_view(database: sqlite3.Connection, layer: str) -> bool:
    found = database.execute("SELECT type FROM sqlite_master WHERE lower(name) = lower(?)", (layer,)).fetchone()
    return found is not None and found[0] != "table"


def _count(database: sqlite3.Connection, layer: str, where: str | None) -> None:
    """Step through all rows of a layer. sqlite3.Error if it takes too long."""
    asked = 0

    def patience() -> int:
        nonlocal asked
        asked += 1
        return int(asked * STEPS > MOST_STEPS)

    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA query_only = ON")
    database.set_progress_handler(patience, STEPS)
    quoted = '"' + layer.replace('"', '""') + '"'
    query = f"SELECT * FROM {quoted}" + (f" WHERE {where}" if where is not None else "")  # nosec: the file's own words
    for _ in range(MOST_UNKNOWN):
        try:
            for _row in database.execute(query):
                pass
            return
        except sqlite3.Error as error:
            unknown = _UNKNOWN.search(str(error))
            if unknown is None:
                raise
            database.create_function(unknown.group(1), -1, lambda *values: None, deterministic=True)
