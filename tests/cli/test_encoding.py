"""How images are written: format, quality and metadata, of one image and of many."""

from __future__ import annotations

import pytest
from PIL import Image, ImageCms

from edlrr_cli.errors import EXIT_USAGE


@pytest.fixture
def photo(scene):
    """A JPEG with all the metadata there is."""
    exif = Image.Exif()
    exif[0x010F], exif[0x8825] = "Maker", {1: "N", 2: (1.0, 2.0, 3.0)}  # GPS
    exif[0x013B] = "Artist"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = scene.folder / "photo.jpg"
    with Image.open(scene.clean) as image:
        image.save(path, exif=exif, dpi=(300, 300), icc_profile=profile, comment=b"secret", quality=95)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_metadata_are_left_out_and_the_profile_stays(run, photo, suffix):
    found = {}
    for name, more in (("kept", ()), ("stripped", ("--strip-metadata",))):
        out = photo.with_name(name + suffix)
        assert run("denoise", photo, "--method", "tv", "-o", out, *more).exit_code == 0
        with Image.open(out) as written:
            exif = written.getexif()
            found[name] = (
                exif.get(0x013B),
                bool(exif.get_ifd(0x8825)),
                written.info.get("dpi", (1, 1))[0] > 200,
            )
            assert written.info["icc_profile"]
        assert (b"secret" in out.read_bytes()) == (name == "kept" and suffix == ".jpg")
    assert found["stripped"] == (None, False, False)
    assert found["kept"] == ("Artist", True, suffix != ".webp")


def test_the_quality_of_jpeg(run, photo):
    sizes = []
    for quality in ((), ("--jpeg-quality", "95"), ("--jpeg-quality", "30")):
        run("denoise", photo, "--method", "tv", "--overwrite", *quality)
        sizes.append(photo.with_name("photo_denoised.jpg").stat().st_size)
    assert sizes[0] == sizes[1] > sizes[2] + 200


@pytest.mark.parametrize(
    ("more", "reported"),
    [
        (("--jpeg-quality", "30"), "damaged_denoised.png: PNG has no JPEG quality; leave --jpeg-quality out"),
        (("--jpeg-quality", "101"), "--jpeg-quality"),
        (("--format", "gif"), "unknown format 'gif'; did you mean 'tif'?"),
        (("--format", "jpg", "-o", "x.png"), "output x.png is not a .jpg file"),
    ],
)
def test_what_does_not_fit_is_refused(refused, scene, more, reported):
    assert reported in refused(EXIT_USAGE, "denoise", scene.damaged, *more)


def test_the_format_names_the_file(run, scene):
    assert run(*scene.arguments("--prior", "global", "--format", "tiff")).exit_code == 0
    with Image.open(scene.folder / "damaged_restored.tiff") as written:
        assert written.format == "TIFF"
    named = scene.folder / "named.tif"
    assert run("denoise", scene.damaged, "--method", "tv", "--format", "tiff", "-o", named).exit_code == 0


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_batch_follows_too(run, photo, scene, jobs):
    out = scene.folder / "out"
    given = ("--method", "tv", "-o", out, "--jobs", jobs, "--strip-metadata", "--jpeg-quality", "30")
    result = run("denoise", photo, scene.clean, *given)
    assert result.exit_code == 0, result.stderr
    assert (out / "clean.png").exists()
    with Image.open(out / "photo.jpg") as written:
        assert not written.getexif()
    assert (out / "photo.jpg").stat().st_size < photo.stat().st_size - 200
    assert run("denoise", photo, scene.clean, *given, "--format", "jpg").exit_code == 1  # photo.jpg is there
    assert (out / "clean.jpg").exists()
