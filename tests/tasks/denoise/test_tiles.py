from dataclasses import replace

import pytest
import torch

from edlrr_cli.networks.apply import predict_clean
from edlrr_cli.networks.build import build_network
from edlrr_cli.networks.names import Size
from edlrr_cli.tasks.denoise.tiles import apply_in_tiles, spans

SMALL = {"dncnn": Size(6, 16), "dncnn-bf": Size(6, 16), "light": Size(1, 32)}


@pytest.mark.parametrize(("arch", "channels"), [*((arch, 1) for arch in SMALL), ("light", 3)])
@pytest.mark.parametrize("size_px", [(331, 210), (64, 285), (40, 40)])
def test_tiles_are_the_whole_bit_for_bit(arch, channels, size_px):
    torch.manual_seed(0)
    network = build_network(arch, replace(SMALL[arch], channels=channels)).eval()
    images = torch.rand(2, channels, *size_px, generator=torch.Generator().manual_seed(1))
    sigma = torch.tensor([0.1, 0.05])
    reach_px = -(-network.reach_px // network.stride_px) * network.stride_px

    def clean(tile):
        return predict_clean(network, tile, sigma)

    whole = clean(images)
    tiled = apply_in_tiles(clean, images, tile_px=64, reach_px=reach_px, stride_px=network.stride_px)
    assert torch.equal(tiled, whole)


def test_too_little_overlap_would_show():
    torch.manual_seed(0)
    network = build_network("dncnn", SMALL["dncnn"]).eval()
    image = torch.rand(1, 1, 64, 64)
    sigma = torch.full((1,), 0.1)
    whole = predict_clean(network, image, sigma)
    tiled = apply_in_tiles(
        lambda tile: predict_clean(network, tile, sigma), image, tile_px=16, reach_px=2, stride_px=1
    )
    assert not torch.equal(tiled, whole)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 200])
def test_spans_cover_a_side_once(length):
    found = list(spans(length, 64, 8, 8))
    assert [position for span in found for position in range(span.start, span.stop)] == list(range(length))
    assert all(0 <= span.seen_start <= span.start < span.stop <= span.seen_stop <= length for span in found)
    assert all(span.seen_start <= max(span.start - 8, 0) for span in found)
    assert all(span.seen_stop >= min(span.stop + 8, length) for span in found)


@pytest.mark.parametrize(("length", "count"), [(80, 1), (81, 2), (144, 2), (145, 3)])
def test_tiles_are_few_and_see_as_much(length, count):
    found = list(spans(length, 64, 8, 8))
    assert len(found) == count
    (seen_px,) = {-(-span.seen_stop // 8) * 8 - span.seen_start for span in found}
    assert seen_px <= 80
