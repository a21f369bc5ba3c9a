"""Re-applies the alignment of imported clips to other versions of them.

Results are thus cropped exactly like the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.faces.faces_file import read_affines
from dicface.faces.importer import cut_out
from dicface.video.clips import ClipInfo, frame_rate, read_frames, write_clip


class Alignment:
    """The alignment that an import gave to its clips.

    Args:
        folder: What `import_folder` wrote.
        size: Side of its aligned frames, px.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self._affines = read_affines(folder)
        self._size = size

    def apply(self, source: Path, clip: str, frame_size: tuple[int, int], out: Path) -> ClipInfo:
        """Cuts the faces out of another version of a clip, at the places of the imported one.

        Args:
            source: The other version: a video or a folder of frames.
            clip: Name of the imported clip.
            frame_size: Width and height of the frames that were imported, px. Frames of `source`
                that have another size are resized to it first: bicubic where they grow, area mean
                where they shrink.
            out: The .mkv to write.

        Raises:
            ClipError: The source cannot be read or has another number of frames.
            DicfaceError: The disk is full.
        """
        affines = self._affines[clip]

        def frames() -> Iterator[NDArray[np.uint8]]:
            number = 0
            for number, frame in enumerate(read_frames(source), 1):
                if number <= len(affines):
                    yield _resized(frame, frame_size)
            if number != len(affines):
                raise ClipError(
                    f"{source}: found {number} frames, the clip that it is aligned like has "
                    f"{len(affines)}; expected the same number."
                )

        return write_clip(out, cut_out(frames(), affines, self._size), frame_rate(source))


def _resized(frame: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    if frame.shape[:2] == (height, width):
        return frame
    grows = frame.shape[0] < height
    how = cv2.INTER_CUBIC if grows else cv2.INTER_AREA
    return cv2.resize(frame, (width, height), interpolation=how)
