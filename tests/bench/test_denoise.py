import numpy as np
import pytest

from edlrr_cli.bench import denoise_tables
from edlrr_cli.bench.denoise_data import shipped_data
from edlrr_cli.bench.denoise_figure import draw_figure
from edlrr_cli.bench.denoise_networks import KINDS, RECIPES, Network
from edlrr_cli.bench.denoise_scores import NamedDenoiser, noise_of, score, verdicts
from edlrr_cli.bench.denoise_training import Trial, choose, search
from edlrr_cli.tasks.training.levels import Levels


def trial(lam, cost):
    return Trial(Network("lrr", 25, lam), 30 - cost, cost)


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ({0.005: 0.1, 0.01: 0.29, 0.02: 0.5}, 0.01),
        ({0.005: -0.1, 0.01: 0.3}, 0.01),
        ({0.005: 0.4}, 0.005),
    ],
)
def test_the_largest_lambda_that_costs_little_is_chosen(costs, expected):
    assert choose([trial(lam, cost) for lam, cost in costs.items()]).lam == expected


def test_the_search_ends_at_the_first_lambda_that_costs_too_much():
    psnr = {0.0: 30.0, 0.005: 29.9, 0.01: 29.8, 0.02: 29.6, 0.04: 29.0}
    tried = list(search("lrr", 25, lambda network: psnr[network.lam]))
    assert [step.network.lam for step in tried] == [0.005, 0.01, 0.02]
    assert [step.cost for step in tried] == pytest.approx([0.1, 0.2, 0.4])


def test_networks_differ_in_what_their_kind_says():
    recipe = RECIPES["paper"]
    plain = Network("plain", 25).config(recipe, "cpu")
    assert (plain.size.depth, plain.size.width, plain.batch, plain.lam) == (17, 64, 128, 0)
    assert plain.sigma == Levels(25, 25)
    assert Network("lrr", 25, 0.01).config(recipe, "cpu").lam == 0.01
    assert Network("error", 25, 0.1).config(recipe, "cpu").lrr_target == "error"
    assert Network("wide", 25, 0.1).config(recipe, "cpu").lrr_sigma == Levels(0, 75)
    assert Network("bias-free", 25).config(recipe, "cpu").arch == "dncnn-bf"
    assert Network("blind", None).config(recipe, "cpu").sigma == Levels(0, 55)
    assert Network("lrr", 25, 0.1).config(recipe, "cpu").lrr_matrices == "image"
    assert Network("windows", 25, 0.1).config(recipe, "cpu").lrr_matrices == "windows"
    assert Network("groups", 25, 0.1).config(recipe, "cpu").lrr_matrices == "groups"
    levels = (15, 25, 50)
    names = {Network(kind, level, 0.1, seed).name for kind in KINDS for level in levels for seed in (0, 1)}
    assert len(names) == len(KINDS) * len(levels) * 2


def test_every_kind_is_trained_by_a_recipe():
    assert {kind for recipe in RECIPES.values() for kind in recipe.trained_at} == set(KINDS)
    assert set(RECIPES["paper"].trained_at) == set(KINDS)
    assert set(RECIPES["patches"].trained_at) == {"plain", "lrr", "windows", "groups"}


def test_the_shipped_photographs_are_cut_as_the_data_set_is():
    data = shipped_data()
    assert len(data.training) > 20
    assert {tuple(tile.shape) for tile in data.training} == {(1, 180, 180)}
    assert all(tile.float().std() > 1 for tile in data.training)
    ((test_set, images),) = data.sets.items()
    assert test_set == "scikit-image"
    assert [name for name, _ in images] == ["camera", "cat", "coins", "page"]
    for _, pixels in images:
        assert pixels.shape[2:] == (1,)
        assert 0 <= pixels.min() < pixels.max() <= 1


def test_the_noise_is_the_same_for_all_and_differs_by_image_and_level():
    first = noise_of("Set12", "01", 25, (64, 64, 1))
    assert np.array_equal(first, noise_of("Set12", "01", 25, (64, 64, 1)))
    assert not np.array_equal(first, noise_of("Set12", "02", 25, (64, 64, 1)))
    assert first.std() * 255 == pytest.approx(25, rel=0.05)


def test_scores_are_means_of_psnr_over_the_images():
    shades = [("a", np.full((8, 8, 1), 0.5)), ("b", np.full((8, 8, 1), 0.4))]
    row = score(
        NamedDenoiser("mine", None, 0, lambda pixels, sigma: np.full_like(pixels, 0.6)), "s", shades, 25
    )
    assert row["psnr"] == pytest.approx((20 + 20 * np.log10(5)) / 2, abs=1e-3)
    assert row["num_pictures"] == 2


def test_slow_and_further_networks_are_tested_where_it_matters():
    def enters(method, trained_at, seed, test_set, level):
        denoiser = NamedDenoiser(method, trained_at, seed, lambda pixels, sigma: pixels)
        return denoiser.is_tested(level, is_first_set=test_set == "Set12")

    assert enters("bm3d", None, 0, "Set12", 25)
    assert not enters("bm3d", None, 0, "Set12", 35)
    assert not enters("bm3d", None, 0, "BSD68", 25)
    assert enters("plain", 25, 1, "Set12", 35)
    assert not enters("plain", 25, 1, "BSD68", 35)
    assert enters("rescaled", 25, 0, "Set12", 35)
    assert not enters("rescaled", 25, 0, "Set12", 25)


def score_row(method, trained_at, level, seed, psnr, test_set="Set12"):
    row = {"kind": "score", "set": test_set, "level": level, "method": method, "trained_at": trained_at}
    return {**row, "seed": seed, "psnr": psnr, "num_pictures": 12}


def made_up():
    rows = [
        score_row(method, trained_at, level, seed, base + 0.1 * seed + gain * (level > trained_at))
        for trained_at in (15, 25)
        for level in (15, 25, 50)
        for seed in (0, 1, 2)
        for method, base, gain in (("plain", 20.0, 0.0), ("lrr", 19.9, 1.0 + 0.05 * seed))
    ]
    rows += [score_row("edlrr", None, level, 0, 30.0) for level in (15, 25, 50)]
    rows += [score_row("edlrr:auto", None, 25, 0, 31.0), score_row("bm3d", None, 25, 0, 29.97)]
    rows += [score_row("plain", 15, 25, 0, 20.0, test_set="BSD68")]
    rows += [{"kind": "time", "method": "edlrr", "seconds": 0.5}]
    rows += [{"kind": "time", "method": "edlrr:command", "seconds": 2.5}]
    rows += [
        {"kind": "trial", "network": "lrr", "trained_at": 15, "lam": 0.01}
        | {"held_out_psnr": 30.0, "cost_db": 0.1, "chosen": True}
    ]
    return rows


def test_gains_are_paired_by_seed_and_told_with_their_spread():
    found = {(row["trained_at"], row["level"]): row for row in verdicts(made_up(), (15, 25, 50))}
    assert found[15, 15]["gain"] == pytest.approx(-0.1)
    assert found[15, 50]["gain"] == pytest.approx(0.95)
    assert found[15, 50]["spread"] == pytest.approx(0.05)
    assert found[15, 50]["beyond_spread"]
    assert found[15, 15]["beyond_spread"] is False
    assert found[15, 50]["num_seeds"] == 3


def test_terms_on_patches_are_compared_with_the_same_network():
    rows = [
        score_row(method, 25, level, seed, 20 + 0.1 * seed + gain, test_set="scikit-image")
        for level in (25, 50)
        for seed in (0, 1)
        for method, gain in (("plain", 0.0), ("lrr", 0.5), ("groups", -0.25), ("wide", 3.0))
    ]
    found = verdicts(rows, (25, 50))
    assert {(row["network"], row["gain"]) for row in found} == {("lrr", 0.5), ("groups", -0.25)}
    text = denoise_tables.summary([*rows, *found])
    assert "| + low-rank term, trained at 25 | *+0.50 ± 0.00* | +0.50 ± 0.00 |" in text
    assert "| + low-rank term of similar patches, trained at 25 | *-0.25 ± 0.00* | -0.25 ± 0.00 |" in text
    assert "printed" not in text
    assert "**scikit-image**" in denoise_tables.details([*rows, *found])


def test_tables_show_scores_gains_and_the_search():
    rows = [*made_up(), *verdicts(made_up(), (15, 25, 50))]
    text = denoise_tables.summary(rows)
    assert "| BM3D | – | 29.97 | – | – | – | – | – |" in text
    assert "| `edlrr denoise` | – | **31.00** | – |" in text
    assert "| trained at 15 | *-0.10 ± 0.00* | +0.95 ± 0.05 | +0.95 ± 0.05 |" in text
    assert "*32.86*" in text
    assert "The whole command takes 2.5 s." in text
    details = denoise_tables.details(rows)
    assert "| DnCNN, trained at 15 | 20.10 | 20.10 | 20.10 |" in details
    assert "| + low-rank term, trained at 15 | 0.01 | 30.00 | +0.10 | yes |" in details


def test_the_figure_is_an_image_of_each_level():
    import io

    from PIL import Image

    with Image.open(io.BytesIO(draw_figure(made_up(), "Set12"))) as figure:
        assert figure.width == 1320
