"""Errors that are meant for the user: one message, no traceback on the command line."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator


class DicfaceError(Exception):
    """Says which file, what was found, what was expected and what to do."""


class ConfigError(DicfaceError):
    """A setting is missing, unknown or out of range."""


class ClipError(DicfaceError):
    """A clip cannot be read or written."""


class DamagedClipError(ClipError):
    """A clip is cut short, or some of its frames are damaged."""


class FaceError(DicfaceError):
    """No usable face was found, or landmarks do not fit their clip."""


class WeightsError(DicfaceError):
    """A weights file is missing, damaged or belongs to another network."""


class MetricError(DicfaceError):
    """Two clips cannot be compared."""


class MethodError(DicfaceError):
    """A restoration method cannot do what was asked of it."""


class TrainingError(DicfaceError):
    """A training run cannot start, continue or be resumed."""


class ClusterError(DicfaceError):
    """This machine or the cluster cannot give what a job asks for."""


def no_room(error: BaseException) -> str:
    """Says in the system's words that a disk or a quota is full, or may not be written; or "".

    Libraries tell it by errors of many kinds, and sometimes trip over it themselves: the words of
    all that led to an error are looked at.
    """
    return _found(error, map(os.strerror, _NO_ROOM))


def no_memory(error: BaseException) -> str:
    """Says in a library's words that the system gives no more memory or threads; or ""."""
    if any(isinstance(each, MemoryError) for each in _causes(error)):
        return "out of memory"
    return _found(error, _NO_MEMORY)


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
_NO_MEMORY = (
    os.strerror(errno.ENOMEM),
    "can't allocate memory",
    "Unable to allocate",
    "out of memory",
    "bad_alloc",
    "can't start new thread",
    "failed to map segment from shared object",
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _found(error: BaseException, words: Iterable[str]) -> str:
    said = "\n".join(map(str, _causes(error)))
    return next((each for each in words if each in said), "")
