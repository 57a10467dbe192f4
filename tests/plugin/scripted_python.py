"""A scripted interpreter that plays base and new Python alike, and environments made with it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from mixel.plugin import environment
from mixel.plugin.environment import places

ABOUT = {"python": "3.12.0", "packages": {"torch": "2.13.0+cpu"}, "devices": ["cpu"]}

FAKE = f"""#!{sys.executable}
import json, os, shutil, sys, time, zipfile
from pathlib import Path
told, step = os.environ.get("FAKE", ""), " ".join(sys.argv[1:])
with open(os.environ["FAKE_CALLS"], "a") as calls:
    calls.write(step + "\\n")
if "-m venv" in step:
    if told == "no venv":
        sys.exit("Error: ensurepip is not available.")
    target = Path(sys.argv[-1], "bin", "python")
    target.parent.mkdir(parents=True)
    shutil.copy(sys.argv[0], target)
elif "pip --version" in step:
    print("pip 25.1 from /somewhere (python 3.12)")
elif "pip config list" in step:
    print("global.extra-index-url='https://name:secret@extra.example/simple'")
elif "pip install" in step or "pip download" in step:
    torch = "--requirement" not in step
    print("Collecting torch==2.13.0" if torch else "Collecting numpy==2", flush=True)
    if told == "hang":
        Path(os.environ["FAKE_CALLS"] + ".pid").write_text(str(os.getpid()))
        time.sleep(60)
    if told in ("torch " * torch + "rest " * (not torch)).split():
        print(os.environ["FAKE_OUTPUT"])
        sys.exit(1)
    if "--dest" in sys.argv:
        folder = Path(sys.argv[sys.argv.index("--dest") + 1])
        folder.mkdir()
        with zipfile.ZipFile(folder / "torch-2.13.0+cpu-py3-none-any.whl", "w") as wheel:
            wheel.writestr("torch/__init__.py", "")
            wheel.writestr("evil.pth" if told == "startup file" else "torch/good.py", "")
    print("Installing collected packages: a, b\\nSuccessfully installed a b")
    Path(os.environ["TMPDIR"], "left over").write_text("")
elif "backend.about" in step:
    if told == "broken":
        sys.exit("The package numba does not work in this Python (DLL).")
    print("a library says hello", file=sys.stderr)
    about = json.loads({json.dumps(ABOUT)!r})
    about.update({{"notes": ["There is no C compiler."]}} if told == "no compiler" else {{}})
    print(json.dumps(about))
else:
    print("[3, 12, true, true]")
"""
"""Its program. What it does is told by the environment variable FAKE."""


def make(cancelled=lambda: False, **more):
    return list(environment.create(cancelled, **more))


def pythons(home: Path):
    """The folders of Pythons, once what goes in the background has gone."""
    deadline = time.monotonic() + 5
    while list(home.glob("deleted-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [path.name.rsplit("-", 1)[0] for path in places.folders()]
