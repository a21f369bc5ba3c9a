"""Where the restored clips of a method lie, in its folder or elsewhere, and what they took."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

from dicface.base.errors import ClipError
from dicface.base.reading import Own, is_there, read_json
from dicface.video.clips import list_clips

INDEX_FILE = "index.json"

SCORED_FILE = "scored.json"
"""What a folder of scores holds, which `dicface score` wrote, as its pages need it."""

COST_FILE = "cost.json"
"""What restoring took, as `dicface.restoring.runner.restore_set` measured it: `clips`, each with
`frames`, `seconds` and, on a GPU, `gpu_bytes`, the most that was allocated; and `device` and
`parameters` of the method.
Not in the index, which is digested: seconds differ each time."""

LOW_RESOLUTION = "low_resolution"
"""Folder, in that of inputs that were degraded here, of the codec's own frames, `<clip>.mkv`."""

_INDEX = Own("which clips were restored", "Delete it to restore them again.", error=ClipError)
_COST = Own("what restoring took", "Delete it to make it again.", error=ClipError)


class _Index(TypedDict, total=False):
    clips: list[str]
    restored: str
    unusable: dict[str, str]
    notes: dict[str, str]
    remarks: list[str]


class _Clip(TypedDict):
    frames: int
    seconds: float
    gpu_bytes: NotRequired[int]


class _Cost(TypedDict):
    clips: dict[str, _Clip]
    device: NotRequired[str]
    parameters: NotRequired[Any]


class InFolder:
    """A file or folder of known name in the folder of what it is an attribute of."""

    def __init__(self, name: str) -> None:
        """Takes its name below that folder."""
        self.name = name

    def __get__(self, owner: object, kind: type) -> Path:
        """Its path."""
        return owner.folder / self.name


@dataclass(frozen=True, kw_only=True)
class Results:
    """The folder of one method's restored clips and their scores.

    Attributes:
        folder: `<run>/<task>/<method>`, or one that `dicface score` writes.
        index: What restored the clips and which there are, JSON.
        cost: What restoring took, JSON.
        metrics: One row a clip and metric.
        frames: One row a frame and metric.
        features: Video features of all windows, from which FVD is computed.
        landmarks: 68 points of all frames, restored and true.
    """

    folder: Path

    index = InFolder(INDEX_FILE)
    cost = InFolder(COST_FILE)
    metrics = InFolder("metrics.parquet")
    frames = InFolder("frames.parquet")
    features = InFolder("fvd.npz")
    landmarks = InFolder("landmarks.npz")


def restored_clips(folder: str | Path) -> dict[str, Path]:
    """Returns clip -> path of a method's restored clips.

    Args:
        folder: `<run>/<task>/<method>`. Its `index.json` lists the clips, so that restored clips
            of a test set that has changed are none of them, and may name another folder, in which
            results that were made elsewhere are read in place.

    Raises:
        ClipError: There is no clip, or a clip that the index lists is gone.
    """
    folder = Path(folder)
    index = read_index(folder)
    if "restored" not in index:
        found = list_clips(folder)
        return {clip: found[clip] for clip in index.get("clips", found) if clip in found}
    found = list_clips(index["restored"])
    gone = [clip for clip in index["clips"] if clip not in found]
    if gone:
        raise ClipError(
            f"{index['restored']}: the clips {', '.join(gone)} are gone that "
            f"{folder / INDEX_FILE} lists. Put them back, or delete that file to import again."
        )
    return {clip: found[clip] for clip in index["clips"]}


def clips_at_hand(folder: str | Path) -> tuple[dict[str, Path], str]:
    """Returns what `restored_clips` does and "", or no clip and why there is none.

    For code that shows clips and does without those of one method.

    Raises:
        ClipError: The index is damaged.
    """
    read_index(folder)
    try:
        return restored_clips(folder), ""
    except ClipError as error:
        return {}, str(error)


def read_index(folder: str | Path) -> dict:
    """Reads a method's `index.json`; empty where there is none.

    Raises:
        ClipError: It is damaged.
    """
    path = Path(folder) / INDEX_FILE
    return read_json(path, _INDEX, _Index) if is_there(path) else {}


def read_cost(folder: str | Path) -> dict:
    """Reads a method's `cost.json`; empty where there is none.

    Raises:
        ClipError: It is damaged.
    """
    path = Path(folder) / COST_FILE
    return read_json(path, _COST, _Cost) if is_there(path) else {}
