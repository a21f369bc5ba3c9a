"""Where the report's numbers come from: the manifests of the run and its settings."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dicface.provenance.manifest import RUN_CONFIG, SUFFIX, manifests_below, read_manifest
from dicface.video.formats import natural


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What the manifests say.

    Attributes:
        artefacts: Per file: file, kind, commit (whole and short), command, ended, digest of
            settings, sha256.
        facts: Name -> value of what is the same for the run: machine, Python, packages.
        weights: Name, file and sha256 of all weights.
        config: The run's merged settings as YAML; empty where the run has none.
    """

    artefacts: tuple[dict[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    weights: tuple[tuple[str, str, str], ...]
    config: str

    @property
    def commits(self) -> list[tuple[str, int, str, str]]:
        """Each commit, how many files it made, and when the first and the last of them ended."""
        ended: dict[str, list[str]] = {}
        for each in self.artefacts:
            ended.setdefault(each["commit"], []).append(each["ended"])
        return [(commit, len(times), min(times), max(times)) for commit, times in ended.items()]


def read_provenance(run: Path) -> Provenance:
    """Reads the manifests below a run's folder, but for the report's own, and its settings.

    Raises:
        DicfaceError: A manifest is damaged.
    """
    found = {path.relative_to(run).as_posix(): read_manifest(path) for path in manifests_below(run)}
    manifests = {
        name.removesuffix(SUFFIX): found[name]
        for name in sorted(found, key=natural)
        if found[name].get("kind") != "report"
    }
    config = run / RUN_CONFIG
    return Provenance(
        artefacts=tuple(_artefact(file, manifest) for file, manifest in manifests.items()),
        facts=tuple(_facts(manifests.values())),
        weights=tuple(sorted(set(_weights(manifests.values())))),
        config=config.read_text(encoding="utf-8") if config.is_file() else "",
    )


def _weights(manifests: Iterable[dict]) -> Iterable[tuple[str, str, str]]:
    """Networks that the run made, and released weights that it used."""
    for manifest in manifests:
        files = {**manifest.get("inputs", {}), **manifest.get("outputs", {})}
        for path in filter(lambda name: name.endswith(".safetensors"), files):
            yield PurePosixPath(path).parent.name, PurePosixPath(path).name, files[path]["sha256"]
        for name, facts in manifest.get("outside", {}).items():
            role, _, used = name.partition("/")
            if role == "weights":
                yield PurePosixPath(used).stem, used, str(facts.get("sha256", ""))


def _artefact(file: str, manifest: dict) -> dict[str, str]:
    code = manifest.get("code", {})
    commit = code.get("commit") or code.get("note") or "unknown"
    changed = " with changes" if code.get("changed") else ""
    return {
        "file": file,
        "kind": manifest.get("kind", ""),
        "sha256": manifest.get("artefact", {}).get("sha256", ""),
        "commit": commit + changed,
        "short_commit": (commit[:12] if code.get("commit") else commit) + changed,
        "command": shlex.join(manifest.get("command", [])),
        "ended": manifest.get("ended") or "",
        "config": manifest.get("settings_sha256", ""),
    }


def _facts(manifests: Iterable[dict]) -> Iterable[tuple[str, str]]:
    """Machine, Python and packages; a value that changed between files is shown twice."""
    found: dict[str, dict[str, None]] = {}
    for manifest in manifests:
        machine = {key.replace("_", " "): v for key, v in manifest.get("machine", {}).items()}
        packages = dict(manifest.get("packages", {}))
        python = {"Python": manifest.get("python")}
        for name, value in {**machine, **python, **packages}.items():
            found.setdefault(name, {})[_text(value)] = None
    return [(name, "; ".join(values)) for name, values in found.items()]


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not recorded" if value is None else str(value)
