"""The backend's Python is made for its user alone, and not run from a place where others can write."""

from __future__ import annotations

import os
import stat
import sys

import pytest
from mixel.backend import ownership
from mixel.plugin import environment
from mixel.plugin.environment import InstallError, places, turn
from scripted_python import make, pythons

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.fixture
def disown(monkeypatch):
    """A function that makes a file somebody else's."""

    def give_away(path):
        if os.geteuid() == 0:
            os.chown(path, 12345, 12345, follow_symlinks=False)
        else:
            number = os.geteuid() + 1
            monkeypatch.setattr(ownership.os, "geteuid", lambda: number)

    return give_away


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022])
def test_the_folder_is_made_for_its_user_alone(home, fake, monkeypatch, tmp_path, mask):
    deep = tmp_path / "not there" / "yet" / "mixel"
    monkeypatch.setenv("MIXEL_HOME", str(deep))
    before = os.umask(mask)
    try:
        make()
    finally:
        os.umask(before)
    assert [mode(path) for path in (deep, deep.parent, deep.parent.parent)] == [0o700] * 3
    assert mode(deep / turn.FILE) == 0o600
    assert environment.find().python


@pytest.mark.parametrize("bits", [0o777, 0o772, 0o1777, 0o770])
def test_a_folder_that_others_can_write_to_is_refused_for_making_and_running(home, fake, monkeypatch, bits):
    make()
    monkeypatch.setattr(ownership, "_is_alone", lambda user, group: False)
    home.chmod(bits)
    assert f"other users can write to {home}: set MIXEL_HOME" in environment.find().reason
    count = len(fake.calls())
    for action in (make, environment.delete, lambda: list(environment.repair(lambda: False))):
        with pytest.raises(InstallError, match="other users can write to"):
            action()
    assert len(fake.calls()) == count
    home.chmod(0o700)
    assert environment.find().python


def test_the_python_itself_and_the_folders_above_count_too(home, fake, tmp_path):
    make()
    folder = environment.find().python.parent.parent
    for path in (folder, tmp_path):
        before = mode(path)
        path.chmod(0o777)
        assert f"other users can write to {path}" in environment.find().reason
        path.chmod(before)
    tmp_path.chmod(0o1777)
    assert environment.find().python, "as /tmp: with the sticky bit nobody can replace another's folder"


def test_a_group_that_is_the_users_own_may_write(home, fake, monkeypatch):
    make()
    home.chmod(0o770)
    monkeypatch.setattr(ownership, "_is_alone", lambda user, group: True)
    assert environment.find().python


def test_which_groups_are_a_users_own():
    import grp
    import pwd

    assert ownership._is_alone(os.geteuid(), 0)
    assert not ownership._is_alone(os.geteuid(), 54321)
    shared = next(group for group in grp.getgrall() if group.gr_gid and group.gr_name != pwd.getpwuid(0).pw_name)
    assert not ownership._is_alone(0, shared.gr_gid)


def test_a_folder_of_somebody_else_is_refused(home, fake, disown):
    make()
    disown(home)
    assert "belongs to the user" in environment.find().reason
    count = len(fake.calls())
    with pytest.raises(InstallError, match=r"belongs to the user .*: set MIXEL_HOME to a folder that only you"):
        make()
    assert len(fake.calls()) == count


def test_a_link_of_somebody_else_in_the_folders_place_is_refused(home, tmp_path, fake, disown):
    (tmp_path / "elsewhere").mkdir(0o700)
    home.symlink_to(tmp_path / "elsewhere")
    make()
    assert environment.find().python, "the user's own link to another disk"
    disown(home)
    with pytest.raises(InstallError, match=r"is a link that the user .* made|belongs to"):
        make()
    assert environment.find().python is None


def test_a_link_in_the_pythons_place_is_no_python_and_its_target_is_left(home, tmp_path, fake):
    make()
    folder = environment.find().python.parent.parent
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    assert "half made" in environment.find().reason or "another version" in environment.find().reason
    assert environment.size() == 0
    make()
    assert environment.find().python
    assert not folder.is_symlink()
    assert (tmp_path / "moved" / places.READY).exists()
    environment.delete()
    assert pythons(home) == []
    assert (tmp_path / "moved" / places.READY).exists()


def test_a_link_in_the_place_of_the_lock_is_not_followed(home, tmp_path, fake):
    home.mkdir(0o700)
    (home / turn.FILE).symlink_to(tmp_path / "precious")
    (tmp_path / "precious").write_text("precious")
    with pytest.raises(InstallError):
        make()
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_folder_that_another_process_made_meanwhile_is_checked_and_not_trusted(tmp_path, monkeypatch):
    target = tmp_path / "new"
    true = os.mkdir

    def slower(path, *more):
        true(path, 0o777)
        os.chmod(path, 0o777)
        raise FileExistsError(17, "File exists")

    monkeypatch.setattr(ownership.os, "mkdir", slower)
    ownership.make(target)
    assert "other users can write" in ownership.complaint(target)


def test_windows_has_no_such_bits(tmp_path, monkeypatch):
    tmp_path.chmod(0o777)
    monkeypatch.setattr(sys, "platform", "win32")
    assert ownership.complaint(tmp_path) == ""
    assert not ownership.others_write(os.lstat(tmp_path))
    assert ownership.is_own(os.lstat(tmp_path))
