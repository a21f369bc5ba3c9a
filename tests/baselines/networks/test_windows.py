"""Windows of a picture, and which of their places were neighbours."""

import pytest
import torch
from torch import Tensor

from baselines.networks.windows import merge, partition, shift_mask


def test_windows_are_listed_row_by_row_and_put_back():
    x = torch.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    windows = partition(x, (2, 3))
    assert windows.shape == (8, 6, 3)
    assert torch.equal(windows[1].reshape(2, 3, 3), x[0, :2, 3:])
    assert torch.equal(windows[6].reshape(2, 3, 3), x[1, 2:, :3])
    assert torch.equal(merge(windows, (2, 3), (4, 6)), x)


@pytest.mark.parametrize(
    ("grid", "size", "shift"),
    [((8, 12), (4, 4), (2, 2)), ((4, 4), (4, 4), (2, 2)), ((6, 8), (3, 4), (1, 2))],
)
def test_mask_parts_those_who_were_no_neighbours_before_the_shift(grid, size, shift):
    place = torch.stack(torch.meshgrid(*map(torch.arange, grid), indexing="ij"), -1)[None]

    def steps(place: Tensor) -> Tensor:
        place = partition(place, size)
        return place[:, :, None] - place[:, None]

    # The roll keeps the way from one to the other unless it put a far side between them.
    neighbours = (steps(place.roll([-by for by in shift], (1, 2))) == steps(place)).all(-1)
    mask = shift_mask(grid, size, shift)
    assert torch.equal(mask == 0, neighbours)
    assert torch.equal(mask == -100, ~neighbours)
