"""What was made from the same is kept: one record for each piece of a set.

A job that makes many pieces (clips, shards, scores) makes only those again whose record says that
they were made from something else, or whose files are no longer what was written. The record of a
piece is `<folder>/.made/<piece>.json`: what it was made from, the sha256 of each of its files, and
what the job wants to remember of it.

    for clip, path in clips.items():
        with kept(folder, clip, {"source": digest_of(path), **settings}, f"{clip}.mkv") as piece:
            if piece.todo:
                piece.facts = make(path, folder / f"{clip}.mkv")
        rows.append(piece.facts)
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

from dicface.base.errors import DicfaceError
from dicface.base.files import sha256_of, write_json
from dicface.base.reading import Own, is_there, read_json

FOLDER = ".made"
"""Where the records of a folder's pieces lie, in that folder."""

_KEPT = Own("what a piece was made from", "The piece is made again.")

_log = logging.getLogger(__name__)


class _Record(TypedDict):
    made_from: dict[str, Any]
    files: dict[str, str]
    facts: dict[str, Any]
    sha256: NotRequired[str]


@dataclass(kw_only=True)
class Piece:
    """One piece of a set.

    Attributes:
        todo: Whether it has to be made; else its files are there, as they were written.
        facts: What the job remembers of it, values of JSON; set by whoever makes it.
    """

    todo: bool
    facts: dict[str, Any] = field(default_factory=dict)


@contextmanager
def kept(
    folder: str | Path, name: str, made_from: Mapping[str, Any], *files: str
) -> Iterator[Piece]:
    """Yields a piece that is either kept or to be made in the block; a made one is recorded.

    Nothing is recorded if the block raises.

    Args:
        folder: Of the set.
        name: Of the piece, for example a clip's.
        made_from: All that decides its files, values of JSON.
        *files: Names of its files in the folder, which the block writes.
    """
    folder = Path(folder)
    facts = find(folder, name, made_from)
    piece = Piece(todo=facts is None, facts=facts or {})
    yield piece
    if piece.todo:
        record = {
            "made_from": made_from,
            "files": {file: sha256_of(folder / file) for file in files},
            "facts": piece.facts,
        }
        write_json(_record(folder, name), {**record, "sha256": _digest(record)})


def find(folder: str | Path, name: str, made_from: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the facts of a piece that was made from the same and is whole; None otherwise."""
    folder = Path(folder)
    record = _read(_record(folder, name))
    if record is None or record["made_from"] != json.loads(json.dumps(made_from)):
        return None
    for file, digest in record["files"].items():
        path = folder / file
        if not path.is_file():
            return None
        if sha256_of(path) != digest:
            _log.warning("%s is no longer what was written, and is made again", path)
            return None
    return record["facts"]


def was_made(folder: str | Path, name: str) -> bool:
    """Whether a piece is recorded, be it of the same or not."""
    return _record(Path(folder), name).is_file()


def forget_others(folder: str | Path, wanted: Collection[str]) -> None:
    """Removes the pieces of a folder that are recorded and no longer wanted, with their files.

    A file that no record names stays: it is not ours.

    Args:
        folder: Of the set.
        wanted: Names of its pieces.
    """
    folder = Path(folder)
    for path in sorted((folder / FOLDER).glob("*.json")):
        name = path.name.removesuffix(".json")
        if name in wanted:
            continue
        record = _read(path)
        for file in record["files"] if record else ():
            (folder / file).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        _log.info("%s: '%s' is no longer wanted, removed", folder, name)


def _record(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{name}.json"


def _digest(record: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in record.items() if key != "sha256"}
    return sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    if not is_there(path):
        return None
    try:
        record = read_json(path, _KEPT, _Record)
        # Records of earlier versions have no digest.
        if record.pop("sha256", digest := _digest(record)) != digest:
            _KEPT.refuse(path, "says other things than were written")
        return record
    except DicfaceError as error:
        _log.warning("%s", error)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        return None
