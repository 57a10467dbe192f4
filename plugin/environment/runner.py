"""The commands of one creation of the backend's Python, one after the other."""

from __future__ import annotations

import subprocess  # nosec B404 # for the names PIPE and STDOUT; child.py starts the commands, without a shell
import time
from pathlib import Path
from typing import IO, Any, Callable, Dict, Generator, Iterator, List, Tuple

from . import failures
from .checking import about
from .child import clean_environment, end, lines, start
from .pip_calls import Reading
from .places import InstallError, home, log_path
from .turn import Turn

Step = Tuple[float, str]
"""How far, 0 to 1, and what is being done."""


class Runner:
    """Runs the commands of one creation: into the log, cancellable, with progress."""

    def __init__(self, log: IO[bytes], tmp: Path, turn: Turn, cancelled: Callable[[], bool]) -> None:
        self.log = log
        self.tmp = tmp
        self._cancelled = cancelled
        # pip unpacks where there is room for it, not in a /tmp that is small.
        self._environment = {**clean_environment(), "TMPDIR": str(tmp), "TEMP": str(tmp), "TMP": str(tmp)}
        self._inherited = turn.inherited

    def follow(
        self, command: List[str], span: Tuple[float, float], reading: Reading, secret: bool = False
    ) -> Generator[Step, None, str]:
        """Run one command, yield how far it is within ``span``, return its output. InstallError if it fails.

        What a ``secret`` one prints, with passwords in it, stays out of the log.
        """
        options: Dict[str, Any] = {"pass_fds": self._inherited} if self._inherited else {}
        self.log.write(("$ " + " ".join(command) + "\n").encode())
        yield span[0], reading.message
        process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self._environment, **options)
        told: List[str] = []
        try:
            yield from self._read(process, told, span, reading, secret)
            process.wait()
        finally:
            end(process)
        output = "".join(told)
        if process.returncode:
            if "backend.about" in command:
                about("", output, process.returncode)
            raise InstallError(failures.sentence(output, process.returncode, str(home()), str(log_path())))
        return output

    def _read(
        self,
        process: subprocess.Popen[Any],
        told: List[str],
        span: Tuple[float, float],
        reading: Reading,
        secret: bool,
    ) -> Iterator[Step]:
        shown = heard = time.monotonic()
        for line in lines(process, self._cancelled):
            now = time.monotonic()
            before = reading.message
            if line is not None:
                heard = now
                text = line.decode("utf-8", "replace")
                told.append(text)
                reading.take(text)
                if not secret and not text.startswith("Progress "):
                    self.log.write(line)
            if reading.message != before or now - shown >= 1:
                shown, silent = now, now - heard
                waited = f" ({silent // 5 * 5:.0f} s)" if silent >= 5 else ""
                yield span[0] + (span[1] - span[0]) * reading.fraction, reading.message + waited
