"""Right colours: from what a video codes (YUV of some matrix, range and depth) to 8-bit RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

Matrix = Literal["rgb", "grey", "bt601", "bt709", "bt2020", "fcc", "smpte240m", "unknown"]

_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    9: "bt2020",
    10: "bt2020",
}
"""FFmpeg's AVColorSpace -> matrix."""

_SWSCALE = {"bt709": 1, "fcc": 4, "bt601": 5, "smpte240m": 7, "bt2020": 9}
_UNTAGGED, _BT2020_PRIMARIES = 2, 9
_LIMITED, _FULL = 1, 2

HDR_TRANSFERS = {16: "PQ (HDR10)", 18: "HLG"}
"""FFmpeg's AVColorTransferCharacteristic -> name of those whose values are no display's."""

# Without these flags swscale repeats chroma samples instead of interpolating between them, and
# rounds down: 1.9 dB on a photograph in 4:2:0.
_CAREFUL = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True, kw_only=True)
class Colour:
    """How a video codes colours.

    Attributes:
        matrix: Of its YUV; `rgb` and `grey` need none, `unknown` is one that is not converted here.
        full_range: Whether black is 0 and white the largest value, instead of 16 and 235 of 8 bits.
        bits: Bits a sample.
        hdr: Name of its transfer curve, if that is made for HDR screens; else "".
        tagged: Whether the file says its matrix; else its size decides, as in every player.
        tags: FFmpeg's numbers as the file has them: matrix, primaries, transfer, range; 2, 2, 2, 0
            where it says nothing.
    """

    matrix: Matrix
    full_range: bool
    bits: int
    hdr: str
    tagged: bool
    tags: tuple[int, int, int, int]


def colour_of(frame: av.VideoFrame) -> Colour:
    """Reads how a frame is coded; untagged YUV is BT.709 from HD sizes on, and BT.601 below."""
    matrix: Matrix
    tag = int(frame.colorspace)
    components = frame.format.components
    if frame.format.is_rgb or frame.format.has_palette:
        matrix = "rgb"
    elif len([c for c in components if not c.is_alpha]) == 1:
        matrix = "grey"
    elif tag != _UNTAGGED:
        matrix = _MATRICES.get(tag, "unknown")
    elif frame.color_primaries == _BT2020_PRIMARIES:
        matrix = "bt2020"
    else:
        matrix = "bt709" if frame.width >= 1280 or frame.height > 576 else "bt601"
    ranged = int(frame.color_range)
    return Colour(
        matrix=matrix,
        full_range=matrix == "rgb"
        or ranged == _FULL
        or frame.format.name.startswith("yuvj")
        or (matrix == "grey" and ranged != _LIMITED),
        bits=max(component.bits for component in components),
        hdr=HDR_TRANSFERS.get(int(frame.color_trc), ""),
        tagged=tag != _UNTAGGED,
        tags=(tag, int(frame.color_primaries), int(frame.color_trc), ranged),
    )


class Converter:
    """Turns the frames of one video into RGB.

    Args:
        colour: How they are coded.
        width: Of the result, px.
        height: Of the result, px.
    """

    def __init__(self, colour: Colour, width: int, height: int) -> None:
        self._colour = colour
        self._size = {"width": width, "height": height}
        self._reformatter = VideoReformatter()

    def to_rgb(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Returns a frame as (height, width, 3) uint8 RGB; alpha is left out, colours are kept."""
        matrix, bits = self._colour.matrix, self._colour.bits
        same_size = (frame.width, frame.height) == (self._size["width"], self._size["height"])
        if matrix in ("rgb", "grey") and bits <= 8 and same_size:
            rgb = self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
        else:
            yuv = {}
            if matrix in _SWSCALE:
                yuv["src_colorspace"] = _SWSCALE[matrix]
                yuv["src_color_range"] = _FULL if self._colour.full_range else _LIMITED
            made = self._reformatter.reformat(
                frame,
                format="gbrp",
                interpolation=_CAREFUL,
                threads=1,
                **self._size,
                **yuv,
            )
            rows = (np.frombuffer(p, np.uint8).reshape(p.height, -1) for p in made.planes)
            green, blue, red = (row[:, : made.width] for row in rows)
            import cv2  # Planning a run loads this module and reads no frame.

            rgb = cv2.merge([red, green, blue])
        if matrix == "grey" and not self._colour.full_range:
            return _STRETCHED[rgb]
        return rgb


_STRETCHED = np.clip(np.round((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)
"""Limited grey -> full; swscale takes all grey for full."""
