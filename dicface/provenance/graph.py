"""The artefacts of runs as a graph: which was made from which, by their manifests."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicface.base.errors import DicfaceError
from dicface.provenance.manifest import RUN_CONFIG, SUFFIX, manifests_below, read_manifest


@dataclass(frozen=True, eq=False)
class Made:
    """An artefact with its manifest.

    Attributes:
        path: The manifest; this and all paths are absolute.
        root: The folder of its run.
        manifest: As read.
        inputs: File -> sha256 and bytes when it was read.
        outputs: File -> sha256 and bytes when it was written.
    """

    path: Path
    root: Path
    manifest: dict[str, Any]
    inputs: dict[Path, dict]
    outputs: dict[Path, dict]

    @classmethod
    def read(cls, path: Path) -> Made:
        """Reads a manifest (errors as `dicface.provenance.manifest.read_manifest`)."""
        manifest = read_manifest(path)
        root = Path(os.path.normpath(path.parent / manifest["root"]))

        def absolute(files: dict[str, dict]) -> dict[Path, dict]:
            return {Path(os.path.normpath(root / name)): facts for name, facts in files.items()}

        inputs, outputs = absolute(manifest["inputs"]), absolute(manifest["outputs"])
        return cls(path, root, manifest, inputs, outputs)

    @property
    def file(self) -> Path:
        """The file beside the manifest."""
        return self.path.with_name(self.path.name.removesuffix(SUFFIX))


@dataclass(eq=False)
class Graph:
    """All artefacts of the runs in question.

    Attributes:
        results: The folder of all runs; files are named from there.
        artefacts: Manifest -> artefact.
        damaged: Manifest that cannot be read -> why.
        makers: File -> the artefact that it is an output of.
    """

    results: Path
    artefacts: dict[Path, Made] = field(default_factory=dict)
    damaged: dict[Path, str] = field(default_factory=dict)
    makers: dict[Path, Made] = field(default_factory=dict)

    @classmethod
    def around(cls, manifests: Iterable[Path]) -> Graph:
        """Reads the manifests of the runs that these belong to, and of runs that those read."""
        graph = cls(results=Path("/"))
        todo = list(manifests)
        queued, seen = set(todo), set()
        for path in todo:
            made = graph._read(path)
            if made is None:
                continue
            graph.results = made.root.parent
            for run in {made.root, *(_run_of(file) for file in made.inputs)} - seen - {None}:
                seen.add(run)
                new = [other for other in manifests_below(run) if other not in queued]
                queued.update(new)
                todo += new
        return graph

    def _read(self, path: Path) -> Made | None:
        try:
            made = Made.read(path)
        except DicfaceError as error:
            self.damaged[path] = str(error)
            return None
        self.artefacts[path] = made
        self.makers |= dict.fromkeys(made.outputs, made)
        return made

    def sources(self, artefact: Made) -> Iterator[Made]:
        """What an artefact was made from, nearest first."""
        makers = (self.makers.get(path) for path in artefact.inputs)
        yield from dict.fromkeys(maker for maker in makers if maker not in (None, artefact))

    def with_sources(self, manifests: Iterable[Path]) -> list[Made]:
        """These artefacts and all that they stand on, in the order they were made."""
        found = dict.fromkeys(self.artefacts[path] for path in manifests)
        todo = list(found)
        for artefact in todo:
            new = [source for source in self.sources(artefact) if source not in found]
            found |= dict.fromkeys(new)
            todo += new
        return sorted(found, key=lambda made: (made.manifest.get("ended", ""), str(made.path)))

    def name(self, path: Path) -> str:
        """A path from the results folder on."""
        inside = path.is_relative_to(self.results)
        return (path.relative_to(self.results) if inside else path).as_posix()


def _run_of(path: Path) -> Path | None:
    return next((above for above in path.parents if (above / RUN_CONFIG).is_file()), None)
