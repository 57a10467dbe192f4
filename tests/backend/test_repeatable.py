"""Which operators of the networks torch calls not deterministic on CUDA: the page on graphics cards names them.

The list is the one in torch's documentation of ``use_deterministic_algorithms``, with the names of the dispatcher.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from mixel.backend.config import build
from mixel.backend.methods import methods
from stripes import CPU, data, made_scene, silent, small
from torch.utils._python_dispatch import TorchDispatchMode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpu.md"
CHANGING = {
    "index_put", "index_put_", "_index_put_impl_", "index_add", "index_add_", "index_copy", "index_select_backward",
    "scatter", "scatter_add", "scatter_add_", "scatter_reduce", "gather_backward", "put_", "bincount", "histc",
    "kthvalue", "median", "cumsum", "cumsum_", "embedding_dense_backward", "reflection_pad1d_backward",
    "reflection_pad2d_backward", "reflection_pad3d_backward", "replication_pad1d_backward",
    "replication_pad2d_backward", "replication_pad3d_backward", "upsample_bilinear2d_backward",
    "upsample_bicubic2d_backward", "upsample_linear1d_backward", "grid_sampler_2d_backward", "max_pool3d_backward",
    "adaptive_avg_pool2d_backward", "_adaptive_avg_pool2d_backward", "avg_pool3d_backward", "nll_loss2d_forward",
    "_ctc_loss_backward", "fractional_max_pool2d_backward", "max_unpool2d", "convolution", "convolution_backward",
    "bmm", "mm", "addmm", "baddbmm",
}  # fmt: skip
PRODUCTS = {"bmm", "mm", "addmm", "baddbmm"}
"""Repeatable with the workspace that Mixel sets for cuBLAS."""


class Seen(TorchDispatchMode):
    """The names of all operators that run."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        self.names.add(function.overloadpacket.__name__)
        return function(*arguments, **(keywords or {}))


@pytest.mark.parametrize("chosen", [one for one in methods() if one.on_device], ids=lambda one: one.name)
def test_the_page_names_every_operator_that_changes(chosen, monkeypatch):
    from mixel.backend import room

    monkeypatch.setattr(room, "on_card", lambda device: True)
    cube, classes = made_scene(12, 10)
    config = build(chosen.config, {**small(chosen.name), "epochs": 2})
    known = data(cube, classes, validation=6, wavelengths=None)
    given = {"unmix": [[cube]], "classify": [known], "unmix_and_classify": [known, [cube]]}[chosen.task]
    with Seen() as seen:
        chosen.load().fit(*given, config, CPU, silent)
    used = (seen.names & CHANGING) - PRODUCTS
    page = PAGE.read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{chosen.name}` |")]
    assert {name.rstrip("_") for name in used} == set(row.split("|")[2].replace("`", "").replace("none", "").split())
    assert "mm" in seen.names or "addmm" in seen.names
