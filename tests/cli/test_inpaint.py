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
from edlrr_cli.errors import EXIT_DEVICE, EXIT_INPUT, EXIT_OUTPUT
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks import inpaint as task
from edlrr_cli.tasks.config import Config

from .conftest import SIDE_PX, write_scene

SAMPLES = Path(__file__).parents[2] / "sample_images"


def levels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def pixels(path: Path) -> np.ndarray:
    return levels(path) / 255


def record_of(result) -> dict:
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def test_restores_beside_the_input_and_reports(run, scene):
    result = run(*scene.arguments("--reference", scene.clean))
    assert result.exit_code == 0
    known = levels(scene.mask) == 0
    np.testing.assert_array_equal(pixels(scene.restored)[known], pixels(scene.damaged)[known])
    assert psnr(pixels(scene.restored), pixels(scene.clean), data_range=1.0) > 35
    labels = [line[:16].strip() for line in result.stdout.splitlines()]
    assert [label for label in labels if label != "mixture"] == [
        "restored",
        "missing",
        "PSNR",
        "SSIM",
        "held-out PSNR",
        "effective rank",
        "objective",
        "done",
    ]
    assert str(scene.restored) in result.stdout
    assert result.stderr == (
        f"{scene.mask}: white marks the hole (those pixels are one constant colour in the image and it is "
        "the smaller area): 2.44 % missing\n"
    )


def test_without_a_reference_nothing_is_claimed(run, scene):
    text = run(*scene.arguments()).stdout
    assert "held-out PSNR" in text
    assert "SSIM" not in text
    assert "\nPSNR" not in text
    record = record_of(run(*scene.arguments("--json", "--held-out", "0", "--overwrite")))
    assert [record[name] for name in ("psnr", "psnr_missing", "psnr_input", "ssim", "held_out_psnr")] == [
        None
    ] * 5


def test_json_is_complete_and_measures_the_written_file(run, scene):
    figure = scene.folder / "compare.png"
    record = record_of(
        run(*scene.arguments("--json", "--reference", scene.clean, "--figure", figure, "--noise", "5"))
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
        "reg": "laguerre-gamma",
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


def test_identical_pictures_are_null_in_json(run, scene):
    scene.damaged.write_bytes(scene.clean.read_bytes())
    record = record_of(run(*scene.arguments("--json", "--mask-mode", "white", "--reference", scene.clean)))
    assert record["psnr_input"] is None


def test_quiet_says_nothing_but_json_and_errors(run, scene):
    result = run(*scene.arguments("--quiet"))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert scene.restored.exists()
    result = run(*scene.arguments("-q", "--json", "--overwrite"))
    assert result.stderr == ""
    record_of(result)
    assert run(*scene.arguments("-q")).stderr.startswith("edlrr: error: ")


def test_settings_reach_the_task(run, scene, monkeypatch):
    told = {}

    def spy(image, known, config, *, callback):
        told.update(config=config, known=known, callback=callback)
        return original(image, known, config, callback=callback)

    original = task.inpaint
    monkeypatch.setattr(task, "inpaint", spy)
    config = scene.folder / "mine.toml"
    config.write_text('preset = "paper"\nsteps = 7\nlr = 0.02\n')
    result = run(
        "inpaint", scene.damaged, "--mask", scene.mask, "--config", config, "--lr", "0.03", "--center",
        "--gamma", "2", "--time-budget", "60", "--dilate", "1",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert told["config"] == Config(
        whiten=0, fill="zero", refresh=1, held_out=0, steps=7, lr=0.03, gamma=2, time_budget=60
    )
    assert (~told["known"]).sum() == 45  # the disk of radius 1 leaves the corners of 7 x 7 out
    assert told["callback"] is None  # stderr is no terminal


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
    for colour in (0, 255):
        Image.new("L", (SIDE_PX, SIDE_PX), colour).save(small)
        refused(EXIT_INPUT, "inpaint", scene.damaged, "--mask", small)
        refused(EXIT_INPUT, "inpaint", scene.damaged, "--mask", small, "--mask-mode", "white")
    assert not (scene.folder / "damaged_restored.png").exists()


def test_the_reference_must_fit(refused, scene):
    reference = scene.folder / "reference.png"
    Image.new("RGB", (SIDE_PX, SIDE_PX + 1)).save(reference)
    line = refused(EXIT_INPUT, *scene.arguments("--reference", reference))
    assert f"is {SIDE_PX} x {SIDE_PX + 1} pixels RGB, the image is {SIDE_PX} x {SIDE_PX} pixels RGB" in line
    Image.new("L", (SIDE_PX, SIDE_PX)).save(reference)
    assert "pixels gray, the image is" in refused(EXIT_INPUT, *scene.arguments("--reference", reference))


def test_a_missing_device_is_told(run, scene):
    if task.torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    result = run(*scene.arguments("--device", "cuda", "-q"))
    assert result.exit_code == EXIT_DEVICE
    assert result.stderr.startswith("edlrr: error: device 'cuda' is not here")
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
    ended = spawn("inpaint", image, *files, "--preset", "text", "--steps", "20", "--json")
    record = json.loads(ended.stdout)
    assert record["psnr"] > record["psnr_input"] + 10
