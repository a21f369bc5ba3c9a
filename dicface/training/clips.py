"""Where training windows come from: a folder of aligned clips, or an index of sources.

Aligned clips are decoded whole and may stay in memory; what an index names is read window by window
and aligned on the fly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError, ConfigError, FaceError
from dicface.base.reading import Own, open_parquet, open_tensors, said
from dicface.data.datasets.shard_landmarks import POINT_COLUMNS, SHARD
from dicface.data.datasets.training_index import INDEX_FILE, is_index
from dicface.faces.align import Border, estimate_affine, warp
from dicface.runs.files import read_training_index
from dicface.training.windows import TrainingWindow
from dicface.video.clips import list_clips, read_clip
from dicface.video.sources import read_at

if TYPE_CHECKING:
    import pyarrow.parquet as pq

STILLS = Own("packed frames of stills", "Delete it and make the file again.", error=ClipError)

Degrade = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
Order = Literal["aligned", "release"]


class ClipSource(Protocol):
    """Clips that windows are drawn from.

    Attributes:
        names: Names of the clips, sorted; seeds are made of them.
    """

    names: Sequence[str]

    def num_frames(self, clip: int) -> int:
        """How many frames a clip has."""

    def read(self, clip: int, window: TrainingWindow) -> NDArray[np.uint8]:
        """The true frames of a window, (T, S, S, 3) uint8 RGB, aligned."""

    def pair(
        self, clip: int, window: TrainingWindow, degrade: Degrade
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The degraded and the true frames of a window, each (T, S, S, 3) uint8 RGB, aligned."""


def open_clips(
    folder: str | Path, *, size: int, window: int, order: Order, cache: bool
) -> ClipSource:
    """Opens a folder of training clips: one with the index of a data set, or aligned clips.

    Args:
        folder: holds `index.parquet` as `dicface data index` writes it, or aligned clips; or is a
            packed file of single frames (`PackedFrames`).
        size: S, side of the frames given, px.
        window: The shortest clip that is used, frames.
        order: Order of alignment and degradation, see `IndexedClips`.
        cache: Whether to keep decoded clips in memory; aligned clips alone.

    Raises:
        ClipError: There is no clip, or the index is damaged.
        ConfigError: `cache` is asked for clips of an index.
    """
    folder = Path(folder)
    if folder.suffix == PackedFrames.SUFFIX:
        return PackedFrames(folder, size=size, window=window)
    if not is_index(folder / INDEX_FILE):
        return AlignedClips(folder, cache=cache)
    if cache:
        raise ConfigError(
            f"train.*.cache: true keeps whole clips in memory, and {folder} holds an index whose "
            "clips are read by the window; expected cache: false"
        )
    return IndexedClips(folder / INDEX_FILE, size=size, window=window, order=order)


class PackedFrames:
    """Single aligned frames in one safetensors file, each a clip of one frame.

    The file is mapped into memory, so that a frame costs a read of its own bytes alone.

    Args:
        path: holds `frames`, (N, S, S, 3) uint8 RGB.
        size: S, side of the frames given, px.
        window: frames a sample; there is one.

    Raises:
        ClipError: the file is missing, damaged, or holds other frames.
        ConfigError: windows of several frames are asked for.
    """

    SUFFIX = ".safetensors"

    def __init__(self, path: str | Path, *, size: int, window: int = 1) -> None:
        if window != 1:
            raise ConfigError(
                f"{path} holds single frames, and windows of {window} frames are drawn; expected "
                "clips for stage IV (data.train)"
            )
        with said(path, STILLS):
            self._frames = open_tensors(path, STILLS).get_slice("frames")
        shape, kind = list(self._frames.get_shape()), self._frames.get_dtype()
        if len(shape) != 4 or not shape[0] or shape[1:] != [size, size, 3] or kind != "U8":
            raise ClipError(
                f"{path}: holds {kind} frames of shape {shape}, expected U8, (N, {size}, {size}, "
                "3); set data.size to their side or pack them again"
            )
        self.names = [f"frame_{i:06d}" for i in range(shape[0])]

    def num_frames(self, clip: int) -> int:
        """One."""
        del clip
        return 1

    def read(self, clip: int, window: TrainingWindow) -> NDArray[np.uint8]:
        """The frame, (1, S, S, 3) uint8 RGB."""
        del window
        return self._frames[clip : clip + 1]

    def pair(
        self, clip: int, window: TrainingWindow, degrade: Degrade
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The degraded and the true frame."""
        truth = self.read(clip, window)
        return degrade(truth), truth


class AlignedClips:
    """Clips of a folder whose frames are aligned faces of one size, decoded whole.

    Args:
        folder: Folder of the clips.
        cache: Whether to keep every decoded clip in memory, not the last few alone.

    Raises:
        ClipError: The folder is missing or holds no clip.
    """

    def __init__(self, folder: str | Path, *, cache: bool) -> None:
        clips = list_clips(folder)
        self.names, self._paths = list(clips), list(clips.values())
        self._whole = lru_cache(maxsize=None if cache else 4)(self._decode)

    def num_frames(self, clip: int) -> int:
        """How many frames a clip has; decodes it, as headers may be wrong."""
        return len(self._whole(clip))

    def read(self, clip: int, window: TrainingWindow) -> NDArray[np.uint8]:
        """The true frames of a window.

        Raises:
            ClipError: The clip cannot be read.
        """
        return self._whole(clip)[list(window.frames)]

    def pair(
        self, clip: int, window: TrainingWindow, degrade: Degrade
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The degraded and the true frames of a window; errors as `read`."""
        truth = self.read(clip, window)
        return degrade(truth), truth

    def _decode(self, clip: int) -> NDArray[np.uint8]:
        return read_clip(self._paths[clip])[0]


class IndexedClips:
    """Clips of an index (`dicface.data.datasets.training_index`), of which only the window is read.

    Clips with landmarks are aligned by them, as the release's trainer does: the similarity of each
    frame's five points, bilinear, RGB (135, 133, 132) outside the frame. Others hold aligned faces,
    which are resized where their side is not `size`.

    Args:
        index: `index.parquet`; landmark files lie beside it.
        size: S, side of the frames given, px.
        window: The shortest clip that is used, frames.
        order: `aligned` aligns and then degrades, as the test inputs of this suite are made;
            `release` resizes to S, degrades and then aligns both, as the release trains.
        border: Colour outside the source.

    Raises:
        ClipError: The index is missing or damaged, or holds no clip of `window` frames.
        ConfigError: There is no such order.
    """

    def __init__(
        self,
        index: str | Path,
        *,
        size: int,
        window: int = 1,
        order: Order = "aligned",
        border: Border = "trainer",
    ) -> None:
        if order not in ("aligned", "release"):
            raise ConfigError(f"order: found '{order}', expected aligned or release")
        self.folder, self.size, self.order, self.border = Path(index).parent, size, order, border
        table = read_training_index(index)
        table = table[(table["left_out"] == "") & (table["num_frames"] >= window)]
        if table.empty:
            raise ClipError(
                f"{index}: found no clip of at least {window} frames; look at `dicface data check`"
            )
        table = table.sort_values("clip", ignore_index=True)
        self.names: list[str] = table["clip"].tolist()
        self._num_frames: list[int] = table["num_frames"].tolist()
        self._sources: list[str] = table["source"].tolist()
        self._crops = table[["crop_x0", "crop_y0", "crop_x1", "crop_y1"]].to_numpy()
        self._landmark_files: list[str] = table["landmarks"].tolist()
        self._row_groups: list[int] = table["row_group"].tolist()

    def num_frames(self, clip: int) -> int:
        """How many frames a clip has, by the index."""
        return self._num_frames[clip]

    def read(self, clip: int, window: TrainingWindow) -> NDArray[np.uint8]:
        """The true frames of a window, aligned.

        Raises:
            ClipError: The frames cannot be read.
            FaceError: The landmarks do not fit the clip.
        """
        frames = self._frames(clip, window.frames)
        if not self._landmark_files[clip]:
            return np.stack([_resized(frame, self.size) for frame in frames])
        return self._aligned(frames, self._points(clip, window))

    def pair(
        self, clip: int, window: TrainingWindow, degrade: Degrade
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The degraded and the true frames of a window, aligned; errors as `read`.

        Args:
            clip: Number of the clip.
            window: Which frames to read, and whose landmarks align them.
            degrade: Makes (T, S, S, 3) uint8 RGB inputs of as many true frames.
        """
        if self.order == "aligned" or not self._landmark_files[clip]:
            truth = self.read(clip, window)
            return degrade(truth), truth
        frames = self._frames(clip, window.frames)
        height, width = frames[0].shape[:2]
        if height != width:
            raise ClipError(
                f"{self._sources[clip]}: frames are {width}×{height} px; the order 'release' needs "
                "square ones, the order 'aligned' does not"
            )
        points = self._points(clip, window) * (self.size / width)
        square = np.stack([_resized(frame, self.size) for frame in frames])
        return self._aligned(degrade(square), points), self._aligned(square, points)

    def _frames(self, clip: int, frames: Sequence[int]) -> list[NDArray[np.uint8]]:
        x0, y0, x1, y1 = self._crops[clip]
        read = read_at(Path(self._sources[clip]), frames)
        if x0 < 0:
            return read
        return [np.ascontiguousarray(frame[y0:y1, x0:x1]) for frame in read]

    def _points(self, clip: int, window: TrainingWindow) -> NDArray[np.float64]:
        path = self.folder / self._landmark_files[clip]
        points = _clip_points(path, self._row_groups[clip], self.names[clip])
        if len(points) != self.num_frames(clip):
            raise FaceError(
                f"{path}: holds {len(points)} frames of landmarks of '{self.names[clip]}', its "
                f"index says {self.num_frames(clip)}; run the landmarks' job and the index again"
            )
        return points[list(window.landmark_frames)]

    def _aligned(
        self, frames: Sequence[NDArray[np.uint8]], points: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        return np.stack(
            [
                warp(
                    frame,
                    estimate_affine(each, self.size),
                    self.size,
                    border=self.border,
                    antialias=True,
                )
                for frame, each in zip(frames, points, strict=True)
            ]
        )


@lru_cache(maxsize=256)
def _opened(path: Path) -> pq.ParquetFile:
    return open_parquet(path, SHARD)


@lru_cache(maxsize=4096)
def _clip_points(path: Path, row_group: int, name: str) -> NDArray[np.float64]:
    """(T, 5, 2) px of the clip's frame, cropped if its meta file says so."""
    with said(path, SHARD):
        table = _opened(path).read_row_group(row_group, columns=["clip", *POINT_COLUMNS])
    rows = table.to_pandas()
    if set(rows["clip"]) != {name}:
        raise FaceError(
            f"{path}: holds landmarks of {sorted(set(rows['clip']))} where its index names "
            f"'{name}'; write the index again"
        )
    return rows[POINT_COLUMNS].to_numpy(np.float64).reshape(-1, 5, 2)


def _resized(frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if frame.shape[:2] == (size, size):
        return frame
    shrinks = min(frame.shape[:2]) > size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(frame, (size, size), interpolation=how)
