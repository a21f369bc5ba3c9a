"""Files that are either whole or not there, digests, and the one-run-at-a-time lock."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dicface.base.errors import DicfaceError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary sibling of `path` (same suffix) that becomes `path` if the block succeeds.

    On any error the temporary file is deleted and nothing appears under the final name.

    Raises:
        DicfaceError: The disk is full or read-only, or a folder has that name.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if path.is_dir():
            raise DicfaceError(
                f"{path}: is a folder; expected a file, which is to be written there. Move it "
                "away, then run the same command again."
            ) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise DicfaceError(
                f"{path}: cannot be written ({error.strerror}); nothing was kept under that name. "
                "Free some space or choose another results folder, then run the same command again."
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:  # noqa: ANN401 - anything JSON can hold
    """Writes `value` as indented JSON with sorted keys, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def write_parquet(path: str | Path, table: pd.DataFrame) -> None:
    """Writes a table without its row labels, atomically."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def sha256_of(path: str | Path) -> str:
    """Returns the hexadecimal sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp_of(path: str | Path) -> str:
    """Returns a digest of the name, size and time of change of a file, or of a folder's files.

    For sources that may be huge: it costs one `stat` a file. Hidden files do not count.
    """
    path = Path(path)
    stats = [(file.name, file.stat()) for file in _files_of(path)]
    listed = "".join(f"{name} {stat.st_size} {stat.st_mtime_ns}\n" for name, stat in stats)
    return hashlib.sha256(listed.encode()).hexdigest()


def digest_of(path: str | Path) -> str:
    """Returns the sha256 of a file, or of the digests and names of a folder's files.

    A clip is a video or a folder of frames; this is the one digest of either. Hidden files do not
    count. It is what `sha256sum * | sha256sum` prints in the folder, whatever the locale.
    """
    path = Path(path)
    if not path.is_dir():
        return sha256_of(path)
    listed = "".join(f"{sha256_of(file)}  {file.name}\n" for file in _files_of(path))
    return hashlib.sha256(listed.encode()).hexdigest()


def digest_of_names(names: Iterable[str]) -> str:
    """Returns a short digest of names, whatever their order."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


@cache
def stamp_of_folder(folder: str | Path) -> str:
    """Returns a short digest of names, sizes and times of the files below a folder.

    Cheap, so that a changed file is noticed where there are too many bytes to read: one `stat` a
    file, once in a process. A folder that is not there has no files; a file is one.
    """
    paths = [Path(folder), *Path(folder).rglob("*")]
    stats = ((path, path.stat()) for path in paths if path.is_file())
    return digest_of_names(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)


def _files_of(path: Path) -> list[Path]:
    """A file itself, or the files in a folder but for hidden ones."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != ".")


def hold_lock(path: str | Path) -> IO[str]:
    """Takes an exclusive lock on `path` until the returned file is closed or the process dies.

    The kernel drops the lock when the process is killed, so that no stale lock ever needs a
    clean-up by hand.

    Raises:
        DicfaceError: Another living process holds it, or its file system has no locks.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+")  # noqa: SIM115 - it stays open as long as the lock is held
    try:
        lock(file)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise DicfaceError(
            f"{path.parent} is in use by another run (process {holder}). "
            "Wait until it ends, or stop it, then run the same command again."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()} on {platform.node()}")
    file.flush()
    return file


def lock(file: IO[Any], *, wait: bool = False) -> None:
    """Locks an open file for this process alone, until it is closed.

    Args:
        file: The file.
        wait: Whether to wait where another process holds it.

    Raises:
        BlockingIOError: Another process holds it.
        DicfaceError: Its file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        raise DicfaceError(
            f"{Path(file.name).parent}: the file system has no locks ({error.strerror}), which "
            "keep two processes from writing the same files. Put results or weights on another "
            "disk: `results` in the configuration names a folder, DICFACE_WEIGHTS that of weights."
        ) from error
