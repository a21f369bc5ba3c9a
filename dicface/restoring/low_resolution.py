"""The one definition of the low-resolution input of methods that enlarge a clip.

Where the test set was degraded here, such a method reads the frames that came out of the
degradation's codec, before its step (e) enlarged them: `low_resolution/` beside the inputs.

Elsewhere there is no such frame. The release aligns faces after that step; other tasks reduce
nothing; degraded clips that a user brings are as they are; the degradation's `scale` may be another
than the method's. Then the method reads the input of all others reduced, each pixel the mean of
scale × scale pixels, which is an extra low pass on what it gets. Neither the paper nor the release
says what its ×4 rows were given.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor
from torch.nn import functional as F

from dicface.base.errors import MethodError
from dicface.runs.results import LOW_RESOLUTION
from dicface.video.clips import read_frames


def small_clip(path: Path, scale: int) -> Path | None:
    """Returns the codec's own frames of an input, if they are that much smaller.

    Args:
        path: The input clip.
        scale: What a method enlarges by.

    Raises:
        ClipError: One of both cannot be read.
    """
    small = path.parent / LOW_RESOLUTION / path.name
    if scale == 1 or not small.is_file():
        return None
    sides = [next(read_frames(each)).shape[:2] for each in (small, path)]
    return small if sides[1] == tuple(scale * side for side in sides[0]) else None


def what_is_read(small: Path | None, scale: int) -> str:
    """Says what a method that enlarges reads, for records and footnotes."""
    if small:
        return "the codec's own frames (low_resolution/)"
    return f"the input reduced to means of {scale}×{scale} pixels"


def low_resolution_input(frame: Tensor, scale: int, *, clip: str, label: str) -> Tensor:
    """Reduces a frame of a task's input for a method that enlarges `scale` times.

    The result is not rounded to 8 bits.

    Args:
        frame: (3, H, W) float RGB in [0, 1].
        scale: What the method enlarges by, 1 or more.
        clip: Name or path of the clip, for messages.
        label: The method's label, for messages.

    Returns:
        (3, H / scale, W / scale), the means of scale × scale pixels; `frame` itself at 1.

    Raises:
        MethodError: `scale` does not divide the sides.
    """
    if scale == 1:
        return frame
    height, width = frame.shape[-2:]
    if height % scale or width % scale:
        raise MethodError(
            f"{clip}: frames are {width}×{height}; {label} enlarges {scale} times and needs sides "
            f"that {scale} divides. Resize or crop the clip."
        )
    return F.avg_pool2d(frame, scale)
