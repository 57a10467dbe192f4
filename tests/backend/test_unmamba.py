"""UNMamba: the published code's defects must not come back, and known mixtures must be found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.unmamba import method as unmamba
from mixel.backend.methods.unmamba.config import Config
from mixel.backend.methods.unmamba.network import Unmamba
from mixel.backend.methods.unmamba.released import ReleasedUnmamba
from mixel.backend.metrics import match, rmse, spectral_angles

CPU = torch.device("cpu")
SMALL = {"width": 16, "num_blocks": 2, "num_endmembers": 3}


def silent(step: int, steps: int, loss: float) -> None:
    """Reports to nobody."""


def made_scene(rows: int, cols: int, seed: int = 0, bands: int = 40) -> tuple[Cube, np.ndarray, np.ndarray]:
    """Three materials in smooth patches with some pure pixels: the cube, its endmembers, its abundances."""
    random = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    spectra = np.stack([0.05 + 0.5 * axis, 0.5 - 0.4 * axis, 0.1 + 0.4 * np.exp(-(((axis - 0.5) / 0.15) ** 2))])
    y, x = np.mgrid[:rows, :cols]
    fields = np.stack([np.sin(x / 5 + 1), np.sin(y / 4), np.cos((x + y) / 6)]) * 6
    abundances = np.exp(fields) / np.exp(fields).sum(axis=0)
    values = np.einsum("rhw,rl->lhw", abundances, spectra) + random.normal(0, 0.002, (bands, rows, cols))
    cube = Cube(Window(0, 0, rows, cols), values.astype(np.float32), np.ones((rows, cols), dtype=bool))
    return cube, spectra, abundances


def network(kind: type = Unmamba, shape: tuple[int, int] = (20, 15), **changes: object) -> torch.nn.Module:
    torch.manual_seed(0)
    start, config = torch.rand(3, 12) * 0.5 + 0.1, build(Config, {**SMALL, **changes})
    mean = start.mean(dim=0)
    return ReleasedUnmamba(config, mean, shape) if kind is ReleasedUnmamba else Unmamba(config, start, mean)


def test_known_mixtures_are_found_again() -> None:
    cube, spectra, abundances = made_scene(36, 30)
    fitted = unmamba.fit([cube], build(Config, {"num_endmembers": 3, "preset": "quick"}), CPU, silent)
    order = match(fitted.endmembers, spectra)
    angles = np.diag(spectral_angles(fitted.endmembers[order], spectra))
    assert angles.max() < 0.08
    assert rmse(fitted.unmix(cube).abundances[order], abundances) < 0.06


def test_training_moves_abundances_and_endmembers_closer_to_the_scene() -> None:
    """Endmembers of the start that are off, as where no pixel is pure: the loss falls by far."""
    cube, spectra, _ = made_scene(36, 30)
    blunt = (0.7 * spectra + 0.3 * spectra.mean(axis=0)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(unmamba, "spanning_spectra", lambda values, *_: blunt / cube.reflectance.max())
        quick = {"num_endmembers": 3, "epochs": 200, "learning_rate": 0.01, "weight_spread": 0}
        fitted = unmamba.fit([cube], build(Config, quick), CPU, silent)
    assert np.mean(fitted.record.losses[-10:]) < 0.6 * np.mean(fitted.record.losses[:3])
    order = match(fitted.endmembers, spectra)
    before = np.diag(spectral_angles(blunt, spectra)).mean()
    assert np.diag(spectral_angles(fitted.endmembers[order], spectra)).mean() < 0.8 * before


def test_the_start_does_not_hang_on_the_seed() -> None:
    cube, spectra, _ = made_scene(36, 30)
    runs = [unmamba.fit([cube], build(Config, {**SMALL, "epochs": 5, "seed": seed}), CPU, silent) for seed in range(3)]
    for run in runs:
        angles = spectral_angles(run.endmembers[match(run.endmembers, spectra)], spectra)
        assert np.diag(angles).max() < 0.1


def test_before_training_abundances_are_those_of_the_first_endmembers_in_sun_and_shade() -> None:
    net = network()
    shares = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    pixels = shares @ net.start * torch.tensor([[1.0], [0.3], [0.6]])
    found = net(pixels.t().reshape(1, 12, 1, 3))[0, :, 0].t()
    torch.testing.assert_close(found, (shares + 0.03) / 1.09, atol=2e-4, rtol=0)


def test_every_weight_of_the_repaired_network_is_trained() -> None:
    """Defects U1 and U3: no weight is made after the optimiser, none stays without a gradient."""
    net = network()
    names = set(dict(net.named_parameters()))
    with torch.no_grad():  # else the first step reaches the last layer only
        net.head[-1].weight.normal_(0, 0.1)
    tiles = torch.rand(2, 12, 9, 7)
    abundances = net(tiles)
    rebuilt = torch.einsum("brhw,rl->blhw", abundances, net.endmembers())
    (rebuilt - tiles).square().mean().backward()
    assert {name for name, one in net.named_parameters() if one.grad is not None and one.grad.abs().sum() > 0} == names
    assert set(dict(network().named_parameters())) == names


def test_a_state_dict_fits_a_fresh_network() -> None:
    net, fresh = network(), network()
    with torch.no_grad():
        net.change.add_(0.5)
    fresh.load_state_dict(net.state_dict())
    tiles = torch.rand(1, 12, 6, 5)
    torch.testing.assert_close(net.eval()(tiles), fresh.eval()(tiles))


def test_the_released_variant_keeps_its_spectral_branch_frozen() -> None:
    net = network(ReleasedUnmamba)
    frozen = {name for name, one in net.named_parameters() if not one.requires_grad}
    assert frozen
    assert all("spectral" in name for name in frozen)


def test_the_released_variant_clamps_its_spectra_before_the_step_only() -> None:
    net = network(ReleasedUnmamba)
    assert net.spectra.min() < 0
    net.endmembers().sum().backward()
    assert 0 < net.spectra.min() <= net.spectra.max() <= 1


def test_the_released_variant_refuses_another_image() -> None:
    with pytest.raises(ValueError, match="trained on"):
        network(ReleasedUnmamba)(torch.rand(1, 12, 21, 15))


def test_the_released_variant_runs_from_fit_to_map() -> None:
    cube, _, _ = made_scene(19, 17)
    fitted = unmamba.fit([cube], build(Config, {**SMALL, "epochs": 3, "variant": "released"}), CPU, silent)
    shares = fitted.unmix(cube).abundances
    assert shares.shape == (3, 19, 17)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)


def test_a_perfect_pixel_has_a_finite_gradient() -> None:
    """Defect U7: an arccos has no slope at a perfect fit."""
    spectrum = torch.rand(1, 12, 1, 1) + 0.1
    other = spectrum.clone().requires_grad_()
    angle = unmamba.spectral_angle(other, spectrum)
    angle.sum().backward()
    assert angle.item() < 1e-5
    assert torch.isfinite(other.grad).all()


def test_the_spectral_angle_is_the_arccos_of_the_cosine() -> None:
    first, second = torch.rand(4, 9, 3, 2), torch.rand(4, 9, 3, 2)
    expected = torch.arccos(torch.nn.functional.cosine_similarity(first, second, dim=1))
    torch.testing.assert_close(unmamba.spectral_angle(first, second), expected, rtol=1e-4, atol=1e-5)


def test_endmembers_are_never_negative_however_they_change() -> None:
    net = network()
    with torch.no_grad():
        net.change.sub_(50)
    assert net.endmembers().min() >= 0


def test_endmembers_start_as_they_are_given_even_extreme_ones() -> None:
    start = torch.tensor([[0.3, 0.9, 0.01], [0.0, 500.0, 1e-3]])
    found = Unmamba(build(Config, {"num_endmembers": 2}), start, start.mean(dim=0)).endmembers()
    torch.testing.assert_close(found, start.clamp_min(1e-4), rtol=1e-3, atol=1e-5)


def test_windows_join_without_seams() -> None:
    """Cores of windows with the method's halo against the whole scene, after some training."""
    cube, _, _ = made_scene(70, 50)
    config = build(Config, {**SMALL, "epochs": 40})
    fitted = unmamba.fit([cube], config, CPU, silent)
    whole, halo = fitted.unmix(cube).abundances, unmamba.plan(config).halo
    for top, left in ((0, 0), (18, 10), (35, 25)):
        rows, cols = slice(max(0, top - halo), top + 35 + halo), slice(max(0, left - halo), left + 25 + halo)
        part = Cube(cube.window, cube.reflectance[:, rows, cols], cube.valid[rows, cols])
        found = fitted.unmix(part).abundances[:, top - rows.start :, left - cols.start :][:, :35, :25]
        np.testing.assert_allclose(found, whole[:, top : top + 35, left : left + 25], atol=1e-3)


def test_what_lies_outside_a_pixel_does_not_rescale_it() -> None:
    """Defect U10: normalisation over the image makes a pixel depend on the brightness of far-away ones."""
    cube, _, _ = made_scene(20, 90)
    fitted = unmamba.fit([cube], build(Config, {**SMALL, "epochs": 5}), CPU, silent)
    changed = cube.reflectance.copy()
    changed[:, :, 60:] *= 3
    other = Cube(cube.window, changed, cube.valid)
    np.testing.assert_allclose(
        fitted.unmix(other).abundances[:, :, :30], fitted.unmix(cube).abundances[:, :, :30], atol=1e-3
    )


def test_nodata_does_not_reach_the_endmembers() -> None:
    cube, _, _ = made_scene(20, 16)
    config = build(Config, {**SMALL, "epochs": 3})
    valid = cube.valid.copy()
    valid[5:9, 3:8] = False
    spoilt = cube.reflectance.copy()
    spoilt[:, 5:9, 3:8] = 99
    clean = unmamba.fit([Cube(cube.window, cube.reflectance, valid)], config, CPU, silent)
    dirty = unmamba.fit([Cube(cube.window, spoilt, valid)], config, CPU, silent)
    np.testing.assert_array_equal(clean.endmembers, dirty.endmembers)


def test_a_step_sees_squares_from_all_over_the_sample() -> None:
    tiles = [made_scene(40, 36, seed)[0] for seed in range(6)]
    squares = unmamba._Squares(tiles, 1.0, torch.zeros(40), 16, seed=1)
    first, valid = squares.draw()
    assert first.shape == (8, 40, 16, 16)
    assert valid.shape == (8, 16, 16)
    assert not torch.equal(first, squares.draw()[0])
    again = unmamba._Squares(tiles, 1.0, torch.zeros(40), 16, seed=1)
    torch.testing.assert_close(again.draw()[0], first, rtol=0, atol=0)
    means = {round(float(squares.draw()[0].mean()), 6) for _ in range(20)}
    assert len(means) == 20


def test_tiles_smaller_than_a_square_are_seen_whole() -> None:
    squares = unmamba._Squares([made_scene(10, 36)[0]], 1.0, torch.zeros(40), 16, seed=1)
    assert squares.draw()[0].shape == (12, 40, 10, 16)


def test_the_released_variant_needs_no_clusters_to_start_from() -> None:
    cube, _, _ = made_scene(17, 16)
    flat = Cube(cube.window, np.full_like(cube.reflectance, 0.3), cube.valid)
    fitted = unmamba.fit([flat], build(Config, {**SMALL, "epochs": 2, "variant": "released"}), CPU, silent)
    assert np.isfinite(fitted.unmix(flat).abundances).all()


def test_the_released_variant_sees_its_whole_image() -> None:
    squares = unmamba._Squares([made_scene(70, 60)[0]], 1.0, torch.zeros(40), None, seed=1)
    assert squares.draw()[0].shape == (1, 40, 70, 60)


def test_a_scene_of_too_few_kinds_of_spectra_is_refused_with_a_sentence() -> None:
    cube, spectra, _ = made_scene(8, 8)
    values = np.where(np.arange(8) < 4, spectra[0][:, None, None], spectra[1][:, None, None]) * np.ones((1, 8, 1))
    flat = Cube(cube.window, values.astype(np.float32), cube.valid)
    with pytest.raises(ValueError, match=r"only 2 kinds of spectra. Ask for fewer endmembers\."):
        unmamba.fit([flat], build(Config, SMALL), CPU, silent)
