"""``edlrr denoise`` from file to file, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from edlrr_cli.errors import EXIT_DEVICE, EXIT_INPUT, EXIT_INTERRUPTED, EXIT_OUTPUT, EXIT_USAGE
from edlrr_cli.media.images import read_image
from edlrr_cli.media.save import save_image
from edlrr_cli.media.weights import write_weights
from edlrr_cli.networks.build import build_network
from edlrr_cli.networks.names import Size
from edlrr_cli.tasks.denoise import run as task

LEVEL = 20


def waves(height=40, width=48, num_channels=1):
    x, y = np.meshgrid(np.linspace(0, 6, width), np.linspace(0, 6, height))
    shades = np.stack([np.sin(x + shift) * np.cos(y) for shift in range(num_channels)], axis=2)
    return 127 + 90 * shades


@pytest.fixture
def clean(tmp_path):
    path = tmp_path / "clean.png"
    Image.fromarray(np.rint(waves()[..., 0]).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def noisy(tmp_path):
    path = tmp_path / "noisy.png"
    levels = waves()[..., 0] + LEVEL * np.random.default_rng(0).standard_normal((40, 48))
    Image.fromarray(np.rint(levels).clip(0, 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def model(tmp_path):
    """A network that finds no noise at all."""
    network = build_network("light", Size(1, 4))
    torch.nn.init.zeros_(network.tail.weight)
    about = {"arch": "light", "depth": 1, "width": 4, "sigma": [0, 75]}
    path = tmp_path / "m.safetensors"
    write_weights(path, {name: value.contiguous() for name, value in network.state_dict().items()}, about)
    return path


def test_noise_is_removed_and_measured(run, clean, noisy, tmp_path):
    result = run("denoise", noisy, "--method", "tv", "--reference", clean, "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["psnr"] > record["psnr_input"] + 5
    assert record["ssim"] > record["ssim_input"]
    assert record["sigma"] == pytest.approx(LEVEL, rel=0.15)
    assert record["sigma_estimated"] is True
    assert record["output"] == str(tmp_path / "noisy_denoised.png")
    with Image.open(tmp_path / "noisy_denoised.png") as written:
        assert (written.mode, written.size) == ("L", (48, 40))


def test_the_type_and_the_correlation_of_the_noise_are_reported(run, noisy):
    keys = ("noise_type", "correlation_px")
    given = {"auto": [], "photo": ["--noise-type", "photo"], None: ["--sigma", "12"]}
    records = {
        kind: json.loads(run("denoise", noisy, "--method", "tv", *options, "--json", "--overwrite").stdout)
        for kind, options in given.items()
    }
    assert records["auto"]["noise_type"] == "white"
    assert records["auto"]["correlation_px"] < 0.4
    assert records["photo"]["noise_type"] == "photo"
    assert [records[None][key] for key in keys] == [None, None]
    refused = run("denoise", noisy, "--noise-type", "photo", "--sigma", "12", "--overwrite")
    assert refused.exit_code == EXIT_USAGE
    assert "leave one of them out" in refused.stderr


def test_the_level_is_said_in_levels_of_255(run, noisy):
    record = json.loads(run("denoise", noisy, "--method", "tv", "--sigma", "12.5", "--json").stdout)
    assert (record["sigma"], record["sigma_estimated"]) == (12.5, False)
    assert record["settings"]["sigma"] == 12.5


def test_the_network_that_comes_with_it_is_the_default(run, clean, noisy):
    record = json.loads(run("denoise", noisy, "--reference", clean, "--json").stdout)
    assert (record["method"], record["model"], record["reg"]) == ("network", None, None)
    assert record["psnr"] > record["psnr_input"] + 8


def test_json_tells_all_settings(run, noisy, tmp_path):
    given = ("--method", "lrr", "--sigma", "15", "--strength", "0.5", "--reg", "nuclear", "--device", "cpu")
    record = json.loads(run("denoise", noisy, *given, "--json").stdout)
    assert record["settings"] == {
        "method": "lrr",
        "sigma": 15,
        "noise_type": "auto",
        "quality": "fast",
        "strength": 0.5,
        "reg": "nuclear",
        "gamma": None,
        "device": "cpu",
        "add_noise": 0,
        "seed": 0,
    }
    named = ("status", "input", "output", "reference", "figure", "reg", "sigma", "psnr", "psnr_input", "ssim")
    assert [record[name] for name in named] == [
        "ok", str(noisy), str(tmp_path / "noisy_denoised.png"), None, None, "nuclear", 15, None, None, None,
    ]  # fmt: skip
    assert record["seconds"] > 0


def test_lines_for_people_say_what_was_done(run, clean, noisy):
    reported = run("denoise", noisy, "--method", "lrr", "--reference", clean).stdout
    assert "(estimated, white)" in reported
    assert "lrr (" in reported
    assert " dB" in reported


def test_a_model_is_used(run, noisy, model, tmp_path):
    result = run("denoise", noisy, "--model", model, "-o", tmp_path / "same.png")
    assert result.exit_code == 0, result.stderr
    assert (np.asarray(Image.open(tmp_path / "same.png")) == np.asarray(Image.open(noisy))).all()


def test_strength_0_leaves_the_image_bit_by_bit(run, noisy, tmp_path):
    assert (
        run("denoise", noisy, "--strength", "0", "--method", "nlm", "-o", tmp_path / "s.png").exit_code == 0
    )
    assert (np.asarray(Image.open(tmp_path / "s.png")) == np.asarray(Image.open(noisy))).all()


@pytest.mark.parametrize(("mode", "num_channels"), [("LA;16", 1), ("RGB;16", 3), ("RGBA;16", 3)])
def test_16_bits_of_color_and_transparency_are_kept(run, clean, model, tmp_path, mode, num_channels):
    rng, peak = np.random.default_rng(0), 65535
    pixels = np.rint(waves(20, 30, num_channels) / 255 * peak) / peak
    alpha = rng.integers(0, peak + 1, (20, 30), dtype=np.uint16) if "A" in mode else None
    image = replace(read_image(clean), pixels=pixels, alpha=alpha, mode=mode)
    save_image(tmp_path / "p.png", pixels, like=image, overwrite=False)
    result = run("denoise", tmp_path / "p.png", "--model", model, "-o", tmp_path / "out.png")
    assert result.exit_code == 0, result.stderr
    written = read_image(tmp_path / "out.png")
    assert written.mode == mode
    assert alpha is None or (written.alpha == alpha).all()
    # The network is of single precision: a last level of 16 bits may differ.
    assert np.abs(written.pixels - pixels).max() * peak <= 1.5


@pytest.mark.parametrize("size", [(2, 2), (3, 9)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_tiny_images_work(run, tmp_path, size, mode):
    Image.new(mode, size, "gray").save(tmp_path / "p.png")
    result = run("denoise", tmp_path / "p.png", "--reference", tmp_path / "p.png", "--sigma", "20")
    assert result.exit_code == 0, result.stderr
    with Image.open(tmp_path / "p_denoised.png") as written:
        assert (written.mode, written.size) == (mode, size)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_depth_color_and_transparency_are_kept(run, model, tmp_path, mode):
    deep = mode == "I;16"
    levels = waves(num_channels=len(mode.replace("I;16", "L")))
    levels = (levels * 257).astype(np.uint16) if deep else levels.astype(np.uint8)
    levels = levels[..., 0] if levels.shape[2] == 1 else levels
    Image.fromarray(levels).save(tmp_path / "p.png")
    result = run("denoise", tmp_path / "p.png", "--model", model, "-o", tmp_path / "out.png")
    assert result.exit_code == 0, result.stderr
    written = np.asarray(Image.open(tmp_path / "out.png"))
    assert written.dtype == levels.dtype
    # The network is of single precision: a last level of 16 bits may differ.
    assert np.abs(written.astype(int) - levels.astype(int)).max() <= (1 if deep else 0)


def test_noise_is_added_only_when_asked_for_and_is_reported(run, clean, tmp_path):
    arguments = ["denoise", clean, "--method", "tv", "--add-noise", "25", "--json"]
    first = run(*arguments, "-o", tmp_path / "1.png")
    assert "noise of level 25 was added, as an experiment" in first.stderr
    record = json.loads(first.stdout)
    assert record["psnr_input"] == pytest.approx(20.2, abs=0.5)  # of noise 25
    same = json.loads(run(*arguments, "-o", tmp_path / "2.png").stdout)
    other = json.loads(run(*arguments, "--seed", "1", "-o", tmp_path / "3.png").stdout)
    assert same["psnr"] == record["psnr"] != other["psnr"]


def test_a_figure_is_drawn(run, clean, noisy, tmp_path):
    figure = tmp_path / "f.png"
    run("denoise", noisy, "--method", "tv", "--reference", clean, "--figure", figure)
    with Image.open(figure) as drawn:
        assert drawn.width > 4 * 240


@pytest.mark.parametrize(
    ("more", "code", "reported"),
    [
        (["--sigma", "much"], EXIT_USAGE, "use auto, or a level within 0..255"),
        (["--sigma", "256"], EXIT_USAGE, "sigma must be auto, or within 0..255"),
        (["--method", "netwrk"], EXIT_USAGE, "unknown method 'netwrk'; did you mean 'network'?"),
        (["--add-noise", "-1"], EXIT_USAGE, "--add-noise"),
        (["--method", "tv", "--reg", "nuclear"], EXIT_USAGE, "a setting of the method lrr"),
        (
            ["--method", "tv", "--model", "m.safetensors"],
            EXIT_USAGE,
            "--model is an option of the method network",
        ),
        (["--model", "none.safetensors"], EXIT_INPUT, "none.safetensors cannot be read"),
        (["--device", "cuda:99", "--method", "lrr"], EXIT_DEVICE, "cuda:99"),
        (["--strength", "-1"], EXIT_USAGE, "strength must be 0 or more"),
        (["-o", "no/such/folder.png"], EXIT_OUTPUT, "mkdir -p"),
        (["-o", "noisy.xyz"], EXIT_OUTPUT, "unknown extension"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(refused, noisy, more, code, reported):
    assert reported in refused(code, "denoise", noisy, *more)


def test_damaged_and_alien_models_are_refused(refused, noisy, model, tmp_path):
    model.write_bytes(model.read_bytes()[:-100])
    assert "damaged" in refused(EXIT_INPUT, "denoise", noisy, "--model", model)
    model.write_bytes(save({"w": torch.ones(2)}))
    assert "contains no edlrr model" in refused(EXIT_INPUT, "denoise", noisy, "--model", model)
    write_weights(model, {"w": torch.ones(2)}, {"arch": "light", "depth": 1, "width": 4, "sigma": [0, 75]})
    assert "does not fit any network" in refused(EXIT_INPUT, "denoise", noisy, "--model", model)
    assert not (tmp_path / "noisy_denoised.png").exists()


def test_existing_outputs_and_inputs_are_not_replaced(refused, run, noisy, tmp_path):
    assert run("denoise", noisy, "--method", "tv").exit_code == 0
    assert "--overwrite" in refused(EXIT_OUTPUT, "denoise", noisy, "--method", "tv")
    assert run("denoise", noisy, "--method", "tv", "--overwrite").exit_code == 0
    assert "one of the input files" in refused(
        EXIT_OUTPUT, "denoise", noisy, "--method", "tv", "-o", noisy, "--overwrite"
    )


def test_a_reference_of_another_size_is_refused(refused, noisy, tmp_path):
    Image.new("L", (5, 5)).save(tmp_path / "r.png")
    reported = refused(EXIT_INPUT, "denoise", noisy, "--method", "tv", "--reference", tmp_path / "r.png")
    assert "5 x 5 pixels gray" in reported


def test_an_unreadable_image_is_refused(refused, tmp_path):
    (tmp_path / "p.png").write_bytes(b"no image")
    assert "p.png" in refused(EXIT_INPUT, "denoise", tmp_path / "p.png", "--method", "tv")


def test_what_is_refused_costs_no_import_of_torch(noisy, tmp_path):
    (tmp_path / "noisy_denoised.png").write_bytes(b"precious")
    code = (
        "import sys\n"
        "from edlrr_cli.cli.app import edlrr\n"
        "try: edlrr.main(sys.argv[1:])\n"
        "except SystemExit as ended: print(ended.code, 'torch' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "denoise", noisy], capture_output=True, text=True, check=False
    )
    assert ended.stdout == f"{EXIT_OUTPUT} False\n", ended.stderr
    assert (tmp_path / "noisy_denoised.png").read_bytes() == b"precious"


@pytest.mark.parametrize(("patience_s", "drawn"), [(0, True), (60, False)])
def test_a_terminal_sees_the_progress_of_what_takes_long(run, noisy, monkeypatch, patience_s, drawn):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    monkeypatch.setattr("edlrr_cli.pipelines.denoise.job._SILENT_S", patience_s)
    result = run("denoise", noisy, "--method", "lrr")
    assert result.exit_code == 0
    assert ("part" in result.stderr) == drawn


def test_an_interrupted_run_leaves_nothing(run, noisy, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(task, "denoise", interrupt)
    before = sorted(tmp_path.iterdir())
    result = run("denoise", noisy, "--method", "tv")
    assert result.exit_code == EXIT_INTERRUPTED
    assert result.stderr.strip() == "edlrr: interrupted: nothing is left half-written"
    assert sorted(tmp_path.iterdir()) == before


def test_many_images_in_one_command(run, noisy, tmp_path):
    folder, out = tmp_path / "many", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.png"):
        shutil.copy(noisy, folder / name)
    (folder / "bad.png").write_bytes(b"no image")
    result = run("denoise", folder, "--recursive", "-o", out, "--jobs", "1")
    assert result.exit_code == 1
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.png")) == ["a.png", "sub/b.png"]
    assert "bad.png is not an image of a known kind" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("2 done, 1 failed, ")
    assert result.stdout.count("ok       ") == 2
    run("denoise", noisy, "-o", tmp_path / "alone.png")
    assert (out / "sub/b.png").read_bytes() == (tmp_path / "alone.png").read_bytes()
    records = run("denoise", folder, "--recursive", "-o", out, "--skip-existing", "--json").stdout
    assert [json.loads(line)["status"] for line in records.splitlines()] == ["skipped", "skipped", "error"]
    samples = sorted(folder.rglob("?.png"))
    assert "--figure is for one image" in run("denoise", *samples, "--figure", tmp_path / "f.png").stderr
