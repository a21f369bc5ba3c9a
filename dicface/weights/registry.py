"""The weights registry: which released files the suite knows, and where they lie on this machine.

The table itself is `registry.yaml`, beside this file. Files are looked up in `$DICFACE_WEIGHTS` and
then in `weights/` of the working directory, under the file name of the registry; those that this
project made lie in `shipped/`, beside the table. A file is used only if its digest is right. What
is learnt about files on this machine (digests that nobody publishes, converted copies, accepted
licences) is recorded in `weights.lock.yaml` beside them.
"""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Required

from typing_extensions import TypedDict

from dicface.base.errors import WeightsError
from dicface.base.files import atomic_path, sha256_of
from dicface.base.reading import Own, is_there, read_yaml

REGISTRY = Path(__file__).with_name("registry.yaml")
SHIPPED = Path(__file__).with_name("shipped")
"""Files that are part of the package, each in a folder with its card."""
LOCK = "weights.lock.yaml"
PICKLES = (".pth", ".pt", ".ckpt")
SEEDED, SEEDED_SUFFIX = "seeded weights", ".seeded"
RECORDED = "sha256 recorded here"

Use = Literal["any", "non-commercial", "unclear"]

CONSEQUENCES: dict[Use, str] = {
    "any": "free to use, also commercially, under the terms of that licence",
    "non-commercial": "for research and other non-commercial use only",
    "unclear": "its authors state no terms for the file: ask them before you use it for more than "
    "private research",
}
"""What a user may do with a file, in words."""

_REGISTRY = Own("the registry of weights", "Install the suite again.", error=WeightsError)
_RECORDS = Own(
    "`files` and `licences` as `dicface weights` writes them",
    "Mend it or delete it; `dicface weights add` records a file's digest again.",
    error=WeightsError,
)


class _Copy(TypedDict):
    file: str
    sha256: str


class _Record(TypedDict, total=False):
    name: str
    sha256: Required[str]
    bytes: int
    source: str
    converted: _Copy


class _Lock(TypedDict, total=False):
    files: dict[str, _Record]
    licences: list[str]


class _Entry(TypedDict, total=False):
    file: Required[str]
    url: str
    licence: Required[str]
    use: Required[Use]
    used_for: Required[str]
    sha256: str | None
    sha256_prefix: str | None
    git_blob_sha1: str | None
    bytes: int | None
    mirrors: list[str] | None
    shipped: bool
    page: bool
    pages: list[str] | None
    member: str | None
    note: str


@dataclass(frozen=True, kw_only=True)
class WeightsEntry:
    """One released file: names, source, digest, size and licence, as in `registry.yaml`.

    Attributes:
        name: Name in the registry.
        file: File name on this machine.
        url: Where its authors offer it; a page for people if `page`; empty if `shipped`.
        licence: Terms of the file.
        use: What the terms allow.
        used_for: What the suite does with it.
        sha256: Digest of the whole file, 64 hexadecimal digits.
        sha256_prefix: Its first digits, where no more is known.
        git_blob_sha1: What `git hash-object` gives for the file, where no sha256 is known.
        bytes: Size.
        mirrors: Further addresses of the same file.
        shipped: Whether this project made it and it is part of the package.
        page: Whether `url` is a page, from which the file is taken by hand.
        pages: Further pages for people.
        member: Its name inside the zip file at `url`.
        note: Anything else worth knowing.
    """

    name: str
    file: str
    url: str = ""
    licence: str
    use: Use
    used_for: str
    sha256: str | None = None
    sha256_prefix: str | None = None
    git_blob_sha1: str | None = None
    bytes: int | None = None
    mirrors: tuple[str, ...] = ()
    shipped: bool = False
    page: bool = False
    pages: tuple[str, ...] = ()
    member: str | None = None
    note: str = ""

    @property
    def size(self) -> str:
        """The size in words, "376.6 MB", "7.3 kB" or "size unknown"."""
        if self.bytes is None:
            return "size unknown"
        return f"{self.bytes / 1e6:.1f} MB" if self.bytes >= 1e6 else f"{self.bytes / 1e3:.1f} kB"

    @property
    def terms(self) -> str:
        """The licence and what follows from it."""
        return f"{self.licence}: {CONSEQUENCES[self.use]}"

    @property
    def command(self) -> str:
        """What gets the file, or takes it in where it has to be got by hand."""
        action = f"add FILE --name {self.name}" if self.page else f"fetch {self.name}"
        return f"dicface weights {action}"


@functools.cache
def registry() -> dict[str, WeightsEntry]:
    """Returns all known files by name, in the order of `registry.yaml`."""
    entries = read_yaml(REGISTRY, _REGISTRY, dict[str, _Entry])
    lists = ("mirrors", "pages")
    return {
        name: WeightsEntry(
            name=name, **{**facts, **{key: tuple(facts.get(key) or ()) for key in lists}}
        )
        for name, facts in entries.items()
    }


def entry(name: str) -> WeightsEntry:
    """Returns what is known of one file.

    Raises:
        WeightsError: The registry has no such name.
    """
    try:
        return registry()[name]
    except KeyError:
        raise WeightsError(
            f"no weights are named '{name}'. Known names: {', '.join(registry())}."
        ) from None


def folders() -> list[Path]:
    """Returns the folders in which weights are looked for, first match first."""
    shared = os.environ.get("DICFACE_WEIGHTS")
    return ([Path(shared).expanduser()] if shared else []) + [Path("weights")]


def here(name: str) -> Path | None:
    """Returns where the file of a registry entry lies, whatever is in it, or None."""
    known = entry(name)
    places = [SHIPPED] if known.shipped else folders()
    return next((path for f in places if (path := f / known.file).is_file()), None)


def find(name: str) -> Path | None:
    """Returns the file of a registry entry on this machine, or None where there is none.

    It is the file as its authors released it; `converted_copy` gives its safetensors form.

    Raises:
        WeightsError: A file of that name is there and its digest is not the registered one or,
            where none is published, not the one recorded at its first fetch.
    """
    path = here(name)
    if path is not None:
        check(path, entry(name))
    return path


def where_to_get(name: str) -> str:
    """Returns one sentence that says which file is missing, how large it is and how to get it."""
    known = entry(name)
    return (
        f"weights file {known.file} ({known.size}, {known.licence}) is not on this machine: "
        f"{how_to_get(known)}"
    )


def how_to_get(known: WeightsEntry) -> str:
    """Returns what to do to have a file: "run `dicface weights fetch …`, or …"."""
    if known.shipped:
        return "it is part of dicface: install dicface again"
    if known.page:
        pages = " or ".join((known.url, *known.pages))
        return f"get it by hand from {pages}, then run `{known.command}`"
    member = f", unpack {known.member} from it" if known.member else ""
    return f"run `{known.command}`, or download {known.url}{member} into {folders()[0]}/"


def check(path: Path, known: WeightsEntry) -> str | None:
    """Checks a file that is in place against all that is known of its content.

    Returns:
        What it was checked by, as `compare`.

    Raises:
        WeightsError: The content is not the expected one.
    """
    if is_seeded(path):
        return SEEDED
    by, problem = compare(path, known, recorded=recorded_digest(path))
    if problem:
        again = how_to_get(known)
        if by == RECORDED:
            again += f"; if its authors replaced it, delete its record in {LOCK} too"
        what = "Delete" if by == "content" else "It is damaged or another file: delete"
        raise WeightsError(f"{path}: {problem}. {what} it, then {again}.")
    return by


def compare(
    path: Path, known: WeightsEntry, *, recorded: str | None = None
) -> tuple[str | None, str | None]:
    """Compares a file with what is known of its content.

    Args:
        path: The file.
        known: What it should be.
        recorded: The sha256 that an earlier fetch recorded; a published one goes before it.

    Returns:
        What it was compared by ("sha256", "first digits of sha256", "git digest", `RECORDED`,
        "size", or None where nothing is known), and the difference in words or None.
    """
    size, strongest = path.stat().st_size, None
    if other := not_weights(path):
        return "content", f"is {other}"
    for kind, expected in (
        ("sha256", known.sha256),
        (RECORDED, None if known.sha256 else recorded),
        ("first digits of sha256", known.sha256_prefix),
        ("git digest", known.git_blob_sha1),
    ):
        if expected is None:
            continue
        found = git_digest(path) if kind == "git digest" else digest(path)
        strongest = strongest or kind
        if not found.startswith(expected):
            return kind, (
                f"{kind} is {found[:16]}…, expected {expected[:16]}… "
                f"({known.size}; the file has {size / 1e6:.1f} MB)"
            )
    if strongest is None and known.bytes is not None:
        return "size", f"has {size} bytes, expected {known.bytes}" if size != known.bytes else None
    return strongest, None


def not_weights(path: Path) -> str:
    """Says what a download left in the place of a file: a page, or a pointer to it; "" if neither.

    A browser saves both under the file's name.
    """
    with open(path, "rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page that was saved under its name, not the file itself"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the file itself, which `git lfs pull` or the page gives"
    return ""


def mark_seeded(path: Path) -> None:
    """Marks a file as seeded weights in the place of released ones, by its digest.

    Such a file goes through `find` although its content is not the released one; `is_seeded` tells,
    and tables say so in the row.
    """
    with atomic_path(path.with_name(path.name + SEEDED_SUFFIX)) as temporary:
        temporary.write_text(digest(path) + "\n")


def is_seeded(path: Path) -> bool:
    """Says whether a file holds seeded weights; a mark left beside another content is void."""
    mark = path.with_name(path.name + SEEDED_SUFFIX)
    return mark.is_file() and mark.read_text().strip() == digest(path)


def digest(path: Path) -> str:
    """Returns the sha256 of a file; read once as long as its time and size stay the same."""
    status = path.stat()
    return _sha256(path.absolute(), status.st_mtime_ns, status.st_size)


def git_digest(path: Path) -> str:
    """Returns what `git hash-object` gives for a file."""
    status = path.stat()
    return _git_sha1(path.absolute(), status.st_mtime_ns, status.st_size)


@functools.cache
def _sha256(path: Path, modified_ns: int, size: int) -> str:  # noqa: ARG001 - the cache's key
    return sha256_of(path)


@functools.cache
def _git_sha1(path: Path, modified_ns: int, size: int) -> str:  # noqa: ARG001
    sha1 = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha1.update(block)
    return sha1.hexdigest()


# Records of this machine


def read_lock(folder: Path) -> dict[str, Any]:
    """Returns what a folder's `weights.lock.yaml` records; empty where there is none.

    `files` holds, by file name, the digest and size, where it came from, and its converted copy;
    `licences` the licences that were accepted.

    Raises:
        WeightsError: The file is damaged.
    """
    path = folder / LOCK
    found = read_yaml(path, _RECORDS, _Lock | None) if is_there(path) else None
    return {"files": {}, "licences": []} | (found or {})


def write_lock(folder: Path, content: dict[str, Any]) -> None:
    """Writes a folder's records, atomically."""
    # Here, so that methods can be imported where torch alone is installed.
    import yaml

    note = "# Written by `dicface weights`: digests of the files here, checked at every use.\n"
    with atomic_path(folder / LOCK) as temporary:
        temporary.write_text(note + yaml.safe_dump(content, sort_keys=True, width=100))


def records_of(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Returns the records of a file, with their folders: its own folder's first.

    A shared folder that is read-only has its records in the other folders.
    """
    own = [path.parent, *(folder for folder in folders() if folder != path.parent)]
    found = [(folder, read_lock(folder)["files"].get(path.name)) for folder in own]
    return [(folder, record) for folder, record in found if record]


def recorded_digest(path: Path) -> str | None:
    """Returns the sha256 that was recorded for a file, or None."""
    digests = (record.get("sha256") for _, record in records_of(path))
    return next(filter(None, digests), None)


def source_of(known: WeightsEntry) -> str:
    """Returns where a file that is here was got from, or where it is offered."""
    path = here(known.name)
    if known.shipped:
        return "part of dicface"
    sources = (record.get("source") for _, record in records_of(path)) if path else ()
    return next(filter(None, sources), known.url)


def by_hand(known: WeightsEntry, file: str = "") -> str:
    """Returns where a file that nobody fetched is said to come from.

    Args:
        known: What it is.
        file: What it was called; empty where that is not known.
    """
    return f"by hand{f', as {file}' if file else ''}; offered at {known.url}"


def converted_copy(path: Path) -> Path | None:
    """Returns the safetensors copy of a checkpoint, if there is one of exactly this file.

    Raises:
        WeightsError: The copy is not the one that was recorded.
    """
    if not path.is_file():
        return None
    for folder, record in records_of(path):
        copy = record.get("converted")
        target = folder / copy["file"] if copy else None
        if target is None or not target.is_file() or record.get("sha256") != digest(path):
            continue
        if digest(target) != copy["sha256"]:
            raise WeightsError(
                f"{target}: is not the copy that was made of {path.name} (sha256 "
                f"{digest(target)[:16]}…, recorded {copy['sha256'][:16]}…). Delete it; "
                f"`dicface weights add {path}` makes it again."
            )
        return target
    return None
