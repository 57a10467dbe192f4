"""Whose a folder is: what is run from a folder is only as trustworthy as everybody who can write there.

Standard library only and Python 3.9: the plugin asks it about the backend's Python, the backend about its compiled
kernels. POSIX alone has these bits; on Windows a user's data folder is closed to others by inheritance, and nothing is
refused.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Set


def complaint(folder: Path) -> str:
    """Why files in an existing folder must not be run: half a sentence; empty if only its owner can change them.

    The owner must be this user or the system. All folders above count too, since whoever can write there can put
    another folder in this one's place; in a folder such as /tmp, whose sticky bit forbids that, everybody may write.
    Links on the way must be made by this user or the system. OSError if it cannot be looked at.
    """
    if sys.platform == "win32":
        return ""
    written = Path(os.path.abspath(folder))
    for path in (written, *written.parents):
        info = os.lstat(path)
        if stat.S_ISLNK(info.st_mode) and info.st_uid not in _trusted():
            return f"{path} is a link that {_name(info.st_uid)} made"
    real = Path(os.path.realpath(folder))
    for path in (real, *real.parents):
        info = os.stat(path)
        if info.st_uid not in _trusted():
            return f"{path} belongs to {_name(info.st_uid)}"
        if others_write(info) and (path == real or not info.st_mode & stat.S_ISVTX):
            return f"other users can write to {path}"
    return ""


def make(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone. OSError if it cannot be made."""
    if folder.is_dir():
        return
    make(folder.parent)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        # Another process was quicker: whether the folder will do is for complaint() to say.
        if not folder.is_dir():
            raise


def is_own(info: os.stat_result) -> bool:
    """Whether this user owns a file, as ``os.lstat`` describes it; always on Windows."""
    return sys.platform == "win32" or info.st_uid == os.geteuid()


def others_write(info: os.stat_result) -> bool:
    """Whether somebody else can write to a file or folder; a group that is the owner's alone does not count."""
    if sys.platform == "win32":
        return False
    by_group = bool(info.st_mode & stat.S_IWGRP) and not _is_alone(info.st_uid, info.st_gid)
    return by_group or bool(info.st_mode & stat.S_IWOTH)


def _trusted() -> Set[int]:
    """This user and the system; inside a sandbox the system is shown as whoever owns the root."""
    return {os.geteuid(), 0, os.stat("/").st_uid}


def _is_alone(user: int, group: int) -> bool:
    """Whether a group is the system's, or the private one that many Linuxes give each user."""
    import grp
    import pwd

    if group == 0:
        return True
    try:
        name, found = pwd.getpwuid(user).pw_name, grp.getgrgid(group)
    except KeyError:
        return False
    return found.gr_name == name and set(found.gr_mem) <= {name}


def _name(user: int) -> str:
    import pwd

    try:
        return f"the user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"the user number {user}"
