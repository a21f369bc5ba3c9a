"""Files that are either whole or not there, digests, and the one-run-at-a-time lock."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import platform
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dicface.base.errors import DicfaceError, no_room

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_WORKING = ".jobs.lock"
_PRIVATE = 0o600
# A process learns its mask by setting it.
_UMASK = os.umask(0o022)
os.umask(_UMASK)
# Files and folders that a process is about to give their names.
_PART = re.compile(r"\..+\.\d+\.part(\..*)?")


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary sibling of `path` (same suffix) that becomes `path` if the block succeeds.

    On any error the temporary file is deleted and nothing appears under the final name.

    Raises:
        DicfaceError: The disk is full or read-only, or a folder has that name.
    """
    path = Path(path)
    temporary = _part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _share(temporary)
        os.replace(temporary, path)
    except DicfaceError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and path.is_dir():
            raise DicfaceError(
                f"{path}: is a folder; expected a file, which is to be written there. Move it "
                "away, then run the same command again."
            ) from error
        if reason := no_room(error):
            raise DicfaceError(
                f"{path}: cannot be written ({reason}); nothing was kept under that name. "
                "Free some space or choose another results folder, then run the same command again."
            ) from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


def _share(path: Path) -> None:
    """Lets others read a file if they may read this user's; safetensors' writer lets nobody."""
    if path.is_file() and stat.S_IMODE(path.stat().st_mode) == _PRIVATE:
        path.chmod(0o666 & ~_UMASK)


def _part_of(path: Path) -> Path:
    """Where this process writes a file; names of 255 bytes have no room for more."""
    stem = path.stem if len(os.fsencode(path.name)) < 220 else digest_of_names([path.name])
    return path.with_name(f".{stem}.{os.getpid()}.part{path.suffix}")


def _remove_parts(folder: Path) -> None:
    """Removes what processes that were killed left half-written; none may be at work there."""
    for path in list(folder.rglob(".*.part*")):
        if _PART.fullmatch(path.name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


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
    listed = "".join(f"{name} {each.st_size} {each.st_mtime_ns}\n" for name, each in stats)
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
    return digest_of_names(f"{path} {each.st_size} {each.st_mtime_ns}" for path, each in stats)


def _files_of(path: Path) -> list[Path]:
    """A file itself, or the files in a folder but for hidden ones."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != ".")


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Lets others know that this process writes into a folder, as several may, during the block.

    Whoever is alone there first removes what killed processes left half-written.

    Raises:
        DicfaceError: The file system has no locks.
    """
    with _open_lock(folder / _WORKING) as file:
        with suppress(BlockingIOError):
            lock(file)
            _remove_parts(folder)
            file.truncate(0)
        lock(file, fcntl.LOCK_SH)
        file.write(f"{os.getpid()} on {platform.node()}\n")
        file.flush()
        yield


def wait_for_others(folder: Path) -> None:
    """Waits, with a sentence, until nobody is `working_in` a folder (errors as there)."""
    with _open_lock(folder / _WORKING) as file:
        try:
            lock(file)
        except BlockingIOError:
            file.seek(0)
            began = file.read().splitlines()[-3:]
            logger.warning(
                "%s: jobs that this run did not start are at work, as those of an earlier run that "
                "was killed (the last to begin: process %s). This run waits until they end; end "
                "them to go on at once.",
                folder,
                ", ".join(began),
            )
            lock(file, fcntl.LOCK_EX)
        _remove_parts(folder)


def _open_lock(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return open(path, "a+", encoding="utf-8")


def hold_lock(path: str | Path) -> IO[str]:
    """Takes an exclusive lock on `path` until the returned file is closed or the process dies.

    The kernel drops the lock when the process is killed, so that no stale lock ever needs a
    clean-up by hand.

    Raises:
        DicfaceError: Another living process holds it, or its file system has no locks.
    """
    path = Path(path)
    file = _open_lock(path)
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


def lock(file: IO[Any], how: int = fcntl.LOCK_EX | fcntl.LOCK_NB) -> None:
    """Locks an open file until it is closed.

    Args:
        file: The file.
        how: For this process alone, without waiting where another one holds it; or other flags of
            `fcntl.flock`.

    Raises:
        BlockingIOError: Another process holds it.
        DicfaceError: Its file system has no locks.
    """
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        raise
    except OSError as error:
        raise DicfaceError(
            f"{Path(file.name).parent}: the file system has no locks ({error.strerror}), which "
            "keep two processes from writing the same files. Put results or weights on another "
            "disk: `results` in the configuration names a folder, DICFACE_WEIGHTS that of weights."
        ) from error
