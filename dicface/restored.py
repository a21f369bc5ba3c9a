"""Where the restored clips of a method lie: in its folder, or where its index says."""

from __future__ import annotations

import json
from pathlib import Path

from dicface.clips import list_clips
from dicface.errors import ClipError

INDEX_FILE = "index.json"


def restored_clips(folder: str | Path) -> dict[str, Path]:
    """Returns clip -> path of a method's restored clips.

    Args:
        folder: `<run>/<task>/<method>`. Its `index.json` may name another folder, in which results
            that were made elsewhere are read in place.

    Raises:
        ClipError: There is no clip, or a clip that the index lists is gone.
    """
    folder = Path(folder)
    index = read_index(folder)
    if "restored" not in index:
        return list_clips(folder)
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

    For what shows clips and goes on without those of one method.

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
        ClipError: It is no JSON object.
    """
    path = Path(folder) / INDEX_FILE
    if not path.is_file():
        return {}
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ClipError(f"{path}: cannot be read ({error}). Delete it to make it again.") from error
    if not isinstance(index, dict):
        raise ClipError(f"{path}: found {index!r:.40}, expected an object. Delete it.")
    return index
