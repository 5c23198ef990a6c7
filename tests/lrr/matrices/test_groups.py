import pytest
import torch

from edlrr_cli.lrr.matrices.groups import find_groups


def naive(image, patch_px, stride_px, search_px, num_similar):
    """Compare every patch of the grid with every other in its square, one by one."""
    _, height, width = image.shape
    last = height - patch_px, width - patch_px
    grids = [sorted({*range(0, end + 1, stride_px), end}) for end in last]
    rows = []
    for y in grids[0]:
        for x in grids[1]:
            here = image[:, y : y + patch_px, x : x + patch_px]
            found = []
            for v in range(max(y - search_px, 0), min(y + search_px, last[0]) + 1):
                for u in range(max(x - search_px, 0), min(x + search_px, last[1]) + 1):
                    distance = (image[:, v : v + patch_px, u : u + patch_px] - here).square().sum()
                    found.append((float(distance), v * width + u))
            rows.append([corner for _, corner in sorted(found)[:num_similar]])
    return torch.tensor(rows)


def corners(image, **settings):
    return find_groups(image, **settings).corners


@pytest.mark.parametrize("shape", [(1, 17, 22), (3, 12, 9)])
@pytest.mark.parametrize("max_numbers", [2**23, 1000])
def test_groups_are_those_of_the_naive_search(monkeypatch, shape, max_numbers):
    monkeypatch.setattr("edlrr_cli.lrr.matrices.groups._MAX_NUMBERS", {"cpu": max_numbers})
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    settings = {"patch_px": 4, "stride_px": 3, "search_px": 4, "num_similar": 9}
    assert torch.equal(corners(image, **settings), naive(image, **settings))


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("max_numbers", [2**23, 1000])
def test_several_images_are_searched_for_the_patches_of_one(monkeypatch, index, max_numbers):
    monkeypatch.setattr("edlrr_cli.lrr.matrices.groups._MAX_NUMBERS", {"cpu": max_numbers})
    images = torch.rand(3, 2, 12, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = corners(images, patch_px=4, stride_px=3, search_px=2, num_similar=12, index=index)
    for row in found:
        (image, y, x), *others = [(int(c) // 108, int(c) % 108 // 9, int(c) % 9) for c in row]
        assert image == index
        here = images[index, :, y : y + 4, x : x + 4]
        distances = {
            (n, v, u): float((images[n, :, v : v + 4, u : u + 4] - here).square().sum())
            for n in range(3)
            for v in range(max(y - 2, 0), min(y + 2, 8) + 1)
            for u in range(max(x - 2, 0), min(x + 2, 5) + 1)
        }
        assert others == sorted(distances, key=distances.__getitem__)[1:12]


def test_a_shifted_grid_still_reaches_the_borders():
    found = corners(torch.rand(1, 20, 20), patch_px=4, stride_px=4, search_px=1, num_similar=1, first_px=2)
    assert sorted(set((found // 20).flatten().tolist())) == [0, 2, 6, 10, 14, 16]


def test_a_patch_leads_its_group_and_its_copies_follow_in_order():
    period, side = 5, 30
    tile = torch.rand(1, period, period, generator=torch.Generator().manual_seed(0))
    image = tile.repeat(1, side // period, side // period)
    for row in corners(image, patch_px=5, stride_px=4, search_px=10, num_similar=9):
        offsets = [divmod(int(corner), side) for corner in row]
        assert all((y - offsets[0][0]) % period == (x - offsets[0][1]) % period == 0 for y, x in offsets)
        assert offsets[1:] == sorted(offsets[1:])


def test_a_group_has_no_more_than_a_corner_finds():
    assert corners(torch.rand(1, 6, 9), patch_px=4, stride_px=2, search_px=2, num_similar=100).shape[1] == 9


@pytest.mark.parametrize("num_channels", [1, 3])
def test_unmodified_groups_give_the_image_back(num_channels):
    image = torch.rand(23, 31, num_channels, dtype=torch.float64)
    total, weight = torch.zeros_like(image), torch.zeros_like(image[..., :1])
    found = find_groups(image.permute(2, 0, 1), patch_px=5, stride_px=4, search_px=6, num_similar=7)
    for groups in found.chunks(10):
        trust = torch.rand(len(groups), dtype=torch.float64) + 0.5
        groups.add_to(total, weight, groups.gather(image), trust)
    torch.testing.assert_close(total / weight, image)


def test_a_row_is_a_patch_with_all_its_channels():
    image = torch.rand(12, 14, 3)
    groups = find_groups(image.permute(2, 0, 1), patch_px=4, stride_px=3, search_px=3, num_similar=5)
    y, x = divmod(int(groups.corners[7, 2]), 14)
    row = groups.gather(image)[7, 2]
    assert torch.equal(row.view(4, 4, 3), image[y : y + 4, x : x + 4])


def test_the_search_is_the_same_each_time_where_all_is_alike():
    settings = {"patch_px": 4, "stride_px": 4, "search_px": 5, "num_similar": 6}
    first = corners(torch.zeros(1, 16, 16), **settings)
    assert torch.equal(first, corners(torch.zeros(1, 16, 16), **settings))
    assert first[0].tolist() == [0, 1, 2, 3, 4, 5]
