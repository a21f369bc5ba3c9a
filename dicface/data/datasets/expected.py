"""What a data set says of a clip beside its frames: how many there are, and which part to keep."""

from __future__ import annotations

from dataclasses import dataclass

from dicface.base.errors import ClipError
from dicface.data.datasets.layouts.layout import SourceClip
from dicface.data.datasets.layouts.text import ClipMeta, nominal_frames, read_meta
from dicface.video.sources import SourceInfo

_NOMINAL_SLACK = 2


@dataclass(frozen=True, kw_only=True)
class ExpectedFrames:
    """How many frames a clip should have.

    Attributes:
        count: 0 if nothing says.
        said_by: What says so: a list file, a meta file or the clip's name.
        slack: The largest difference that does not count as one.
    """

    count: int
    said_by: str
    slack: int = 0


def expected_frames(clip: SourceClip) -> ExpectedFrames:
    """Returns how many frames a clip should have: by its list file, its meta file, or its name.

    Raises:
        ClipError: The meta file is damaged.
    """
    if clip.num_frames:
        return ExpectedFrames(count=clip.num_frames, said_by="the clip list")
    if clip.meta is not None and (count := read_meta(clip.meta).num_frames):
        return ExpectedFrames(count=count, said_by=str(clip.meta))
    count = nominal_frames(clip.name)
    return ExpectedFrames(count=count, said_by="its name", slack=_NOMINAL_SLACK)


def crop_of(meta: ClipMeta | None, info: SourceInfo, name: str) -> tuple[int, int, int, int] | None:
    """Returns the part of a frame that the clip is: (x0, y0, x1, y1), or None for all of it.

    Whole frames are cropped as the meta file says; square ones, and those of the crop's size, are
    cropped already.

    Raises:
        ClipError: The frames have neither size.
    """
    if meta is None:
        return None
    x0, y0, x1, y1 = meta.crop
    if (info.height, info.width) == (meta.height, meta.width):
        return meta.crop
    if info.height == info.width or (info.height, info.width) == (y1 - y0, x1 - x0):
        return None
    raise ClipError(
        f"{name}: frames are {info.width}×{info.height} px; expected {meta.width}×{meta.height} "
        f"(whole frames, by the meta file), {x1 - x0}×{y1 - y0} (its crop) or squares; get the "
        "clip again in one of these sizes"
    )
