"""The compiled forms for mapping against the modules they stand for: any width, length, direction and layout."""

from __future__ import annotations

import pytest
import torch
from mixel.backend.scan import MambaBlock, layers
from mixel.backend.scan.fused import CHUNK, FusedMamba
from mixel.backend.scan.spectrum import FusedSpectrum
from torch import nn
from torch.nn import functional


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def changed(module):
    """Every weight moved a little, so that none is 0 or 1 by default."""
    for one in module.parameters():
        one.add_(0.2 * torch.randn_like(one))
    return module


def close(found, expected):
    scale = float(expected.abs().max())
    torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=2e-6)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("d_model", "options", "shape"),
    [
        (32, {"d_state": 8}, (5, 64)),
        (16, {"d_state": 8}, (23, 4)),
        (32, {}, (3, 35)),
        (5, {"d_state": 1}, (4, 1)),
        (24, {"d_state": 5, "d_conv": 3, "expand": 1}, (7, 2 * 40 + 1)),
        (9, {"d_state": 6, "d_conv": 2, "expand": 3}, (2, 41)),
        (40, {"d_conv": 1}, (3, 10)),
    ],
)
def test_a_fused_block_gives_what_the_block_gives(d_model, options, shape, reverse):
    block, tokens = changed(MambaBlock(d_model, reverse=reverse, **options)), torch.randn(*shape, d_model)
    close(FusedMamba(block)(tokens), block(tokens))


def test_a_fused_block_of_nothing_is_nothing():
    fused = FusedMamba(MambaBlock(8))
    assert fused(torch.randn(0, 4, 8)).shape == (0, 4, 8)
    assert fused(torch.randn(3, 0, 8)).shape == (3, 0, 8)


def test_a_fused_block_reads_and_writes_halves_of_wider_rows():
    block, rows, found = changed(MambaBlock(8, 4)), torch.randn(6, 9, 16), torch.zeros(6, 9, 16)
    FusedMamba(block)(rows[..., 8:], found[..., :8])
    close(found[..., :8], block(rows[..., 8:].contiguous()))
    assert not found[..., 8:].any()


def test_a_fused_block_may_write_over_its_tokens():
    block, tokens = changed(MambaBlock(8, 4)), torch.randn(6, CHUNK + 3, 8)
    expected = block(tokens)
    close(FusedMamba(block)(tokens, tokens), expected)


def test_decays_too_strong_for_the_short_exponential():
    block = changed(MambaBlock(8, 4))
    block.dt_proj.bias.fill_(60)
    tokens = 3 * torch.randn(5, 21, 8)
    close(FusedMamba(block)(tokens), block(tokens))


def test_other_widths_and_types_are_refused():
    fused = FusedMamba(MambaBlock(8))
    for wrong in (torch.zeros(1, 2, 9), torch.zeros(1, 2, 8, dtype=torch.float64)):
        with pytest.raises(ValueError, match="float32 tokens"):
            fused(wrong)


@pytest.mark.parametrize(("width", "side"), [(64, 8), (24, 6), (8, 2), (40, 10)])
def test_norms_and_merging_in_their_place(width, side):
    board = torch.randn(4 * side, 5 * side, width) + 1
    part = board[side : 3 * side, side : 4 * side].unflatten(1, (3, side)).unflatten(0, (2, side)).transpose(1, 2)
    tokens, untouched = part.reshape(6, side * side, width), board[:side].clone()
    before, norms = changed(nn.LayerNorm(width)), [changed(nn.LayerNorm(width)) for _ in range(2)]
    fuse, valid = changed(nn.Linear(width, width)), torch.rand(6, side * side) > 0.3
    packed = layers.Norm(before)
    close(layers.normalised(packed, part), before(tokens))
    close(layers.normalised(packed, part, valid), before(tokens) * valid[..., None])
    spatial, spectral, shares = torch.randn_like(tokens), torch.randn_like(tokens), torch.tensor([0.3, 0.7])
    expected = tokens + fuse(sum(s * functional.gelu(n(x)) for s, n, x in zip(shares, norms, (spatial, spectral))))
    both = (layers.Norm(norms[0], shares[0]), layers.Norm(norms[1], shares[1]))
    layers.merge(part, spatial, spectral, both, layers.Map(fuse.weight.t(), fuse.bias))
    close(part.reshape(tokens.shape), expected)
    assert torch.equal(board[:side], untouched)


@pytest.mark.parametrize(("bands", "components", "width"), [(50, 40, 64), (7, 3, 24), (1, 1, 8)])
def test_components_of_a_part_of_a_cube(bands, components, width):
    cube, mean = torch.rand(bands, 9, 13), torch.rand(bands)
    projection, valid = torch.randn(bands, components), (torch.rand(9 * 13) > 0.2).float()
    linear, norm = changed(nn.Linear(components, width)), changed(nn.LayerNorm(width))
    packed = layers.Norm(norm)
    image = torch.full((4, 13, packed.channels), 7.0)
    spectra = layers.Spectra(cube, mean, projection, 1.5)
    layers.embedded(spectra, layers.Map(linear.weight.t(), linear.bias), packed, valid, 3 * 13, image)
    there = slice(3 * 13, 7 * 13)
    values = ((cube.flatten(1)[:, there].t() - mean) @ projection).clamp(-1.5, 1.5)
    expected = functional.gelu(norm(linear(values))) * valid[there, None]
    close(image[..., :width].reshape(-1, width), expected)
    assert not image[..., width:].any()


@pytest.mark.parametrize(("width", "side", "cols"), [(64, 7, 11), (24, 3, 8), (8, 1, 3)])
def test_the_convolution_of_the_stem(width, side, cols):
    depthwise, linear = changed(nn.Conv2d(width, width, side, groups=width)), changed(nn.Linear(width, width))
    channels = layers.Norm(nn.LayerNorm(width)).channels
    image, half = torch.zeros(5 + side - 1, cols + side - 1, channels), side // 2
    image[..., :width] = torch.randn(*image.shape[:2], width)
    found = torch.zeros(5, cols, width)
    filters = layers.Map(depthwise.weight[:, 0].flatten(1).t(), depthwise.bias)
    layers.around(filters, layers.Map(linear.weight.t(), linear.bias), side, image, found)
    rows = image[..., :width]
    mixed = linear(functional.gelu(depthwise(rows.permute(2, 0, 1)).permute(1, 2, 0)))
    close(found, rows[half : half + 5, half : half + cols] + mixed)


@pytest.mark.parametrize(("width", "tokens", "held"), [(32, 34, 6), (8, 1, 3), (20, 5, 1)])
def test_a_spectrum_in_pieces(width, tokens, held):
    embed, scan = changed(nn.Linear(2 * held, width)), changed(MambaBlock(width, 4))
    before, after = changed(nn.RMSNorm(width)), changed(nn.RMSNorm(width))
    places, gaps, spectra = torch.randint(11, (tokens, held)), torch.randn(tokens, held), torch.randn(6, 11)
    features = embed(torch.cat([spectra[:, places], gaps.expand(6, -1, -1)], dim=-1))
    expected = after(features + scan(before(features))).mean(dim=1)
    fused = FusedSpectrum(embed, before, scan, after, places, gaps)
    close(fused(spectra), expected)
    with pytest.raises(ValueError, match="bands are needed"):
        fused(spectra[:, :1]) if int(places.max()) > 0 else fused(spectra[:, :0])
