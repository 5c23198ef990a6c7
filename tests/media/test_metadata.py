"""What images carry beside their pixels is written again, or a note says that it is not."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.images import read_image
from edlrr_cli.media.save import losses, save_image
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.tags import jp2, photoshop

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6" '
    b"dc:source='scan 17'><exif:PixelXDimension>9</exif:PixelXDimension>"
    b"<xmp:Thumbnails><rdf:Alt><xmpGImg:image>damage</xmpGImg:image></rdf:Alt></xmp:Thumbnails>"
    b"<dc:title>a title</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
)
CLEAN_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description '
    b"dc:source='scan 17'>"
    b"<dc:title>a title</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x78\x00\x07caption"
COLOR = {
    b"cICP": bytes([9, 16, 0, 1]),
    b"gAMA": struct.pack(">I", 100_000),
    b"cHRM": struct.pack(">8I", 31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000),
    b"mDCV": bytes(24),
    b"cLLI": bytes(8),
}
TEXTS = [
    (b"tEXt", b"Title\0Gr\xfc\xdfe"),
    (b"zTXt", b"Author\0\0" + zlib.compress(b"someone")),
    (b"iTXt", b"Description\0\0\0de\0\0" + "Schäden".encode()),
]
GEO: dict[int, Any] = {
    33550: (10.0, 10.0, 0.0),
    33922: (0.0, 0.0, 0.0, 400_000.0, 5_000_000.0, 0.0),
    34735: (1, 1, 0, 1, 1024, 0, 1, 1),
    34736: (6_378_137.0,),
    34737: "WGS 84|",
    42112: "<GDALMetadata/>",
    42113: "-9999",
}
MODES = {"L": (6, 5), "RGB": (6, 5, 3), "RGBA": (6, 5, 4), "I;16": (6, 5)}


def image(mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(0)
    depth = np.uint16 if mode == "I;16" else np.uint8
    return Image.fromarray(rng.integers(0, 255, MODES[mode]).astype(depth))


def chunks_of(path: Path) -> list[tuple[bytes, bytes]]:
    content, offset, found = path.read_bytes(), 8, []
    while offset < len(content):
        size, kind = struct.unpack_from(">I4s", content, offset)
        body = content[offset + 8 : offset + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack_from(">I", content, offset + 8 + size)[0]
        found.append((kind, body))
        offset += 12 + size
    return found


def add_chunks(path: Path, chunks: list[tuple[bytes, bytes]]) -> Path:
    content = path.read_bytes()
    made = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    path.write_bytes(content[:33] + b"".join(made) + content[33:])
    return path


def png(folder: Path, chunks: list[tuple[bytes, bytes]], mode: str = "RGB", **settings: Any) -> Path:
    path = folder / "in.png"
    image(mode).save(path, **settings)
    return add_chunks(path, chunks)


def tiff(path: Path, tags: dict[int, Any], types: dict[int, int] | None = None, mode: str = "RGB") -> Path:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        if types and tag in types:
            directory.tagtype[tag] = types[tag]
        directory[tag] = value
    image(mode).save(path, tiffinfo=directory)
    return path


def jpeg(folder: Path, **settings: Any) -> Path:
    path = folder / "in.jpg"
    image().save(path, **settings)
    return path


def iptc_segment(iptc: bytes = IPTC, more: bytes = b"") -> bytes:
    body = photoshop.SIGNATURE + more + photoshop.block_of(iptc)
    return b"\xff\xed" + struct.pack(">H", 2 + len(body)) + body


def copied(path: Path, suffix: str, **encoding: Any) -> tuple[Path, StillImage, tuple[str, ...]]:
    """Write what is read, and return the notes on reading and writing, that JPEG is lossy apart."""
    sample, out = read_image(path), path.with_name(f"out{suffix}")
    save_image(out, sample.pixels, like=sample, overwrite=False, encoding=Encoding(**encoding))
    notes = (*sample.notes, *losses(out, sample, Encoding(**encoding)))
    return out, sample, tuple(note for note in notes if "lossy" not in note)


def xmp_of(path: Path) -> bytes:
    with Image.open(path) as written:
        written.load()
        packet = written.info.get("xmp", b"")
        return packet.encode() if isinstance(packet, str) else packet


@pytest.mark.parametrize("mode", MODES)
def test_color_chunks_and_texts_of_a_png_stay_as_they_are(tmp_path: Path, mode: str) -> None:
    out, _, notes = copied(png(tmp_path, [*COLOR.items(), *TEXTS], mode), ".png")
    assert not notes
    written = chunks_of(out)
    assert {kind: body for kind, body in written if kind in COLOR} == COLOR
    assert [chunk for chunk in written if chunk[0][1:] in (b"EXt", b"TXt")] == TEXTS
    names = [kind for kind, _ in written]
    assert max(names.index(kind) for kind in COLOR) < names.index(b"IDAT")


def test_texts_behind_the_pixels_and_16_bits_are_no_hindrance(tmp_path: Path) -> None:
    sample = read_image(png(tmp_path, []))
    deep = StillImage(sample.pixels, None, "RGB;16", "PNG", b"", b"", None, ())
    path = tmp_path / "deep.png"
    save_image(path, deep.pixels, like=deep, overwrite=False)
    content = path.read_bytes()
    text = add_chunks(png(tmp_path, []), TEXTS[:1]).read_bytes()[33 : 33 + 12 + len(TEXTS[0][1])]
    path.write_bytes(content[:-12] + text + content[-12:])
    add_chunks(path, list(COLOR.items()))
    out, kept, notes = copied(path, ".png")
    assert kept.mode == "RGB;16"
    assert not notes
    assert TEXTS[0] in chunks_of(out)
    assert set(COLOR.items()) <= set(chunks_of(out))


def test_stripping_keeps_what_makes_the_colors(tmp_path: Path) -> None:
    path = png(tmp_path, [*COLOR.items(), *TEXTS, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)])
    out, _, notes = copied(path, ".png", strip_metadata=True)
    assert not notes
    names = {kind for kind, _ in chunks_of(out)}
    assert names == {*COLOR, b"IHDR", b"IDAT", b"IEND"}
    _, _, notes = copied(path, ".bmp", strip_metadata=True)
    assert notes == ("left out, since BMP cannot hold it: PNG color space (cICP, mDCV, cLLI, gAMA, cHRM)",)


def test_srgb_goes_with_every_format_but_not_beside_a_profile(tmp_path: Path) -> None:
    srgb = [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45_455))]
    path = png(tmp_path, srgb)
    assert set(srgb) <= set(chunks_of(copied(path, ".png")[0]))
    for suffix in (".jpg", ".tif", ".webp", ".bmp"):
        assert not copied(path, suffix)[2]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (tmp_path / "b").mkdir()
    both = copied(png(tmp_path / "b", srgb, icc_profile=profile), ".png")[0]
    names = [kind for kind, _ in chunks_of(both)]
    assert b"iCCP" in names
    assert b"sRGB" not in names


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp", ".bmp"])
def test_gamma_without_a_profile_is_a_loss_elsewhere(tmp_path: Path, suffix: str) -> None:
    path = png(tmp_path, [(b"gAMA", struct.pack(">I", 100_000)), *TEXTS[:2]])
    name = {".jpg": "JPEG", ".tif": "TIFF", ".webp": "WEBP", ".bmp": "BMP"}[suffix]
    assert copied(path, suffix)[2] == (
        f"left out, since {name} cannot hold it: PNG texts (Author, Title), PNG color space (gAMA)",
    )


def xmp_sources(folder: Path) -> dict[str, Path]:
    for suffix in (".jpg", ".webp"):
        image().save(folder / f"in{suffix}", xmp=XMP)
    png(folder, [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)])
    tiff(folder / "in.tif", {700: XMP}, {700: 1})
    return {path.suffix: path for path in folder.glob("in.*")}


@pytest.mark.parametrize("source", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp"])
def test_xmp_travels_without_orientation_size_and_thumbnails(
    tmp_path: Path, source: str, target: str
) -> None:
    out, _, notes = copied(xmp_sources(tmp_path)[source], target)
    assert not notes
    assert xmp_of(out) == CLEAN_XMP
    assert b"damage" not in out.read_bytes()


def test_xmp_is_stripped_and_told_where_there_is_none(tmp_path: Path) -> None:
    path = xmp_sources(tmp_path)[".jpg"]
    assert not xmp_of(copied(path, ".tif", strip_metadata=True)[0])
    assert copied(path, ".bmp")[2] == ("left out, since BMP cannot hold it: XMP data",)


def test_a_packet_too_long_for_jpeg_does_not_cost_the_image(tmp_path: Path) -> None:
    packet = b"<x:xmpmeta>" + b" " * 66_000 + b"</x:xmpmeta>"
    path = png(tmp_path, [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)])
    out, _, notes = copied(path, ".jpg")
    assert notes == ("left out, since JPEG cannot hold it: XMP data",)
    assert not xmp_of(out)
    exif = Image.Exif()
    exif[270] = "x" * 66_000
    path = png(tmp_path, [], exif=exif.tobytes())
    assert copied(path, ".jpeg")[2] == ("left out, since JPEG cannot hold it: EXIF data",)


def test_a_gray_profile_does_not_go_with_rgb(tmp_path: Path) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"GRAY"
    path, out = png(tmp_path, [], "L", icc_profile=bytes(profile)), tmp_path / "out.webp"
    assert copied(path, ".webp")[2] == ("left out, since WEBP cannot hold it: color profile",)
    with Image.open(out) as written:
        assert "icc_profile" not in written.info
    assert not copied(path, ".png")[2]


def tiff_of_words(path: Path, order: str) -> Path:
    import tifffile

    pixels, words = np.asarray(image()), struct.unpack(f"{order}3I", IPTC)
    tifffile.imwrite(path, pixels, photometric="rgb", extratags=[(33723, "I", 3, words, True)], metadata=None)
    return path


def iptc_sources(folder: Path) -> dict[str, Path]:
    hexadecimal = photoshop.block_of(IPTC).hex()
    profile = f"\niptc\n{len(hexadecimal) // 2:8}\n{hexadecimal[:72]}\n{hexadecimal[72:]}\n".encode()
    return {
        "jpeg": jpeg(folder, extra=iptc_segment()),
        "tiff": tiff(folder / "a.tif", {33723: IPTC}, {33723: 7}),
        "tiff of words": tiff_of_words(folder / "b.tif", "<"),
        "tiff of swapped words": tiff_of_words(folder / "d.tif", ">"),
        "tiff of resources": tiff(folder / "c.tif", {34377: photoshop.block_of(IPTC)}, {34377: 1}),
        "png": png(folder, [(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile))]),
    }


@pytest.mark.parametrize(
    "source", ["jpeg", "tiff", "tiff of words", "tiff of swapped words", "tiff of resources", "png"]
)
@pytest.mark.parametrize("target", [".jpg", ".tif", ".png"])
def test_iptc_travels_to_jpeg_and_tiff(tmp_path: Path, source: str, target: str) -> None:
    out, _, notes = copied(iptc_sources(tmp_path)[source], target)
    if target == ".png":
        assert notes == ("left out, since PNG cannot hold it: IPTC data",)
        return
    assert not notes
    with Image.open(out) as written:
        if target == ".jpg":
            assert written.info["photoshop"] == {0x0404: IPTC}
        else:
            assert written.tag_v2[33723] == IPTC
    assert read_image(out).metadata.iptc == IPTC


def jp2_box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def test_profile_and_metadata_of_jpeg_2000_travel(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / "in.jp2"
    image().resize((48, 40)).save(path, irreversible=False)
    assert not copied(path, ".png")[2]
    content = path.read_bytes()
    start = content.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", content, start)
    header = content[start + 8 : start + size]
    kept = header[: header.index(b"colr") - 4]
    boxes = [
        jp2_box(b"jp2h", kept + jp2_box(b"colr", b"\2\0\0" + profile)),
        *(jp2_box(b"uuid", name + body) for name, body in ((jp2.XMP, XMP), (jp2.IPTC, IPTC))),
    ]
    path.write_bytes(content[:start] + b"".join(boxes) + content[start + size :])
    out, sample, notes = copied(path, ".jpg")
    assert not notes
    assert sample.icc_profile == profile
    assert xmp_of(out) == CLEAN_XMP
    assert read_image(out).metadata.iptc == IPTC


def test_comments(tmp_path: Path) -> None:
    path = jpeg(tmp_path, comment="Schäden".encode())
    with Image.open(copied(path, ".jpg")[0]) as written:
        assert written.info["comment"] == "Schäden".encode()
    assert copied(path, ".webp")[2] == ("left out, since WEBP cannot hold it: comment",)
    image("L").save(tmp_path / "in.gif", comment=b"a scan")
    assert copied(tmp_path / "in.gif", ".png")[2] == ("left out, since PNG cannot hold it: comment",)
    with Image.open(copied(tmp_path / "in.gif", ".jpeg")[0]) as written:
        assert written.info["comment"] == b"a scan"


@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_geotiff_and_gdal_tags_are_kept(tmp_path: Path, mode: str) -> None:
    types = {42112: 2, 42113: 2}
    path = tiff(tmp_path / "in.tif", {**GEO, 318: (0.3127, 0.329)}, types, mode)
    out, _, notes = copied(path, ".tif")
    assert not notes
    with Image.open(path) as given, Image.open(out) as written:
        for tag in (*GEO, 318):
            assert written.tag_v2[tag] == given.tag_v2[tag]
            assert written.tag_v2.tagtype[tag] == given.tag_v2.tagtype[tag]
    assert copied(path, ".png")[2] == (
        "left out, since PNG cannot hold it: GeoTIFF tags, GDAL tags, TIFF primaries",
    )


def test_geotiff_tags_of_floats_are_kept(tmp_path: Path) -> None:
    import tifffile

    path = tmp_path / "in.tif"
    extra = [(33550, "d", 3, GEO[33550], True), (42113, "s", 0, GEO[42113], True)]
    tifffile.imwrite(path, np.random.default_rng(0).random((6, 5), np.float32), extratags=extra)
    out = copied(path, ".tif")[0]
    with Image.open(out) as written:
        assert written.tag_v2[33550] == GEO[33550]
        assert written.tag_v2[42113] == GEO[42113]


def test_a_turned_image_has_no_position_any_more(tmp_path: Path) -> None:
    path = tiff(tmp_path / "in.tif", {**GEO, 274: 6}, {42112: 2, 42113: 2})
    out, _, notes = copied(path, ".tif")
    assert notes == ("the image was turned upright, and its GeoTIFF tags were left out",)
    with Image.open(out) as written:
        assert 33550 not in written.tag_v2
        assert written.tag_v2[42113] == "-9999"


def test_private_tags_are_reported(tmp_path: Path) -> None:
    path = tiff(tmp_path / "in.tif", {tag: "x" for tag in range(65_000, 65_007)} | {269: "document"})
    out, _, notes = copied(path, ".tif")
    assert notes == ("TIFF tags were left out: 65000, 65001, 65002, 65003, 65004 and 2 more",)
    with Image.open(out) as written:
        assert written.tag_v2[269] == "document"


def test_what_else_is_in_a_file_is_reported(tmp_path: Path) -> None:
    paths = b"8BIM" + struct.pack(">HHI", 2000, 0, 4) + bytes(4)
    extended = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40)
    segments = [(0xE1, extended), (0xE2, b"MPF\0" + bytes(8))]
    extra = b"".join(b"\xff" + bytes([kind]) + struct.pack(">H", 2 + len(s)) + s for kind, s in segments)
    path = jpeg(tmp_path, extra=extra + iptc_segment(more=paths))
    assert copied(path, ".jpg")[2] == (
        "the extended part of the XMP data was left out",
        "further images in the file (a gain map, a depth map, a second view) were left out",
        "clipping paths were left out",
    )


def test_a_profile_of_another_color_space_is_reported(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = png(tmp_path, [], "L", icc_profile=profile)
    assert copied(path, ".png")[2] == ("the color profile is of another color space and was dropped",)


def test_profile_resolution_and_exif_are_reported_where_they_cannot_be_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271] = "Maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = jpeg(tmp_path, exif=exif.tobytes(), icc_profile=profile, dpi=(300, 300))
    assert copied(path, ".bmp")[2] == ("left out, since BMP cannot hold it: EXIF data, color profile",)
    assert copied(path, ".webp")[2] == ("left out, since WEBP cannot hold it: resolution",)
    for suffix in (".jpg", ".png", ".tif"):
        assert not copied(path, suffix)[2]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_the_resolution_is_turned_with_the_image_and_never_made_up(tmp_path: Path, suffix: str) -> None:
    exif, path = Image.Exif(), tmp_path / f"in{suffix}"
    exif[274] = 6
    image().save(path, dpi=(300, 200), exif=exif)
    assert read_image(path).dpi == pytest.approx((200, 300), rel=1e-3)
    image().save(path, exif=exif)
    assert read_image(path).dpi is None


def test_sizes_in_exif_are_not_repeated(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274], exif[0x8769] = 6, {40962: 5, 40963: 6, 0x9003: "2020:01:02 03:04:05"}
    with Image.open(copied(jpeg(tmp_path, exif=exif.tobytes()), ".jpg")[0]) as written:
        assert dict(written.getexif().get_ifd(0x8769)) == {0x9003: "2020:01:02 03:04:05"}


def test_every_jpeg_is_lossy_and_nothing_else_is(tmp_path: Path) -> None:
    sample = read_image(png(tmp_path, []))
    assert losses(tmp_path / "out.jpg", sample) == ("JPEG is lossy: known pixels are not kept exactly",)
    for suffix in (".png", ".tif", ".webp", ".bmp"):
        assert not losses(tmp_path / f"out{suffix}", sample)


@pytest.mark.parametrize("seed", range(20))
def test_corrupt_metadata_do_not_cost_the_image(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 256, 60, np.uint8).tobytes()
    profile = b"Raw profile type iptc\0\0" + raw
    paths = [
        png(tmp_path, [(b"zTXt", profile), (b"cICP", raw[:3]), (b"tEXt", raw)]),
        jpeg(tmp_path, extra=iptc_segment(raw, b"8BIM" + raw[:20]), xmp=raw),
        tiff(tmp_path / "in.tif", {34377: b"8BIM" + raw, 33723: raw, 700: raw}, {34377: 1, 33723: 7, 700: 1}),
    ]
    for index, path in enumerate(paths):
        for suffix in (".png", ".jpg", ".tif"):
            out = copied(path, f"{index}{suffix}")[0]
            assert read_image(out).size_px == (6, 5)
