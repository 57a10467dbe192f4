"""What the README points at is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_linked_or_named_file_is_in_the_repository():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    linked = re.findall(r"\]\(([^)#]+)\)", README)
    named = re.findall(r"`((?:backend|plugin|resources|tests)/[\w./]+)`", README)
    assert "resources/demo.png" in linked
    for name in [one for one in linked if "://" not in one] + named:
        assert any(file == name or file.startswith(name.rstrip("/") + "/") for file in tracked), name


def test_every_make_target_it_names_is_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:^|`)make ([a-z][a-z-]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_method_a_user_can_choose_and_every_task_stand_in_its_tables():
    tasks = {path.parent.name for path in (ROOT / "backend" / "tasks").glob("*/config.py")}
    configs = list((ROOT / "backend" / "methods").glob("*/config.py"))
    offered = {
        path.parent.name
        for path in configs
        if re.search(r'^TASK = "(\w+)"', path.read_text(encoding="utf-8"), re.MULTILINE).group(1) in tasks
    }
    assert {"unmamba", "vca_fcls"} <= offered and all(f"| `{name}` |" in README for name in offered)
    assert all(f"`mixel:{name}`" in README for name in tasks)
