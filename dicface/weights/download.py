"""Getting one file from one address, in pieces if it must be: http and https, resumable.

The bytes grow in a `.part` file; beside it `.part.json` says which address, version and length
they belong to, so that a later run resumes only with the same file.
"""

from __future__ import annotations

import errno
import http.client
import logging
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from tqdm import tqdm

from dicface.base import __version__
from dicface.base.errors import WeightsError
from dicface.base.files import write_json
from dicface.base.reading import Own, is_there, read_json

TIMEOUT_S = 60
BLOCK = 1 << 20
ATTEMPTS = 5
"""How often a cut connection is taken up again in one run, as long as each brings more bytes."""

_NOTE = Own("what a part belongs to", "The file is fetched from its start.", error=WeightsError)
_LOG = logging.getLogger(__name__)


class DownloadError(WeightsError):
    """One address did not give the file; another one may."""


class NoSpaceError(WeightsError):
    """The disk is full: no other address helps."""


def download(url: str, part: Path, *, num_bytes: int | None = None, label: str = "") -> None:
    """Completes `part` with the file at `url`, going on where an earlier run stopped.

    Args:
        url: http or https.
        part: File to complete. What is in it is kept on errors that a later run can mend.
        num_bytes: Size that the file must have, None if unknown.
        label: Name in the progress bar and in messages.

    Raises:
        DownloadError: The address is wrong, gives another file, or the connection broke off.
        NoSpaceError: The disk has no room for it.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url}: is no http or https address")
    for attempt in range(ATTEMPTS):
        before = _size(part)
        try:
            _go_on(url, part, num_bytes, label)
            return
        except _CutError as error:
            if attempt == ATTEMPTS - 1 or _size(part) <= before:
                raise DownloadError(
                    f"{url}: {error}; the part is kept, and the same command resumes from there"
                ) from error
            _LOG.info("%s: %s; going on from there", label, error)


def forget(part: Path) -> None:
    """Deletes a part and what is known of it."""
    part.unlink(missing_ok=True)
    _record_file(part).unlink(missing_ok=True)


class _CutError(Exception):
    """The connection broke off after some bytes."""


def _go_on(url: str, part: Path, num_bytes: int | None, label: str) -> None:
    facts = _record(part)
    offset = _size(part)
    version = facts.get("etag") or facts.get("modified")
    if not offset or facts.get("url") != url or not version:
        offset = 0  # another file, or a server that cannot say whether it is still the same
    elif offset == facts.get("length"):
        return  # whole, and the run ended before it was checked
    request = urllib.request.Request(url, headers={"User-Agent": f"dicface/{__version__}"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
        request.add_header("If-Range", version)
    try:
        response = _OPENER.open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and offset:
            # The part is longer than the file, or is the whole of it: start again to be sure.
            forget(part)
            return _go_on(url, part, num_bytes, label)
        raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise DownloadError(f"{url}: cannot be reached ({_reason(error)})") from error
    with response:
        offset, total = _place(response, url, offset, facts)
        if response.headers.get_content_type() == "text/html":
            raise DownloadError(f"{url}: gives a web page instead of a file")
        if num_bytes is not None and total is not None and total != num_bytes:
            raise DownloadError(
                f"{url}: offers {total} bytes, expected {num_bytes}: it is another file"
            )
        total = total or num_bytes
        need_space(part, (total or 0) - offset)
        found = {
            "url": url,
            "etag": _strong(response.headers.get("ETag")),
            "modified": response.headers.get("Last-Modified"),
            "length": total,
        }
        _receive(response, part, offset, total, found, label)


def _place(
    response: http.client.HTTPResponse, url: str, offset: int, facts: dict[str, Any]
) -> tuple[int, int | None]:
    """Where the answer's first byte belongs in the file, and the length of the whole, if known."""
    if response.status == 206:
        match = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        total = int(match[2]) if match and match[2] != "*" else None
        length = facts.get("length") or total
        if not match or int(match[1]) != offset or total not in (length, None):
            raise DownloadError(
                f"{url}: asked for the bytes from {offset} on, the server gives "
                f"'{response.headers.get('Content-Range')}'"
            )
        return offset, length
    if response.status != 200:
        raise DownloadError(f"{url}: the server answers {response.status} {response.reason}")
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _receive(
    response: http.client.HTTPResponse,
    part: Path,
    offset: int,
    total: int | None,
    facts: dict[str, Any],
    label: str,
) -> None:
    try:
        with open(part, "r+b" if offset else "wb") as file:
            # The facts come second: an empty part with old facts would be taken for nothing.
            write_json(_record_file(part), facts)
            file.seek(offset)
            file.truncate()
            done = offset + _copy(response, file, offset, total, label)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpaceError(_no_space(part, (total or 0) - _size(part))) from error
        raise WeightsError(f"{part}: cannot be written ({_reason(error)}).") from error
    if total is not None and done != total:
        raise _CutError(f"the connection broke off after {done} of {total} bytes")


def _copy(
    response: http.client.HTTPResponse, file: IO[bytes], offset: int, total: int | None, label: str
) -> int:
    """Appends the answer's body to `file`; returns the number of bytes it gave."""
    done = 0
    # disable=None: no bar where standard error is no terminal.
    with tqdm(
        total=total, initial=offset, desc=label, unit="B", unit_scale=True, disable=None
    ) as bar:
        while True:
            try:
                block = response.read(BLOCK)
            except http.client.IncompleteRead as error:
                file.write(error.partial)
                done += len(error.partial)
                raise _CutError(f"the connection broke off after {offset + done} bytes") from error
            except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
                raise _CutError(
                    f"the connection broke off after {offset + done} bytes ({_reason(error)})"
                ) from error
            if not block:
                break
            file.write(block)
            done += len(block)
            bar.update(len(block))
    return done


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to anything else and only to web addresses."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if new not in ("http", "https") or (old, new) == ("https", "http"):
            raise urllib.error.URLError(f"it redirects from {old} to {newurl}, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_Redirects)


def need_space(part: Path, num_bytes: int) -> None:
    """Raises `NoSpaceError` unless `num_bytes` more fit beside `part`."""
    if num_bytes > shutil.disk_usage(part.parent).free:
        raise NoSpaceError(_no_space(part, num_bytes))


def _no_space(part: Path, num_bytes: int) -> str:
    free = shutil.disk_usage(part.parent).free
    kept = f" The part that is there ({_size(part) / 1e6:.1f} MB) is kept." if _size(part) else ""
    return (
        f"{part.parent}: no space: {num_bytes / 1e6:.1f} MB more are needed, "
        f"{free / 1e6:.1f} MB are free.{kept} Free some space or set DICFACE_WEIGHTS to a folder "
        "on another disk, then run the same command again."
    )


def _record_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _record(part: Path) -> dict[str, Any]:
    path = _record_file(part)
    if not is_there(path):
        return {}
    try:
        return read_json(path, _NOTE)
    except WeightsError as error:
        _LOG.warning("%s", error)
        return {}


def _strong(etag: str | None) -> str | None:
    # A weak tag says "much the same", which is not enough to join two halves.
    return etag if etag and not etag.startswith("W/") else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None)
    return str(inner or error) or type(error).__name__
