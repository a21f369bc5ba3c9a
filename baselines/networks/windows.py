"""Windows of a feature map and their cyclic shift (Liu et al., Swin Transformer, section 3.2).

Shared by PGTFormer's temporal window attention and by GMFlow. A map is (n, H, W, …), channels last;
a window is h×w positions of it, listed row by row; windows are listed row by row, too.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Added to the score of two positions that only the cyclic shift made neighbours.
_APART = -100.0


def partition(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Cuts a map into windows that do not overlap.

    Args:
        x: (n, H, W, …).
        size: (h, w), divisors of H and W.

    Returns:
        (n·windows, h·w, …), all windows of the first map first.
    """
    height, width = size
    x = x.unflatten(2, (-1, width)).unflatten(1, (-1, height))
    return x.transpose(2, 3).flatten(3, 4).flatten(0, 2)


def merge(windows: Tensor, size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Undoes `partition`.

    Args:
        windows: (n·windows, h·w, …).
        size: (h, w) of a window.
        grid: (H, W) of the map.

    Returns:
        (n, H, W, …).

    >>> x = torch.arange(24).reshape(1, 4, 6)
    >>> bool((merge(partition(x, (2, 3)), (2, 3), (4, 6)) == x).all())
    True
    """
    rows, columns = grid[0] // size[0], grid[1] // size[1]
    x = windows.unflatten(0, (-1, rows, columns)).unflatten(3, size)
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def shift_mask(
    grid: tuple[int, int],
    size: tuple[int, int],
    shift: tuple[int, int],
    device: torch.device | None = None,
) -> Tensor:
    """Scores to add in a map that was rolled by -shift: its far sides are no neighbours.

    Args:
        grid: (H, W) of the map.
        size: (h, w) of a window.
        shift: By how many rows and columns the map was rolled, above 0 and below the window's.
        device: Where to put the result.

    Returns:
        (windows, h·w, h·w), 0 for neighbours and -100 for others.
    """
    rows, columns = (
        (position >= side - window).long() + (position >= side - by)
        for side, window, by in zip(grid, size, shift, strict=True)
        for position in [torch.arange(side, device=device)]
    )
    region = partition((3 * rows[:, None] + columns)[None], size)
    return _APART * (region[:, :, None] != region[:, None, :]).float()
