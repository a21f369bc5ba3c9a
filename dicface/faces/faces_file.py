"""`faces.parquet`: where the face of every frame of an import was found, and how it was aligned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dicface.base.errors import FaceError
from dicface.base.reading import Column, Own, read_parquet
from dicface.faces.track import SmoothTrack

FACES_FILE = "faces.parquet"
_FACES = Own(
    "how the frames of an import were aligned",
    "Delete it and import the true clips of the set again.",
    "Import the true clips of the set first.",
    FaceError,
)
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


def read_faces(path: Path) -> pd.DataFrame:
    """Reads a table of faces, one row a frame (errors as `read_affines`)."""
    columns: dict[str, Column] = {"clip": "name", "frame": "count", "detected": "flag"}
    columns |= dict.fromkeys(_AFFINE_COLUMNS, "number")
    return read_parquet(path, _FACES, columns, unique=["clip", "frame"])


def read_affines(folder: str | Path) -> dict[str, NDArray[np.float64]]:
    """Reads how the clips of an import were aligned, from its `faces.parquet`.

    Returns:
        Clip -> (T, 2, 3) source px → aligned px.

    Raises:
        FaceError: The file is missing or damaged.
    """
    path = Path(folder) / FACES_FILE
    table = read_faces(path)
    return {
        str(name): rows.sort_values("frame")[_AFFINE_COLUMNS].to_numpy().reshape(-1, 2, 3)
        for name, rows in table.groupby("clip")
    }
