"""From what pip and Python print when they fail to one sentence that says what to do."""

from __future__ import annotations

import re
from typing import Sequence, Tuple

from .masking import masked

_NETWORK = (
    r"Temporary failure in name resolution|Name or service not known|getaddrinfo failed|nodename nor servname"
    r"|NameResolutionError|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|Max retries exceeded"
    r"|Network is unreachable|Connection (refused|reset|aborted)|ConnectionResetError|IncompleteRead|RemoteDisconnected"
    r"|HTTP error 5\d\d|50[234] Server Error"
)

TABLE: Sequence[Tuple[str, str]] = (
    (
        r"No space left on device|not enough space on the disk|WinError 112|Disk quota exceeded|Errno (28|122)\b",
        "The disk is full: make room, or set MIXEL_HOME to a folder on another disk, and try again.",
    ),
    (
        r"Long Path support|WinError 206|File name too long",
        "The paths get too long for this system: set MIXEL_HOME to a short folder such as C:\\mixel and try again.",
    ),
    (
        r"WinError (5|32)\b|being used by another process",
        "Another program holds the new files: close other QGIS windows, let the antivirus program except {home}, and "
        "try again.",
    ),
    (
        r"Permission denied|Errno 13\b|Read-only file system|Errno 30\b|Access is denied",
        "You have no right to write to {home}: get the right, or set MIXEL_HOME to a folder of your own.",
    ),
    (
        r"407 Proxy Authentication|\b407\b.*[Pp]roxy|Proxy Authentication Required",
        "The proxy wants a name and password: put both into HTTPS_PROXY, before the proxy's name, or into pip's proxy "
        "setting, and try again.",
    ),
    (
        r"ProxyError|Cannot connect to proxy|Tunnel connection failed",
        "The proxy does not let pip through: check the proxy setting (HTTPS_PROXY or pip's) and try again.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError|TLS CA certificate bundle",
        "The package server's certificate is not trusted, mostly because a company's network looks into the traffic: "
        "set PIP_CERT to the company's certificate file and try again.",
    ),
    (
        r"(403|401) (Client Error|Forbidden|Unauthorized)|HTTP error (401|403)",
        "The package server refuses access: check pip's index and proxy settings and try again.",
    ),
    (
        r"ensurepip is not available|No module named '?(ensurepip|venv)\b",
        "This Python cannot make virtual environments: install the package python3-venv and try again.",
    ),
    (
        _NETWORK,
        "The package server cannot be reached: check the network (behind a proxy, set HTTPS_PROXY or pip's proxy "
        "setting) and try again.",
    ),
    (
        r"not a supported wheel|No matching distribution found|Could not find a version|requires a different Python",
        "A package does not exist for this system and Python: install a Python between 3.10 and 3.14, or choose a "
        "Python of your own on the Python page of Mixel's panel.",
    ),
    (
        r"Hashes are required|ResolutionImpossible|conflicting dependencies",
        "pip's own settings contradict Mixel's list of packages: check pip's constraint and hash settings.",
    ),
    (
        r"WinError (126|127|1114)|DLL load failed|vcruntime|msvcp140",
        "A system library is missing: install Microsoft's Visual C++ Redistributable (x64) and try again.",
    ),
    (r"MemoryError|Cannot allocate memory|Killed", "The memory ran out: close other programs and try again."),
)
"""(pattern, sentence); the first that is found counts. A full disk or a refused write explains what follows it, so
those stand before the network, and the network before a package that was not found."""


_WRONG_FILE = re.compile(
    r"DO NOT MATCH THE HASHES.*?^\s+([\w.-]+)==\S+[^\n]*? from (\S+?)(?:#\S*)?(?: \(|:?$)", re.M | re.S
)


def sentence(output: str, code: int, home: str, log: str) -> str:
    """One sentence for a command that failed: what it printed, its exit code, Mixel's folder and the log's path."""
    wrong = _WRONG_FILE.search(output)
    if wrong:
        # Before all others: pip goes on after servers that did not answer.
        name, address = wrong.groups()
        return (
            f"The package {name} from {_end(masked(address))} is not the file that Mixel's list names: take that index "
            "or folder out of pip's settings ('pip config list' shows them) and try again."
        )
    for pattern, text in TABLE:
        if re.search(pattern, output):
            return text.format(home=home)
    if code in (-9, 137):
        return "The memory ran out: close other programs and try again."
    told = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in told if line.lower().startswith("error")] or told or [f"exit code {code}"]
    return f"Mixel's Python could not be made ({errors[-1][:200]}): try again, and report {log} if it happens again."


def _end(address: str) -> str:
    """An address that fits into a sentence."""
    return address if len(address) <= 100 else "..." + address[-97:]
