"""The one definition of the low-resolution input of methods that enlarge a clip.

Every method gets the same input: the degraded clip, at the size of the truth. A method that
enlarges `scale` times reads it reduced, each pixel the mean of scale × scale pixels, which is all
that the other methods know too.

It is not the frame between the degradation's codec and its step (e). The release aligns faces after
that step, so that no aligned frame of that size exists there; nor does one for other tasks, for
degraded clips that a user brings, or where the degradation's `scale` is another than the method's.
Neither the paper nor the release says what its ×4 rows were given.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from dicface.base.errors import MethodError


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
