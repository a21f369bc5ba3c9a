"""The weights registry: which released files the suite knows, and where they lie on this machine.

The table itself is `config/weights.yaml`. Files are looked up in `$DICFACE_WEIGHTS` and then in
`weights/` of the working directory, under the file name of the registry; one that is there is
used only if its sha256 is right.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from dicface.errors import WeightsError
from dicface.files import sha256_of

REGISTRY = Path(__file__).resolve().parent.parent / "config" / "weights.yaml"


@dataclass(frozen=True, kw_only=True)
class WeightsEntry:
    """One released file: name in the registry, file name, source, digest, size and licence."""

    name: str
    file: str
    url: str
    licence: str
    used_for: str
    sha256: str | None = None
    bytes: int | None = None
    mirrors: tuple[str, ...] = ()
    note: str = ""

    @property
    def size(self) -> str:
        """The size in words, "376.6 MB" or "size unknown"."""
        return f"{self.bytes / 1e6:.1f} MB" if self.bytes else "size unknown"


@functools.cache
def registry() -> dict[str, WeightsEntry]:
    """Returns all known files by name, in the order of `config/weights.yaml`."""
    entries = yaml.safe_load(REGISTRY.read_text())
    return {
        name: WeightsEntry(name=name, **{**facts, "mirrors": tuple(facts.get("mirrors") or ())})
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
    return ([Path(shared)] if shared else []) + [Path("weights")]


def find(name: str) -> Path | None:
    """Returns the file of a registry entry on this machine, or None where there is none.

    Raises:
        WeightsError: A file of that name is there and its sha256 is not the registered one.
    """
    known = entry(name)
    for folder in folders():
        path = folder / known.file
        if path.is_file():
            _verify(path, known)
            return path
    return None


def where_to_get(name: str) -> str:
    """Returns one sentence that says which file is missing, how large it is and its source."""
    known = entry(name)
    return (
        f"weights file {known.file} ({known.size}, {known.licence}) is not at hand: download it "
        f"from {known.url} into {folders()[0]}/"
    )


@functools.cache
def _digest(path: Path, modified_ns: int, size: int) -> str:  # noqa: ARG001 - the cache's key
    return sha256_of(path)


def _verify(path: Path, known: WeightsEntry) -> None:
    if known.sha256 is None:
        return
    status = path.stat()
    found = _digest(path, status.st_mtime_ns, status.st_size)
    if found != known.sha256:
        raise WeightsError(
            f"{path}: sha256 is {found[:16]}…, expected {known.sha256[:16]}… "
            f"({known.size}; the file here has {status.st_size / 1e6:.1f} MB). "
            f"It is damaged or another file: delete it and get it again from {known.url}."
        )
