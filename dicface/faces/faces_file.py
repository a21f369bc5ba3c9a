"""`faces.parquet`: where the face of every frame of an import was found, and how it was aligned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dicface.base.errors import FaceError
from dicface.faces.track import SmoothTrack

FACES_FILE = "faces.parquet"
_AFFINE_COLUMNS = [f"a{row}{column}" for row in range(2) for column in range(3)]


def faces_table(
    name: str, raw: NDArray[np.float64], track: SmoothTrack, affines: NDArray[np.float64]
) -> pd.DataFrame:
    """The rows of `faces.parquet` of one clip (see `ImportedClip.faces`).

    Args:
        name: Name of the clip.
        raw: (T, 5, 2), points as found, px; NaN without a face.
        track: The same points filled and smoothed.
        affines: (T, 2, 3) source px → aligned px.
    """
    coordinates = [f"{axis}{point}" for point in range(5) for axis in "xy"]
    num_frames = len(raw)
    table = pd.DataFrame({"clip": name, "frame": np.arange(num_frames), "detected": track.detected})
    columns = (
        ([f"raw_{column}" for column in coordinates], raw),
        (coordinates, track.points),
        (_AFFINE_COLUMNS, affines),
    )
    parts = [pd.DataFrame(v.reshape(num_frames, -1), columns=names) for names, v in columns]
    return pd.concat([table, *parts], axis=1)


def read_affines(folder: str | Path) -> dict[str, NDArray[np.float64]]:
    """Reads how the clips of an import were aligned, from its `faces.parquet`.

    Returns:
        Clip -> (T, 2, 3) source px → aligned px.

    Raises:
        FaceError: The file is missing.
    """
    path = Path(folder) / FACES_FILE
    if not path.is_file():
        raise FaceError(f"{path}: no such file; import the true clips of the set first")
    table = pd.read_parquet(path, columns=["clip", "frame", *_AFFINE_COLUMNS])
    return {
        str(name): rows.sort_values("frame")[_AFFINE_COLUMNS].to_numpy().reshape(-1, 2, 3)
        for name, rows in table.groupby("clip")
    }
