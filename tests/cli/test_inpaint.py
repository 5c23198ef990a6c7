"""``edlrr inpaint`` from the files to the files."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli import __version__
from edlrr_cli.baselines.registry import METHODS
from edlrr_cli.errors import EXIT_DEVICE, EXIT_INPUT, EXIT_OUTPUT
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.inpaint import restore as task
from edlrr_cli.tasks.inpaint.config import Config

from .conftest import SIDE_PX, record_of, write_scene

SAMPLES = Path(__file__).parents[2] / "sample_images"


def levels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def pixels(path: Path) -> np.ndarray:
    return levels(path) / 255


def test_restores_beside_the_input_and_reports(run, scene):
    result = run(*scene.arguments("--reference", scene.clean))
    assert result.exit_code == 0
    known = levels(scene.mask) == 0
    np.testing.assert_array_equal(pixels(scene.restored)[known], pixels(scene.damaged)[known])
    assert psnr(pixels(scene.restored), pixels(scene.clean), data_range=1.0) > 35
    labels = [line[:16].strip() for line in result.stdout.splitlines()]
    assert set(labels[9:13]) == {"biharmonic", "global", "local", "nonlocal"}
    assert [*labels[:9], *labels[13:]] == [
        "restored",
        "missing",
        "PSNR",
        "SSIM",
        "held-out PSNR",
        "expected PSNR",
        "effective rank",
        "prior",
        "mixture",
        "done",
    ]
    assert str(scene.restored) in result.stdout
    assert result.stderr == (
        f"{scene.mask}: white marks the hole (those pixels are one constant color in the image and it is "
        "the smaller area): 2.44 % missing\n"
    )


def test_without_a_reference_nothing_is_claimed(run, scene):
    text = run(*scene.arguments()).stdout
    assert "held-out PSNR" in text
    assert "SSIM" not in text
    assert "\nPSNR" not in text
    record = record_of(run(*scene.arguments("--json", "--held-out", "0", "--prior", "global", "--overwrite")))
    assert [record[name] for name in ("psnr", "psnr_missing", "psnr_input", "ssim", "held_out_psnr")] == [
        None
    ] * 5


def test_json_is_complete_and_measures_the_written_file(run, scene):
    figure = scene.folder / "compare.png"
    record = record_of(
        run(
            *scene.arguments(
                "--json", "--reference", scene.clean, "--figure", figure, "--noise", "5", *GLOBAL
            )
        )
    )
    written, clean = pixels(scene.restored), pixels(scene.clean)
    hole = levels(scene.mask) > 0
    assert record["psnr"] == pytest.approx(psnr(written, clean, data_range=1.0), abs=1e-9)
    assert record["psnr_missing"] == pytest.approx(psnr(written, clean, data_range=1.0, where=hole), abs=1e-9)
    assert record["psnr_input"] == pytest.approx(psnr(pixels(scene.damaged), clean, data_range=1.0), abs=1e-9)
    assert record["missing_fraction"] == 25 / SIDE_PX**2
    expected = {
        "status": "ok",
        "input": str(scene.damaged),
        "mask": str(scene.mask),
        "output": str(scene.restored),
        "figure": str(figure),
        "mask_mode": "white",
        "method": "lrr",
        "reg": "taylor-gamma",
        "device": "cpu",
        "seed": 0,
        "iterations": 10,
        "stop": "steps",
        "version": __version__,
    }
    assert {name: record[name] for name in expected} == expected
    for name in ("seconds", "ssim", "data_term", "penalty", "lam", "scale", "held_out_psnr"):
        assert isinstance(record[name], float)
    assert record["effective_rank_before"] > 0 < record["effective_rank_after"]
    assert record["settings"]["noise"] == 5.0
    assert set(record["settings"]) >= {field.name for field in dataclasses.fields(Config)}
    assert levels(figure).shape[2] == 3


def test_identical_images_are_null_in_json(run, scene):
    scene.damaged.write_bytes(scene.clean.read_bytes())
    record = record_of(run(*scene.arguments("--json", "--mask-mode", "white", "--reference", scene.clean)))
    assert record["psnr_input"] is None


def test_the_default_judges_and_mixes(run, scene):
    record = record_of(run(*scene.arguments("--json", "--reference", scene.clean)))
    settings = record["settings"]
    assert (settings["prior"], record["quality"], settings["noise"]) == ("auto", "balanced", 0)
    assert list(record["shares"]) == ["biharmonic", "global", "local", "nonlocal"]
    assert sum(record["shares"].values()) == pytest.approx(1)
    assert record["expected_psnr"] == pytest.approx(record["psnr"], abs=10)
    text = run(*scene.arguments("--overwrite", "--quality", "fast")).stdout
    assert "\nprior           auto, fast; known pixels kept exactly\nmixture         " in text
    assert " dB of the whole image\n" in text


@pytest.mark.parametrize("prior", ["global", "local", "nonlocal", "network"])
def test_a_prior_can_be_chosen(run, scene, prior):
    arguments = scene.arguments("--prior", prior, "--reference", scene.clean, "--overwrite")
    record = record_of(run(*arguments, "--json"))
    assert record["settings"]["prior"] == prior
    assert (record["shares"], record["expected_psnr"], record["error_map"]) == (None, None, None)
    assert record["psnr"] > 30
    text = run(*arguments).stdout
    assert (
        "\nobjective       penalty " if prior == "global" else f"\nprior           {prior}, balanced;"
    ) in text


def test_the_prior_is_of_lrr_alone(refused, scene):
    line = refused(2, *by_method(scene, "tv", "--prior", "nonlocal"))
    assert "--prior is a setting of the method lrr, not of tv" in line


def test_the_expected_error_is_an_image(run, refused, scene):
    path = scene.folder / "error.png"
    record = record_of(run(*scene.arguments("--json", "--error-map", path)))
    shown, hole = levels(path), levels(scene.mask) > 0
    assert (shown[~hole] == 0).all()
    assert shown[hole].min() > 0
    assert record["error_map"] == str(path)
    expected = np.sqrt(np.square(shown / 255 * record["error_map_white"] / 255).mean())
    assert -20 * np.log10(expected) == pytest.approx(record["expected_psnr"], abs=0.5)
    assert (
        f"error map       {path}, white is "
        in run(*scene.arguments("--overwrite", "--error-map", path)).stdout
    )

    again = ("--overwrite", "--error-map")
    assert "needs the prior auto without noise" in refused(2, *scene.arguments(*GLOBAL, *again, path))
    assert "needs the prior auto without noise" in refused(2, *scene.arguments("--noise", "5", *again, path))
    assert "needs the prior auto without noise" in refused(2, *by_method(scene, "tv", *again, path))
    assert "expected the extension .png" in refused(4, *scene.arguments(*again, scene.folder / "e.jpg"))
    both = ("--figure", path, "--error-map", path, "--overwrite")
    assert f"error map {path} is the figure too" in refused(4, *scene.arguments(*both))
    assert "is the output too" in refused(4, *scene.arguments(*again, scene.restored, "-o", scene.restored))
    assert "edlrr: error: " in refused(4, *scene.arguments("--error-map", path))


def test_noise_is_said_or_estimated(run, refused, scene):
    record = record_of(run(*scene.arguments("--json", "--noise", "auto", "--quality", "fast")))
    assert record["settings"]["noise"] == "auto"
    assert 0 < record["noise"] < 0.05
    config = scene.folder / "mine.toml"
    config.write_text('noise = "auto"\nprior = "global"\n')
    text = run(*scene.arguments("--overwrite", "--config", config)).stdout
    assert "\nnoise           " in text
    assert " of 255, estimated\n" in text
    line = refused(2, *scene.arguments("--overwrite", "--noise", "some"))
    assert "noise 'some' is no number; use auto, or a level within 0..255" in line


def test_quiet_says_nothing_but_json_and_errors(run, scene):
    result = run(*scene.arguments("--quiet"))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert scene.restored.exists()
    result = run(*scene.arguments("-q", "--json", "--overwrite"))
    assert result.stderr == ""
    record_of(result)
    assert run(*scene.arguments("-q")).stderr.startswith("edlrr: error: ")


def test_settings_reach_the_task(run, scene, monkeypatch):
    reported = {}

    def spy(image, known, config, **others):
        reported.update(config=config, known=known, callback=others["callback"])
        return original(image, known, config, **others)

    original = task.restore
    monkeypatch.setattr(task, "restore", spy)
    config = scene.folder / "mine.toml"
    config.write_text('preset = "paper"\nsteps = 7\nlr = 0.02\n')
    result = run(
        "inpaint", scene.damaged, "--mask", scene.mask, "--config", config, "--lr", "0.03", "--center",
        "--gamma", "2", "--time-budget", "60", "--dilate", "1",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert reported["config"] == Config(
        prior="global",
        whiten=0,
        fill="zero",
        refresh=1,
        held_out=0,
        steps=7,
        lr=0.03,
        gamma=2,
        time_budget=60,
    )
    assert (~reported["known"]).sum() == 45  # the disk of radius 1 leaves the corners of 7 x 7 out
    assert "loss=" not in result.stderr  # it is no terminal


def test_existing_outputs_are_refused_and_untouched(refused, run, scene):
    scene.restored.write_bytes(b"precious")
    line = refused(EXIT_OUTPUT, *scene.arguments())
    assert "exists already; pass --overwrite to replace it" in line
    assert scene.restored.read_bytes() == b"precious"
    figure = scene.folder / "figure.png"
    figure.write_bytes(b"precious")
    refused(EXIT_OUTPUT, *scene.arguments("-o", scene.folder / "other.png", "--figure", figure))
    assert figure.read_bytes() == b"precious"
    assert not (scene.folder / "other.png").exists()
    assert run(*scene.arguments("--overwrite")).exit_code == 0
    assert pixels(scene.restored).shape == (SIDE_PX, SIDE_PX, 3)


@pytest.mark.parametrize("name", ["damaged.png", "mask.png", "clean.png"])
def test_inputs_are_never_overwritten(refused, scene, name):
    before = (scene.folder / name).read_bytes()
    arguments = scene.arguments("--reference", scene.clean, "--overwrite")
    assert "is one of the input files" in refused(EXIT_OUTPUT, *arguments, "-o", scene.folder / name)
    assert "is one of the input files" in refused(EXIT_OUTPUT, *arguments, "--figure", scene.folder / name)
    assert (scene.folder / name).read_bytes() == before


def test_targets_are_checked_before_inputs_are_read(refused, scene):
    scene.damaged.write_bytes(b"no image")
    assert "the folder" in refused(EXIT_OUTPUT, *scene.arguments("-o", scene.folder / "absent" / "x.png"))
    assert "unknown extension" in refused(EXIT_OUTPUT, *scene.arguments("-o", scene.folder / "x.xyz"))
    assert "expected the extension .png" in refused(EXIT_OUTPUT, *scene.arguments("--figure", "x.jpg"))
    both = scene.folder / "both.png"
    assert "is the output too" in refused(EXIT_OUTPUT, *scene.arguments("-o", both, "--figure", both))


def test_bad_inputs(refused, scene):
    truncated = scene.folder / "truncated.png"
    truncated.write_bytes(scene.damaged.read_bytes()[:300])
    assert "truncated" in refused(EXIT_INPUT, "inpaint", truncated, "--mask", scene.mask)
    assert "no such file" in refused(EXIT_INPUT, "inpaint", scene.folder / "absent.png", "--mask", scene.mask)
    small = scene.folder / "small.png"
    Image.new("L", (SIDE_PX, SIDE_PX - 1)).save(small)
    assert f"give --mask a file of {SIDE_PX} x {SIDE_PX} pixels" in refused(
        EXIT_INPUT, "inpaint", scene.damaged, "--mask", small
    )
    Image.new("L", (SIDE_PX, SIDE_PX), 255).save(small)
    assert "white all over" in refused(EXIT_INPUT, "inpaint", scene.damaged, "--mask", small)
    Image.new("L", (SIDE_PX, SIDE_PX), 0).save(small)
    assert "no pixel known" in refused(
        EXIT_INPUT, "inpaint", scene.damaged, "--mask", small, "--mask-mode", "black"
    )
    assert not (scene.folder / "damaged_restored.png").exists()


def test_the_reference_must_fit(refused, scene):
    reference = scene.folder / "reference.png"
    Image.new("RGB", (SIDE_PX, SIDE_PX + 1)).save(reference)
    line = refused(EXIT_INPUT, *scene.arguments("--reference", reference))
    assert f"is {SIDE_PX} x {SIDE_PX + 1} pixels RGB, the image is {SIDE_PX} x {SIDE_PX} pixels RGB" in line
    Image.new("L", (SIDE_PX, SIDE_PX)).save(reference)
    assert "pixels gray, the image is" in refused(EXIT_INPUT, *scene.arguments("--reference", reference))


def test_a_missing_device_is_reported(run, scene):
    if task.torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    result = run(*scene.arguments("--device", "cuda", "-q"))
    assert result.exit_code == EXIT_DEVICE
    assert result.stderr.startswith("edlrr: error: device 'cuda' is not available")
    assert not scene.restored.exists()


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(refused, scene):
    scene.folder.chmod(0o500)
    try:
        assert "is not writable" in refused(EXIT_OUTPUT, *scene.arguments())
    finally:
        scene.folder.chmod(0o700)


def test_alpha_and_unwritable_formats(run, scene):
    alpha = np.arange(SIDE_PX**2).reshape(SIDE_PX, SIDE_PX).astype(np.uint8)
    Image.fromarray(np.dstack([levels(scene.damaged), alpha])).save(scene.folder / "layer.png")
    Image.fromarray(levels(scene.damaged)).quantize().save(scene.folder / "palette.gif")
    assert run("inpaint", scene.folder / "layer.png", "--mask", scene.mask, "--steps", "1").exit_code == 0
    np.testing.assert_array_equal(levels(scene.folder / "layer_restored.png")[..., 3], alpha)
    assert run("inpaint", scene.folder / "palette.gif", "--mask", scene.mask, "--steps", "1").exit_code == 0
    assert (scene.folder / "palette_restored.png").exists()


def test_a_process_with_unicode_paths_keeps_the_streams_apart(spawn, tmp_path):
    folder = tmp_path / "grüße 中文"
    folder.mkdir()
    scene = write_scene(folder)
    ended = spawn(*scene.arguments("--json", "--reference", scene.clean))
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["output"] == str(scene.restored)
    assert "\r" not in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert scene.restored.exists()


def test_a_terminal_sees_progress(run, scene, monkeypatch):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    result = run(*scene.arguments("--reference", scene.clean))
    assert result.exit_code == 0
    assert "\r" in result.stderr
    assert "PSNR=" in result.stderr
    assert "\r" not in run(*scene.arguments("--overwrite", "-q")).stderr


def test_a_sample_gets_better(spawn, tmp_path):
    names = ("rocket_scratches", "mask_scratches", "rocket")
    image, mask, clean = (SAMPLES / f"{name}.png" for name in names)
    files = ["--mask", mask, "--reference", clean, "-o", tmp_path / "rocket.png"]
    ended = spawn("inpaint", image, *files, "--preset", "text", "--steps", "20", "--json", *GLOBAL)
    record = json.loads(ended.stdout)
    assert record["psnr"] > record["psnr_input"] + 10


GLOBAL = ("--prior", "global")


def by_method(scene, *more):
    return ["inpaint", scene.damaged, "--mask", scene.mask, "--method", *more]


def test_a_baseline_fills_the_hole_and_reports(run, scene):
    figure = scene.folder / "compare.png"
    given = ("nuclear-admm", "--param", "rtol=1e-3", "--reference", scene.clean, "--figure", figure)
    text = run(*by_method(scene, *given)).stdout
    known = levels(scene.mask) == 0
    np.testing.assert_array_equal(levels(scene.restored)[known], levels(scene.damaged)[known])
    assert psnr(pixels(scene.restored), pixels(scene.clean), data_range=1.0) > 30
    lines = dict((line[:16].strip(), line[16:]) for line in text.splitlines())
    assert list(lines) == ["restored", "missing", "PSNR", "SSIM", "method", "parameters", "done", "figure"]
    assert lines["method"].startswith("nuclear norm, exact (Lin et al. 2010)")
    assert "rtol=0.001 max_iterations=500" in lines["parameters"]
    assert " steps (tolerance), " in lines["done"]
    assert levels(figure).shape[2] == 3


def test_the_json_of_every_method_has_the_same_keys(run, scene):
    ours = record_of(run(*scene.arguments("--json")))
    theirs = record_of(run(*by_method(scene, "biharmonic", "--json", "--overwrite")))
    assert list(theirs) == list(ours)
    assert list(theirs["settings"]) == list(ours["settings"])
    assert (ours["method"], ours["params"], ours["tuning"]) == ("lrr", None, None)
    names = ("method", "title", "reg", "params", "tuning", "iterations", "stop", "weight", "scale")
    assert [theirs[name] for name in names] == [
        "biharmonic", "biharmonic", None, {}, None, 0, "direct", None, None,
    ]  # fmt: skip


def test_a_method_is_tuned_on_hidden_pixels(run, scene, monkeypatch):
    method = dataclasses.replace(METHODS["nuclear-admm"], grid={"max_iterations": (1, 100)})
    monkeypatch.setitem(METHODS, "nuclear-admm", method)
    given = ("nuclear-admm", "--tune", "--param", "rtol=1e-3")
    record = record_of(run(*by_method(scene, *given, "--json")))
    assert record["params"]["max_iterations"] == 100
    assert record["params"]["rtol"] == 1e-3
    assert [score["params"]["max_iterations"] for score in record["tuning"]] == [1, 100]
    best = min(score["held_out_rmse"] for score in record["tuning"])
    assert record["held_out_psnr"] == pytest.approx(-20 * np.log10(best))
    text = run(*by_method(scene, *given, "--overwrite")).stdout
    assert "held-out PSNR" in text
    assert "5 % of the known pixels, hidden" in text
    assert "best of 2 settings" in text
    text = run(*by_method(scene, "untouched", "--tune", "--overwrite")).stdout
    assert "nothing to choose" in text


def test_a_terminal_sees_the_progress_of_a_method(run, scene, monkeypatch):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    result = run(*by_method(scene, "tv", "--reference", scene.clean, "--param", "max_iterations=3"))
    assert "3/3" in result.stderr
    assert "loss=" in result.stderr


def test_methods_from_a_file_and_their_refusals(refused, run, scene):
    config = scene.folder / "mine.toml"
    config.write_text('method = "tv"\n[params]\nmax_iterations = 2\n')
    record = record_of(
        run("inpaint", scene.damaged, "--mask", scene.mask, "--config", config, "--json", "-q")
    )
    assert (record["method"], record["iterations"], record["stop"]) == ("tv", 2, "iterations")
    again = ("--overwrite", "-q")
    line = refused(2, *by_method(scene, "tv", *again, "--param", "rtl=1"))
    assert "method tv: unknown parameter 'rtl'; did you mean 'rtol'?" in line
    assert "it takes none" in refused(2, *by_method(scene, "biharmonic", *again, "--param", "a=1"))
    assert "did you mean 'irnn'?" in refused(2, *by_method(scene, "irn"))
    line = refused(6, *by_method(scene, "nuclear-admm", *again, "--param", "penalty=0"))
    assert "method nuclear-admm failed" in line


def test_a_terminal_sees_the_windows_of_a_large_image(run, tmp_path, monkeypatch):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    pixels = np.random.default_rng(0).integers(0, 255, (24, 1000), np.uint8)
    mask = np.zeros_like(pixels)
    for name, columns in (("one", (500,)), ("two", (20, 900))):
        for column in columns:
            mask[8:12, column : column + 4] = 255
        Image.fromarray(pixels).save(tmp_path / "clean.png")
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
        arguments = (tmp_path / "clean.png", "--mask", tmp_path / f"{name}.png", "--mask-mode", "white")
        how = ("--reference", tmp_path / "clean.png", "--quality", "draft", "-o", tmp_path / f"{name}.bmp")
        result = run("inpaint", *arguments, *how)
        assert result.exit_code == 0, result.stderr
        unit = "step" if name == "one" else "window"
        assert f"{unit}/s" in result.stderr or f"s/{unit}" in result.stderr
