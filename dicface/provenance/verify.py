"""Whether files of a run still are what their manifests say, and what stands on those that are not.

An artefact fits when its files are those that were made, when all that it was made from is
unchanged, and when that holds for what it was made from, down to the clips.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm
from typing_extensions import TypedDict

from dicface.base.counts import how_many
from dicface.base.errors import DicfaceError
from dicface.base.reading import Own, is_there, read_json
from dicface.provenance.graph import Graph, Made
from dicface.provenance.manifest import (
    RUN_MANIFEST,
    SUFFIX,
    digest,
    manifests_below,
    sidecar,
    size_of,
)
from dicface.weights.registry import SHIPPED, folders

_LISTING = Own("the list of a run's artefacts", "Delete it: the workflow writes it again.")


class _Listing(TypedDict):
    artefacts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What no longer fits of an artefact.

    Attributes:
        what: One of "output changed", "output missing", "input changed", "input missing", "weights
            changed", "stands on", "no manifest", "damaged manifest", "artefact missing".
        file: The file in question, from the results folder.
        text: The whole of it, for readers.
    """

    what: str
    file: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was looked at.

    Attributes:
        artefacts: Name of each artefact, from the results folder, in the order they were made ->
            what does not fit of it; empty: all fits.
        notes: What may be worth knowing and is nothing wrong.
        num_files: Files that were compared.
        num_outside: Inputs outside the results, which were not looked at.
    """

    artefacts: dict[str, list[Finding]]
    notes: list[str]
    num_files: int
    num_outside: int

    @property
    def fits(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.artefacts.values())

    def as_text(self) -> str:
        """What does not fit, artefact by artefact, the notes, and a summary in the last line."""
        lines = []
        for name, findings in self.artefacts.items():
            if findings:
                lines += [name, *(f"  {finding.text}" for finding in findings)]
        lines += [f"note: {note}" for note in self.notes]
        wrong = sum(map(bool, self.artefacts.values()))
        outside = f"; {self.num_outside} inputs outside the results were not looked at"
        lines.append(
            f"{how_many(len(self.artefacts), 'artefact')}, {how_many(self.num_files, 'file')}: "
            + (f"{wrong} do not fit" if wrong else "all fit")
            + (outside if self.num_outside else "")
        )
        return "\n".join(lines) + "\n"


def verify(
    paths: Sequence[str | Path],
    *,
    expected: Sequence[str] = (),
    quick: bool = False,
    progress: bool = True,
) -> Verdict:
    """Checks artefacts, and all that they were made from.

    Args:
        paths: Folders of runs or in them, files of artefacts, or manifests.
        expected: Patterns, in the folder of a run, of files that a manifest must account for.
        quick: Compares sizes alone.
        progress: Show a bar over the files.

    Raises:
        DicfaceError: There is no such path, or no manifest in or beside it.
    """
    chosen: dict[Path, None] = {}
    paths = [Path(os.path.abspath(path)) for path in paths]
    for path in paths:
        chosen |= dict.fromkeys(_manifests_of(path))
    graph = Graph.around(chosen)
    artefacts = graph.with_sources([path for path in chosen if path in graph.artefacts])
    states = _States(quick=quick)
    states.look_at(_files_of(artefacts), progress=progress)
    changed = {
        made: [*_of_inputs(made, graph, states), *_of_weights(made, states)] for made in artefacts
    }
    found = {
        graph.name(made.file): [
            *_of_outputs(made, graph, states),
            *changed[made],
            *_of_sources(made, graph, changed),
        ]
        for made in artefacts
    }
    damaged = [
        Finding(what="damaged manifest", file=graph.name(path), text=graph.damaged[path])
        for path in chosen
        if path in graph.damaged
    ]
    asked = [path for path in paths if path.is_dir()]
    for finding in (*damaged, *_unaccounted(asked, graph, expected)):
        found.setdefault(finding.file, []).append(finding)
    outside = sum(
        not name.startswith("weights/") for each in artefacts for name in each.manifest["outside"]
    )
    return Verdict(
        artefacts=found,
        notes=list(_notes(artefacts, graph)),
        num_files=len(states),
        num_outside=outside,
    )


class _States:
    """Digest and size of files, each read once; None of those that are gone."""

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self._known: dict[Path, tuple[str, int] | None] = {}

    def __len__(self) -> int:
        return len(self._known)

    def look_at(self, files: Iterable[Path], *, progress: bool) -> None:
        files = sorted(files)
        for path in tqdm(files, desc="verify", unit="file", disable=not progress or not files):
            self.of(path)

    def of(self, path: Path) -> tuple[str, int] | None:
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    def _read(self, path: Path) -> tuple[str, int] | None:
        if not path.exists():
            return None
        return ("", size_of(path)) if self.quick else digest(path)

    def difference(self, path: Path, facts: dict) -> str:
        """How a file differs from what was recorded, in words; "" where it does not."""
        found = self.of(path)
        if found is None:
            return "is gone"
        sha, size = found
        if size != facts["bytes"]:
            return f"has {size} bytes, had {facts['bytes']}"
        if not self.quick and sha != facts["sha256"]:
            return f"has sha256 {sha[:12]}…, had {facts['sha256'][:12]}…"
        return ""


def _manifests_of(path: Path) -> list[Path]:
    """Manifests in a folder, or the one that accounts for a file."""
    if path.is_dir():
        found = manifests_below(path)
        if not found:
            raise DicfaceError(
                f"{path}: found no manifest (`<file>{SUFFIX}`) in it; expected a run's folder, as "
                "results/demo. Runs made before there were manifests have to be made again."
            )
        return found
    if path.name.endswith(SUFFIX) and path.is_file():
        return [path]
    if sidecar(path).is_file():
        return [sidecar(path)]
    for other in sorted(path.parent.glob(f"*{SUFFIX}")):
        if path in _outputs_of(other):
            return [other]
    if not path.exists():
        raise DicfaceError(
            f"{path}: no such file or folder; expected a run's folder or a file of a run."
        )
    raise DicfaceError(
        f"{path}: no manifest in its folder accounts for it; expected {sidecar(path).name} beside "
        "it. Make it again with the workflow or the command that makes it."
    )


def _outputs_of(manifest: Path) -> set[Path]:
    try:
        return set(Made.read(manifest).outputs)
    except DicfaceError:
        return set()


def _files_of(artefacts: Iterable[Made]) -> set[Path]:
    return {path for made in artefacts for path in (*made.outputs, *made.inputs)}


def _of_outputs(artefact: Made, graph: Graph, states: _States) -> Iterator[Finding]:
    for path, facts in artefact.outputs.items():
        difference = states.difference(path, facts)
        if difference:
            name = graph.name(path)
            what = "output missing" if states.of(path) is None else "output changed"
            yield Finding(what=what, file=name, text=f"{what}: {name} {difference}")


def _of_inputs(artefact: Made, graph: Graph, states: _States) -> Iterator[Finding]:
    for path, facts in artefact.inputs.items():
        difference = states.difference(path, facts)
        maker = graph.makers.get(path)
        name = graph.name(path)
        if difference:
            there = states.of(path) is not None
            what = "input changed" if there else "input missing"
            text = f"{what}{' since' if there else ''}: {name} {difference}"
            yield Finding(what=what, file=name, text=text)
        elif maker is not None and maker.outputs[path]["sha256"] != facts["sha256"]:
            text = f"input changed before: {name} was not as {graph.name(maker.path)} says"
            yield Finding(what="input changed", file=name, text=text)


def _of_weights(artefact: Made, states: _States) -> Iterator[Finding]:
    """Released weights that are on this machine under the name that was used."""
    for name, facts in artefact.manifest["outside"].items():
        role, _, file = name.partition("/")
        if role != "weights":
            continue
        at_hand = next((f / file for f in (*folders(), SHIPPED) if (f / file).is_file()), None)
        difference = states.difference(at_hand, facts) if at_hand else ""
        if difference:
            text = f"weights changed since: {at_hand} {difference}"
            yield Finding(what="weights changed", file=str(at_hand), text=text)


def _of_sources(
    artefact: Made, graph: Graph, changed: Mapping[Made, list[Finding]]
) -> Iterator[Finding]:
    """What was changed further up, each file once, with the shortest way to it."""
    known = {finding.file for finding in changed[artefact]}
    ways = {source: (source,) for source in graph.sources(artefact)}
    todo = list(ways)
    for source in todo:
        for further in graph.sources(source):
            if further not in ways and further is not artefact:
                ways[further] = (further, *ways[source])
                todo.append(further)
        for finding in changed[source]:
            if finding.file not in known:
                known.add(finding.file)
                through = " ← ".join(graph.name(step.file) for step in reversed(ways[source]))
                text = f"stands on {finding.file}, which no longer fits, through {through}"
                yield Finding(what="stands on", file=finding.file, text=text)


def _unaccounted(
    folders: Sequence[Path], graph: Graph, expected: Sequence[str]
) -> Iterator[Finding]:
    """Files of runs that no manifest accounts for, and artefacts of runs that are gone."""
    runs = {made.root for made in graph.artefacts.values()}

    def asked(path: Path) -> bool:
        return any(path.is_relative_to(folder) for folder in folders)

    for run in sorted(runs):
        for path in sorted(path for pattern in expected for path in run.glob(pattern)):
            if path.name.endswith(SUFFIX) or not asked(path):
                continue
            if path not in graph.makers and sidecar(path) not in graph.damaged:
                text = "no manifest: nothing says what it was made from; make it again"
                yield Finding(what="no manifest", file=graph.name(path), text=text)
        listing = run / RUN_MANIFEST
        for path in (run / name for name in _listed(listing)):
            if asked(path) and not path.exists() and path not in graph.makers:
                text = f"artefact missing: {graph.name(listing)} lists it"
                yield Finding(what="artefact missing", file=graph.name(path), text=text)


def _listed(run_manifest: Path) -> list[str]:
    if not is_there(run_manifest):
        return []
    return sorted(read_json(run_manifest, _LISTING, _Listing)["artefacts"])


def _notes(artefacts: Iterable[Made], graph: Graph) -> Iterator[str]:
    versions: dict[str, list[str]] = {}
    for made in artefacts:
        code = made.manifest.get("code", {})
        commit = str(code.get("commit") or code.get("note") or "unknown")[:12]
        name = f"{code.get('version', '?')} {commit}" + (
            " with changes" if code.get("changed") else ""
        )
        versions.setdefault(name, []).append(graph.name(made.file))
    if len(versions) > 1:
        for name, files in sorted(versions.items(), key=lambda item: -len(item[1])):
            shown = ", ".join(files[:3]) + (", …" if len(files) > 3 else "")
            yield f"made by dicface {name}: {len(files)} ({shown})"
