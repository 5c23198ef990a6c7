"""``--report``: one page that needs nothing else, with everything of the record, that works in a browser."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OUTPUT
from edlrr_cli.pipelines.inpaint.job import InpaintJob

QUICK = ("--prior", "global", "--steps", "40")
HOSTILE = "<script>alert('x')<&quot;>\"&.png"


def images_of(document):
    """The embedded images by their names."""
    return [(attrs["alt"], decoded(attrs["src"])) for attrs, _ in document.all("img")]


def decoded(source):
    kind, _, content = source.partition(",")
    assert kind == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def numbers_of(record):
    """Every value of a record as the page writes it, but those it draws."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from numbers_of(value)
        elif name != "history" and value is not None:
            yield str(value)


@pytest.fixture
def many(scene):
    """Two images, one of a hostile name, and one file that is none."""
    folder = scene.folder / "in"
    folder.mkdir()
    for name in ("a.png", HOSTILE):
        shutil.copy(scene.damaged, folder / name)
    (folder / "bad.png").write_bytes(b"no image")
    return scene


def batch(scene, *more):
    folder = scene.folder
    given = ["--mask", scene.mask, "--reference", scene.clean, "-o", folder / "out", "--jobs", "1"]
    return ["inpaint", folder / "in", *given, "--report", folder / "out/page.html", *QUICK, *more]


def test_a_batch_is_one_page_with_all_that_json_tells(run, html_document, many):
    result = run(*batch(many, "--json"))
    assert result.exit_code == EXIT_FAILURE
    records = [json.loads(line) for line in result.stdout.splitlines()]
    text = (many.folder / "out/page.html").read_text(encoding="utf-8")
    document = html_document(text)
    assert [text for _, text in document.all("h1")] == ["edlrr inpaint: 2 done, 1 failed"]
    sections = [text for attrs, text in document.all("section") if attrs.get("class") == "of"]
    assert len(sections) == len(records) == 3
    for record, section in zip(records, sections, strict=True):
        for number in numbers_of(record):
            assert " ".join(number.split()) in section
    (index,) = [text for attrs, text in document.all("table") if attrs.get("class") == "index"]
    (failed,) = [record for record in records if record["status"] == "error"]
    assert f"failed: {failed['error']}; {failed['remedy']}" in index
    assert index.count("done: PSNR ") == 2
    identifiers = [attrs["id"] for _, attrs, _ in document.elements if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    assert {attrs["href"][1:] for attrs, _ in document.all("a")} <= set(identifiers)
    assert len(document.all("polyline")) == 2
    names = [name for name, _ in images_of(document)]
    assert names == ["restored", "damaged", "reference", "show the mask"] * 2
    assert [path.name for path in (many.folder / "out").iterdir() if path.name.startswith(".")] == []


def test_nothing_comes_from_outside_and_names_stay_text(run, html_document, many):
    run(*batch(many))
    text = (many.folder / "out/page.html").read_text(encoding="utf-8")
    assert "://" not in text
    assert re.findall(r"url\(|@import", text) == []
    document = html_document(text)
    assert {tag for tag, _, _ in document.elements} & {"link", "iframe", "object", "embed", "base"} == set()
    assert text.count("<script") == 1
    assert str(many.folder / "in" / HOSTILE) in [text for _, text in document.all("h2")]
    (policy,) = [attrs["content"] for attrs, _ in document.all("meta") if "http-equiv" in attrs]
    assert policy.startswith("default-src 'none'")


CHECK = """
const root = inner.documentElement, stage = inner.querySelector(".stage");
const range = stage.querySelector("input");
const widths = () => [root.scrollWidth, root.clientWidth];
const left = stage.querySelector("img.left");
const clip = () => view.getComputedStyle(left).clipPath;
seen.closed = widths();
for (const details of inner.querySelectorAll("details")) details.open = true;
seen.open = widths();
seen.loaded = [...inner.images].every((image) => image.complete && image.naturalWidth > 0);
seen.clips = [clip()];
range.value = 20;
range.dispatchEvent(new view.Event("input"));
seen.clips.push(clip());
stage.setPointerCapture = () => {};
stage.hasPointerCapture = () => true;
const box = stage.getBoundingClientRect();
for (const [kind, at] of [["pointerdown", 0.75], ["pointermove", 0.6]]) {
  stage.dispatchEvent(new view.PointerEvent(kind, {clientX: box.left + at * box.width, pointerId: 1}));
  seen.clips.push(clip());
}
range.dispatchEvent(new view.KeyboardEvent("keydown", {key: "PageUp"}));
seen.clips.push(clip());
seen.focused = inner.activeElement === range;
const overlay = stage.querySelector(".overlay"), box_of_mask = inner.querySelector(".show input");
seen.mask = [overlay.offsetWidth > 0];
box_of_mask.click();
seen.mask.push(overlay.offsetWidth > 0);
const lefts = [...stage.querySelectorAll("img.left")];
const shown = () => lefts.filter((one) => one.offsetWidth).map((one) => one.alt);
seen.left = [shown()];
inner.querySelectorAll("[data-side=left] input")[1].click();
seen.left.push(shown(), stage.querySelector(".name.left").textContent);
seen.paper = view.getComputedStyle(inner.body).backgroundColor;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_works_in_a_browser(run, browse, many, scheme):
    shutil.copy(many.damaged, many.folder / "in" / f"{'a_long_name' * 18}.png")
    run(*batch(many))
    text = (many.folder / "out/page.html").read_text(encoding="utf-8")
    seen, messages = browse(text, CHECK, scheme)
    assert messages == []
    assert set(seen) == {"390", "1280"}
    for width, view in seen.items():
        for scroll_width, client_width in (view["closed"], view["open"]):
            assert scroll_width <= client_width <= int(width)
        assert view["loaded"]
        at = [100 - float(re.findall(r"([\d.]+)%", clip)[0]) for clip in view["clips"]]
        assert at == pytest.approx([50, 20, 75, 60, 70], abs=0.5)
        assert view["focused"]
        assert view["mask"] == [False, True]
        assert view["left"] == [["damaged"], ["reference"], "reference"]
        assert (view["paper"] == "rgb(255, 255, 255)") == (scheme == "light")


def test_ctrl_c_leaves_a_page_of_what_is_done(run, html_document, many, monkeypatch):
    write, done = InpaintJob.write, []

    def interrupted(job, *computed):
        if done:
            raise KeyboardInterrupt
        done.append(job)
        return write(job, *computed)

    monkeypatch.setattr(InpaintJob, "write", interrupted)
    assert run(*batch(many)).exit_code == EXIT_INTERRUPTED
    document = html_document((many.folder / "out/page.html").read_text(encoding="utf-8"))
    assert [text for _, text in document.all("h2")] == [str(done[0].input)]


def test_what_was_there_is_named_and_a_dry_run_writes_nothing(run, html_document, many):
    (many.folder / "in/bad.png").unlink()
    page = many.folder / "out/page.html"
    run(*batch(many, "--dry-run"))
    assert not page.parent.exists()
    run(*batch(many))
    (many.folder / "out/a.png").unlink()
    run(*batch(many, "--skip-existing", "--overwrite"))
    document = html_document(page.read_text(encoding="utf-8"))
    assert [text for _, text in document.all("h1")] == ["edlrr inpaint: 1 done, 1 left out"]
    assert [text for _, text in document.all("h2")] == [str(many.folder / "in/a.png")]


def test_refused_before_the_work(refused, run, scene):
    page = scene.folder / "page.html"
    arguments = scene.arguments("--report", page)
    page.write_text("mine")
    assert "exists already; pass --overwrite to replace it" in refused(EXIT_OUTPUT, *arguments)
    assert page.read_text() == "mine"
    run(*arguments, "--overwrite")
    assert page.read_text().startswith("<!DOCTYPE html>")
    scene.restored.unlink()
    nowhere = scene.folder / "no/page.html"
    for path, message in (
        (Path("/proc/page.html"), "cannot be written"),
        (nowhere, "does not exist; create it"),
        (scene.folder / "page.png", "expected the extension .html, got '.png'; name it .html"),
        (scene.folder, "expected the extension .html"),
    ):
        assert message in refused(EXIT_OUTPUT, *scene.arguments("--report", path))
    named = scene.folder / "mask.html"
    shutil.copy(scene.mask, named)
    options = ("--mask", named, "--report", named, "--overwrite")
    assert "is one of the input files" in refused(EXIT_OUTPUT, "inpaint", scene.damaged, *options)
    options = ("--mask", scene.mask, "--report", nowhere.parent / "x.html", "-o", nowhere.parent / "x.html")
    assert "is the output too" in refused(EXIT_OUTPUT, "inpaint", scene.damaged, *options)
    assert not scene.restored.exists()


def test_no_page_of_an_image_that_fails(refused, scene):
    scene.mask.write_bytes(b"no image")
    refused(3, *scene.arguments("--report", scene.folder / "page.html"))
    assert not (scene.folder / "page.html").exists()


def test_an_image_that_is_gone_costs_its_section_alone(run, html_document, many, monkeypatch):
    write = InpaintJob.write

    def losing(job, *computed):
        record = write(job, *computed)
        if job.input.name == "a.png":
            job.input.unlink()
        return record

    monkeypatch.setattr(InpaintJob, "write", losing)
    run(*batch(many))
    document = html_document((many.folder / "out/page.html").read_text(encoding="utf-8"))
    faults = [text for attrs, text in document.all("p") if attrs.get("class") == "fault"]
    assert f"It cannot be shown: {many.folder / 'in/a.png'}: no such file" in faults
    assert len(document.all("img")) == 4
    assert len([text for attrs, text in document.all("th") if text == "effective rank"]) == 2


def deep_gray(folder):
    values = np.linspace(0, 65535, 40 * 40).reshape(40, 40).astype(np.uint16)
    Image.fromarray(values).save(folder / "deep.png")
    return folder / "deep.png", values / 65535


def four_inks(folder):
    inks = np.full((40, 40, 4), (0, 200, 100, 20), dtype=np.uint8)
    Image.fromarray(inks, mode="CMYK").save(folder / "inks.jpg", quality=95)
    return folder / "inks.jpg", np.asarray(Image.open(folder / "inks.jpg").convert("RGB")) / 255


def floats(folder):
    values = np.linspace(-3, 5, 40 * 40, dtype=np.float32).reshape(40, 40)
    Image.fromarray(values).save(folder / "floats.tif")
    return folder / "floats.tif", (values + 3) / 8


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
@pytest.mark.parametrize("made", [deep_gray, four_inks, floats])
def test_images_of_every_kind_are_shown_as_they_look(run, html_document, tmp_path, made):
    source, pixels = made(tmp_path)
    page, output = tmp_path / "page.html", tmp_path / "out.tif"
    arguments = ["--sigma", "0", "-o", output, "--report", page]
    assert run("denoise", source, *arguments).exit_code == 0
    shown = dict(images_of(html_document(page.read_text(encoding="utf-8"))))
    expected = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    for name in ("noisy", "denoised"):
        assert np.abs(np.asarray(shown[name].convert("RGB")) / 255 - expected).mean() < 0.02


def test_floats_are_shown_on_the_range_of_the_known_ones(run, html_document, scene):
    """The restored image is as bright as the damaged one, whose hole holds a wild number."""
    values = np.tile(np.linspace(0, 10, 32, dtype=np.float32), (32, 1))
    damaged, page = scene.folder / "floats.tif", scene.folder / "page.html"
    hole = np.asarray(Image.open(scene.mask)) > 0
    Image.fromarray(np.where(hole, np.float32(-1e6), values)).save(damaged)
    options = ("--mask", scene.mask, "-o", scene.folder / "out.tif", "--report", page, *QUICK)
    assert run("inpaint", damaged, *options).exit_code == 0
    shown = dict(images_of(html_document(page.read_text(encoding="utf-8"))))
    for name in ("damaged", "restored"):
        levels = np.asarray(shown[name].convert("L")) / 255
        assert np.abs(levels - values / 10)[~hole].mean() < 0.02


def test_the_noise_of_an_experiment_is_shown(run, html_document, scene):
    page = scene.folder / "page.html"
    run("denoise", scene.clean, "--add-noise", "40", "--report", page)
    document = html_document(page.read_text(encoding="utf-8"))
    shown = {name: np.asarray(image, dtype=float) for name, image in images_of(document)}
    assert set(shown) == {"noisy", "clean", "denoised"}
    errors = [np.abs(shown[name] - shown["clean"]).mean() for name in ("noisy", "denoised")]
    assert errors[0] > 20 > errors[1]
    assert document.all("polyline") == []


def test_names_that_are_not_unicode(run, scene):
    named = Path(os.fsdecode(os.fsencode(scene.folder) + b"/\xff.png"))
    shutil.copy(scene.damaged, named)
    page = scene.folder / "page.html"
    run("inpaint", named, "--mask", scene.mask, "--report", page, "-o", scene.restored, *QUICK)
    assert r"\udcff.png" in page.read_text(encoding="utf-8")


def test_bgsep_shows_frames_against_their_layers(run, html_document, browse, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    shade = np.tile(np.linspace(40, 200, 48).astype(np.uint8), (36, 1))
    for number in range(8):
        frame = shade.copy()
        frame[10:20, 4 * number : 4 * number + 8] = 255
        Image.fromarray(frame).save(frames / f"{number}.png")
    out = tmp_path / "out"
    arguments = ["bgsep", frames, "-o", out, "--report", out / "page.html", "--json", "--method", "median"]
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert "stills" not in record
    assert "stills" not in json.loads((out / "report.json").read_text())
    text = (out / "page.html").read_text(encoding="utf-8")
    document = html_document(text)
    names = [name for name, _ in images_of(document)]
    assert names == ["background", "foreground", "mask", "frame"] * 4
    shown = [image for name, image in images_of(document) if name == "background"]
    assert np.abs(np.asarray(shown[0].convert("L"), dtype=float) - shade).mean() < 3
    (section,) = [text for attrs, text in document.all("section") if attrs.get("class") == "of"]
    assert all(" ".join(number.split()) in section for number in numbers_of(record))
    assert len(document.all("polyline")) == 1
    script = "seen.width = [inner.documentElement.scrollWidth, inner.documentElement.clientWidth];"
    seen, messages = browse(text, script)
    assert messages == []
    assert all(view["width"][0] <= view["width"][1] for view in seen.values())


@pytest.mark.parametrize(
    ("command", "stream"),
    [
        (("inpaint", "damaged.png", "--mask", "mask.png", "--reference", "clean.png", *QUICK), "damaged.png"),
        (("inpaint", "damaged.png", "--mask", "mask.png", *QUICK), "mask.png"),
        (("denoise", "damaged.png", "--method", "tv", "--reference", "clean.png"), "damaged.png"),
        (("denoise", "damaged.png", "--method", "tv", "--reference", "clean.png"), "clean.png"),
    ],
)
@pytest.mark.parametrize("output", ["out.png", "-"])
def test_a_page_shows_what_came_and_went_by_standard_streams(
    run, html_document, scene, monkeypatch, command, stream, output
):
    monkeypatch.chdir(scene.folder)
    content = Path(stream).read_bytes()
    assert run(*command, "-o", "by_file.png", "--report", "by_file.html").exit_code == 0
    piped = [{stream: "-"}.get(word, word) for word in command]
    # A file of the stream's name must not be taken for it.
    shutil.copy("mask.png", "standard input")
    result = run(*piped, "-o", output, "--report", "by_pipe.html", piped=content)
    assert result.exit_code == 0, result.stderr
    by_file, by_pipe = (
        images_of(html_document(Path(name).read_text(encoding="utf-8")))
        for name in ("by_file.html", "by_pipe.html")
    )
    assert [name for name, _ in by_pipe] == [name for name, _ in by_file]
    assert len(by_pipe) >= 2
    for (_, one), (_, other) in zip(by_file, by_pipe, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
