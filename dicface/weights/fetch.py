"""Bringing weights files onto this machine: fetched from their authors, or added by hand.

A file is checked, and a pickle read once with torch's safe reader and copied to safetensors,
before the file gets its final name. Both digests are recorded beside it.
"""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import logging
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dicface.base.errors import DicfaceError, WeightsError
from dicface.base.files import lock
from dicface.weights import registry
from dicface.weights.download import DownloadError, NoSpaceError, download, forget, need_space
from dicface.weights.registry import WeightsEntry

_LOG = logging.getLogger(__name__)


def fetch(name: str, *, accept: Callable[[WeightsEntry], bool]) -> Path:
    """Returns the file of a registry entry, downloaded first if it is not here.

    Args:
        name: Name in the registry.
        accept: Asks whether the user accepts a licence that forbids commercial use; called before
            the first download under that licence.

    Raises:
        WeightsError: Unknown name, a file that is got by hand, a licence that is not accepted, no
            address that gives the right file (each is named), a pickle that holds more than
            tensors, or no space. What of the file can be used by a later run is kept as `.part`.
    """
    known = registry.entry(name)
    path = registry.find(name)
    if path is not None:
        _LOG.info("%s: is here, %s", name, path)
        if not known.shipped:
            _keep_up(path, known)
        return path
    if known.shipped:
        raise WeightsError(f"{registry.where_to_get(name)}.")
    if known.page:
        raise WeightsError(
            f"{known.file} ({known.size}, {known.licence}) is offered on a page for people, not "
            f"at an address that can be fetched: {registry.how_to_get(known)}."
        )
    folder = _folder()
    _agree(known, folder, accept)
    path = folder / known.file
    with locked(path):
        if registry.find(name) is None:  # else another process was faster
            part = path.with_name(f"{path.name}.part")
            source = _get(known, part)
            _settle(part, path, known, source=source)
    return path


def add(file: Path, name: str | None = None) -> Path:
    """Takes a file that was got by hand into the weights folder.

    Args:
        file: The file, or for an entry that is a member of a zip file, that zip file. It stays
            where it is; one in a weights folder already is only checked, recorded and converted.
        name: Name in the registry; by file name or digest if None.

    Returns:
        Its path in the weights folder.

    Raises:
        WeightsError: No such file, no entry that it fits, another content than the entry's, a
            pickle that holds more than tensors, or no space.
    """
    if not file.is_file():
        raise WeightsError(f"{file}: no such file. Check the path.")
    known = registry.entry(name) if name else _identify(file)
    if known.shipped:
        raise WeightsError(f"{file}: {known.file} is part of dicface; there is nothing to add.")
    _LOG.info("%s: licence %s", known.name, known.terms)
    in_place = file.name == known.file and any(
        file.resolve().parent == folder.resolve() for folder in registry.folders()
    )
    path = file if in_place else _folder() / known.file
    with locked(_records_folder(path) / path.name):
        part = path if in_place else path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            if not in_place:
                _bring(file, known, part)
            # What was recorded is not asked: the user says that this is the file.
            _, problem = registry.compare(part, known)
            if problem:
                raise WeightsError(f"{file}: is not {known.file}: {problem}.")
            _settle(part, path, known, source=registry.by_hand(known, file.name))
        finally:
            if not in_place:
                part.unlink(missing_ok=True)
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lets one process at a time work on `path`; others wait.

    The kernel drops the lock of a process that dies.
    """
    beside = path.with_name(f".{path.name}.lock")
    while True:
        with open(beside, "a") as file:
            try:
                lock(file)
            except BlockingIOError:
                _LOG.info("%s: another process is at work on it; waiting", path.name)
                lock(file, fcntl.LOCK_EX)
            if not _is_still(beside, file.fileno()):
                continue  # the process before this one deleted it; another may hold a new one
            try:
                yield
            finally:
                beside.unlink(missing_ok=True)
                # Said aloud: a process forked meanwhile has the open file, and with it the lock.
                fcntl.flock(file, fcntl.LOCK_UN)
            return


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


# Where files and records go


def _folder() -> Path:
    """The first weights folder that can be written."""
    for folder in registry.folders():
        if writable(folder):
            return folder
        _LOG.info("%s: cannot be written; the next weights folder is used", folder)
    raise WeightsError(
        f"no weights folder can be written: {', '.join(map(str, registry.folders()))}. Set "
        "DICFACE_WEIGHTS to a folder of yours."
    )


def _records_folder(path: Path) -> Path:
    """Where a file's records and its converted copy go: beside it, if that can be written."""
    return path.parent if writable(path.parent) else _folder()


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder; it is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            return False
        raise WeightsError(f"{folder}: cannot be written ({error.strerror}).") from error


def _agree(known: WeightsEntry, folder: Path, accept: Callable[[WeightsEntry], bool]) -> None:
    _LOG.info("%s: licence %s", known.name, known.terms)
    if known.use != "non-commercial":
        return
    if any(known.licence in registry.read_lock(f)["licences"] for f in registry.folders()):
        return
    if not accept(known):
        raise WeightsError(
            f"{known.file}: its licence ({known.licence}) was not accepted; nothing was "
            "downloaded. Read it where the file is offered, then run the same command with "
            "--accept-licence."
        )
    with _records(folder) as content:
        content["licences"] = sorted({*content["licences"], known.licence})


@contextmanager
def _records(folder: Path) -> Iterator[dict[str, Any]]:
    with locked(folder / registry.LOCK):
        content = registry.read_lock(folder)
        yield content
        registry.write_lock(folder, content)


# Getting the bytes


def _get(known: WeightsEntry, part: Path) -> str:
    """Completes `part` with the right content; returns where it came from."""
    if known.member is None:
        return _from_addresses(known, part)
    archive = _archive_of(known)
    recorded = registry.recorded_digest(part.with_name(known.file))
    at_hand = registry.find(archive.name) if archive.name != known.name else None
    if at_hand is not None:
        _extract(at_hand, known, part, recorded=recorded)
        return str(at_hand)
    whole = part.with_name(f"{archive.file}.part")
    with locked(part.with_name(archive.file)):
        source = _from_addresses(archive, whole)
        try:
            _extract(whole, known, part, recorded=recorded)
        except NoSpaceError:
            raise  # the archive is right: the next run unpacks it
        except WeightsError:
            forget(whole)
            raise
        forget(whole)
    return f"{source} ({known.member})"


def _archive_of(known: WeightsEntry) -> WeightsEntry:
    """The zip file that holds a member, as registered; what its address says of it otherwise."""
    for other in registry.registry().values():
        if other.url == known.url and other.member is None:
            return other
    return dataclasses.replace(
        known,
        file=Path(urlsplit(known.url).path).name,
        member=None,
        sha256=None,
        sha256_prefix=None,
        git_blob_sha1=None,
        bytes=None,
    )


def _from_addresses(known: WeightsEntry, part: Path) -> str:
    recorded = registry.recorded_digest(part.with_name(known.file))
    failures = []
    for url in (known.url, *known.mirrors):
        try:
            download(url, part, num_bytes=known.bytes, label=known.file)
        except DownloadError as error:
            _LOG.info("%s", error)
            failures.append(str(error))
            continue
        by, problem = registry.compare(part, known, recorded=recorded)
        if problem is None:
            return url
        forget(part)
        if by == registry.RECORDED:
            problem += f" (if its authors replaced it, delete its record in {registry.LOCK})"
        _LOG.info("%s: %s", url, problem)
        failures.append(f"{url}: {problem}; it was deleted")
    raise WeightsError(
        f"{known.file} could not be fetched.\n  "
        + "\n  ".join(failures)
        + f"\nTry again later, or get it by hand and run `dicface weights add FILE --name "
        f"{known.name}`."
    )


def _extract(
    archive: Path, known: WeightsEntry, part: Path, *, recorded: str | None = None
) -> None:
    """Unpacks the member of a zip file and checks it."""
    try:
        with zipfile.ZipFile(archive) as content:
            members = [
                info for info in content.infolist() if Path(info.filename).name == known.member
            ]
            if len(members) != 1:
                raise WeightsError(
                    f"{archive}: has {len(members)} files named {known.member}, expected one. It "
                    f"is another archive: {registry.how_to_get(known)}."
                )
            need_space(part, members[0].file_size)
            with content.open(members[0]) as source, open(part, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise WeightsError(f"{archive}: is no whole zip file ({error}). Get it again.") from error
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _explained(error, part) from error
    _, problem = registry.compare(part, known, recorded=recorded)
    if problem:
        part.unlink()
        raise WeightsError(f"{archive}: its {known.member} is not the expected one: {problem}.")


def _identify(file: Path) -> WeightsEntry:
    entries = registry.registry().values()
    digest = registry.digest(file)
    for known in entries:
        if digest == known.sha256:
            return known
    for known in entries:
        if file.name == known.file:
            return known
    raise WeightsError(
        f"{file}: neither its name nor its sha256 ({digest[:16]}…) is in the registry. Say which "
        "file it is with --name; `dicface weights list` prints the names."
    )


def _bring(file: Path, known: WeightsEntry, part: Path) -> None:
    if known.member is not None and file.name != known.file and zipfile.is_zipfile(file):
        _extract(file, known, part)
        return
    need_space(part, file.stat().st_size)
    try:
        shutil.copyfile(file, part)
    except OSError as error:
        raise _explained(error, part) from error


def _explained(error: OSError, part: Path) -> WeightsError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError(f"{part.parent}: no space; nothing was kept. Free some and run again.")
    return WeightsError(f"{part}: cannot be written ({error.strerror}).")


# Converting and recording


def _keep_up(path: Path, known: WeightsEntry) -> None:
    """Records and converts a file that was put into its folder without `dicface weights`."""
    try:
        folder = _records_folder(path)
    except WeightsError as error:
        _LOG.warning("%s: is neither recorded nor converted: %s", path.name, error)
        return
    with locked(folder / path.name):
        _settle(path, path, known, source=None)


def _settle(part: Path, path: Path, known: WeightsEntry, *, source: str | None) -> None:
    """Converts a checked file, gives it its final name and records both digests."""
    folder = _records_folder(path)
    # A copy that is right already is not made again.
    copy = registry.converted_copy(part) or _convert(part, path, folder)
    digest, size = registry.digest(part), part.stat().st_size
    if part != path:
        os.replace(part, path)
        forget(part)
        _LOG.info("%s: %s (%.1f MB)", known.name, path, size / 1e6)
    record = {"name": known.name, "sha256": digest, "bytes": size}
    if copy is not None:
        record["converted"] = {"file": copy.name, "sha256": registry.digest(copy)}
    with _records(folder) as content:
        earlier = content["files"].get(path.name) or {}
        record["source"] = source or earlier.get("source", registry.by_hand(known))
        content["files"][path.name] = record
    if known.sha256 is None and earlier.get("sha256") != digest:
        _LOG.info(
            "%s: no full sha256 is published; %s is recorded in %s and checked from now on",
            *(known.name, digest, folder / registry.LOCK),
        )


def _convert(part: Path, path: Path, folder: Path) -> Path | None:
    """Writes the safetensors copy of a pickle; None for other kinds of file."""
    if path.suffix not in registry.PICKLES:
        return None
    from dicface.weights import convert

    if not convert.convertible(part, path.name):
        return None
    target = folder / f"{path.stem}.safetensors"
    try:
        if not convert.convert(part, target):
            _LOG.info("%s: holds no named tensors; it stays as it is", path.name)
            return None
    except WeightsError:
        if part != path:
            forget(part)
        raise
    except DicfaceError as error:  # no space: the file itself is good and can be used
        _LOG.warning("%s: stays unconverted: %s", path.name, error)
        return None
    return target
