"""The last line of ``make test``: what all pytest runs counted together, in pytest's own words.

    count.py FOLDER_OF_JUNIT_FILES FAILED_STAGES SECONDS

Exits with 1 if a test or a stage failed.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def count(folder: Path) -> Counter:
    """Passed, failed and skipped tests of all reports in a folder."""
    total: Counter = Counter()
    for file in sorted(folder.glob("*.xml")):
        try:
            root = ElementTree.parse(file).getroot()
        except ElementTree.ParseError:  # that pytest was ended from outside or crashed
            total.update(errors=1)
            continue
        for suite in root.iter("testsuite"):
            tests, failures, errors, skipped = (
                int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")
            )
            total.update(passed=tests - failures - errors - skipped, failed=failures, errors=errors, skipped=skipped)
    return total


def main() -> int:
    """Print the line; 1 if anything failed."""
    folder, failed_stages, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    total = count(folder)
    words = [f"{total[name]} {name}" for name in ("failed", "passed", "skipped", "errors") if total[name]]
    words += [f"{failed_stages} of the stages failed"] if failed_stages else []
    print(f"\n===== {', '.join(words) or 'no tests ran'} in {seconds:.2f}s =====")
    return 1 if failed_stages or total["failed"] or total["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
