"""Small synthetic scenes on disk, and the backend as a child process."""

from __future__ import annotations

import json
import os
import resource
from contextlib import contextmanager

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must not spin on a busy machine

import pytest
from children import finished, start
from runs import quick
from scenes import QUICK, write


@pytest.fixture
def write_scene(tmp_path):
    """Writes a scene into the test's folder and gives its path; see :func:`scenes.write`."""
    return lambda values=None, name="scene.tif", **options: write(tmp_path / name, values, **options)


@pytest.fixture
def small_files():
    """``with small_files(size)``: this process writes no file beyond so many bytes, so that a write really fails."""

    @contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def backend(tmp_path):
    """Runs a job in a child process to its end: ``backend({"scene": ..., "output": ...})`` gives a Finished."""

    def run(job, *arguments, environment=None, prepare=None):
        path = tmp_path / "job.json"
        content = {"task": "unmix", "method": "unmamba", "settings": QUICK, **job} if isinstance(job, dict) else job
        path.write_text(json.dumps(content), encoding="utf-8")
        return finished(start(path, *arguments, environment=environment, prepare=prepare))

    return run


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Kernels compiled and cached, so that a test that leaves no room on the disk meets the run and not the cache."""
    from mixel.backend.tasks import running

    folder = tmp_path_factory.mktemp("first")
    running.run(quick(write(folder / "scene.tif"), folder / "out"), lambda event: None)
