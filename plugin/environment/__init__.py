"""The backend's own Python: found, made, checked, repaired, deleted. No qgis, standard library only.

What is called from outside stands here. :func:`find` is quick and for any thread; the others take from seconds to
minutes. ``python3 -m plugin.environment`` in the checkout does the same from a terminal.

* ``child`` cleaned environment and process groups, also for the backend's runs
* ``places`` which folder and which build of torch; ``base`` which Python it is made from
* ``making`` the steps, ``runner`` runs them, ``pip_calls`` pip's part, ``failures`` what went wrong in one sentence
* ``checking`` what an interpreter says of itself
* ``sources`` where packages come from, ``wheels`` what those without a hash hold, ``ownership`` whose a folder is
* ``removing`` deletion; ``turn`` one at a time; ``diagnosis`` a text for the developers
"""

from __future__ import annotations

from .checking import check
from .child import Cancelled
from .diagnosis import diagnosis
from .making import create, repair
from .places import Found, InstallError, find, home, log_path
from .removing import delete, size

__all__ = [
    "Cancelled",
    "Found",
    "InstallError",
    "check",
    "create",
    "delete",
    "diagnosis",
    "find",
    "home",
    "log_path",
    "repair",
    "size",
]
