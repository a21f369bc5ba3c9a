"""What the files of a run hold, and what makes each again: for those who read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired

from typing_extensions import TypedDict

from dicface.base.errors import ClipError, MetricError, TrainingError
from dicface.base.reading import Column, Own, read_json, read_jsonl, read_parquet

if TYPE_CHECKING:
    import pandas as pd

_CLIP_INDEX = Own(
    "the index of a set of clips", "Delete it and make the set again.", error=ClipError
)
_CLIP_COLUMNS: dict[str, Column] = {
    "clip": "name",
    "num_frames": "count",
    "fps": "number",
    "identity": "text",
    "source": "text",
}

TRAINING_INDEX = Own(
    "an index of training clips", "Write it with `dicface data index`.", error=ClipError
)
INDEX_COLUMNS: dict[str, Column] = {
    "clip": "name",
    "source": "text",
    "num_frames": "count",
    "height": "whole",
    "width": "whole",
    "fps": "number",
    "crop_x0": "whole",
    "crop_y0": "whole",
    "crop_x1": "whole",
    "crop_y1": "whole",
    "num_interpolated": "count",
    "landmarks": "text",
    "row_group": "whole",
    "left_out": "text",
}

_DRAWN_LANDMARKS = Own(
    "the exact landmarks of rendered clips", "Render the clips again.", error=MetricError
)
_LANDMARK_COLUMNS: dict[str, Column] = {
    "clip": "name",
    "frame": "count",
    "point": "count",
    "x": "number",
    "y": "number",
}

_DEGRADATION = Own(
    "what was drawn for each input", "Delete it and degrade the clips again.", error=ClipError
)

TRAINED = Own(
    "what a training writes",
    "Delete it and train that network again.",
    "Train that network first.",
    TrainingError,
)


class Training(TypedDict):
    """`training.json`: what a training took."""

    name: str
    steps: int
    seconds: float
    parameters: int
    starts_from: NotRequired[str | None]
    frames_seen: NotRequired[int]
    threads: NotRequired[int]
    released: NotRequired[dict[str, Any]]


class Step(TypedDict):
    """A line of `stats.jsonl` or `validation.jsonl`; losses have names of their own."""

    step: int


def read_clip_index(folder: str | Path) -> pd.DataFrame:
    """Reads `index.parquet` of a set of clips, one row a clip.

    Raises:
        ClipError: It is missing or damaged.
    """
    return read_parquet(Path(folder) / "index.parquet", _CLIP_INDEX, _CLIP_COLUMNS, unique=["clip"])


def read_training_index(path: str | Path) -> pd.DataFrame:
    """Reads the index of a training set that lies elsewhere.

    Raises:
        ClipError: It is missing, damaged or the index of something else.
    """
    return read_parquet(path, TRAINING_INDEX, INDEX_COLUMNS, unique=["clip"])


def read_drawn_landmarks(path: str | Path) -> pd.DataFrame:
    """Reads landmarks of rendered clips: clip, frame, point, x and y in px of the frame.

    Raises:
        MetricError: They are missing or damaged.
    """
    unique = ["clip", "frame", "point"]
    return read_parquet(path, _DRAWN_LANDMARKS, _LANDMARK_COLUMNS, unique=unique)


def read_degradation(folder: str | Path) -> pd.DataFrame:
    """Reads `degradation.parquet` of a task's inputs, one row a clip.

    Raises:
        ClipError: It is missing or damaged.
    """
    path = Path(folder) / "degradation.parquet"
    return read_parquet(path, _DEGRADATION, {"clip": "name"}, unique=["clip"])


def read_training(path: str | Path) -> dict[str, Any]:
    """Reads a network's `training.json`, see `Training`.

    Raises:
        TrainingError: It is missing or damaged.
    """
    return read_json(path, TRAINED, Training)


def read_network_settings(path: str | Path) -> dict[str, Any]:
    """Reads a network's `settings.json` (errors as `read_training`)."""
    return read_json(path, TRAINED)


def read_steps(path: str | Path) -> list[dict[str, Any]]:
    """Reads a network's `stats.jsonl` or `validation.jsonl` (errors as `read_training`)."""
    return read_jsonl(path, TRAINED, Step)
