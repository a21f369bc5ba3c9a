"""Where the report's numbers come from: the manifests of the tables and the run's settings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dicface.errors import DicfaceError
from dicface.report.site.contents import natural


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What the manifests say.

    Attributes:
        artefacts: Per file: file, commit, command, ended, config digest, sha256.
        facts: Name -> value of what is the same for the run: machine, Python, packages.
        weights: Name, file and sha256 of all weights.
        config: The run's merged settings as YAML; empty where the run has none.
    """

    artefacts: tuple[dict[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    weights: tuple[tuple[str, str, str], ...]
    config: str


def read_provenance(run: Path) -> Provenance:
    """Reads `<run>/{tables,figures}/*.manifest.json` and `<run>/run_config.yaml`.

    Raises:
        DicfaceError: A manifest is no JSON.
    """
    paths = [p for folder in ("tables", "figures") for p in (run / folder).glob("*.manifest.json")]
    manifests = [_read(path) for path in sorted(paths, key=lambda path: natural(path.name))]
    config = run / "run_config.yaml"
    return Provenance(
        artefacts=tuple(map(_artefact, manifests)),
        facts=tuple(_facts(manifests)),
        weights=tuple(
            sorted(
                {
                    (name, str(of.get("file", "")), str(of.get("sha256", "")))
                    for manifest in manifests
                    for name, of in manifest.get("weights", {}).items()
                }
            )
        ),
        config=config.read_text(encoding="utf-8") if config.is_file() else "",
    )


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DicfaceError(
            f"{path}: is no JSON ({error}); expected a manifest. Make the file beside it again."
        ) from error


def _artefact(manifest: dict) -> dict[str, str]:
    code = manifest.get("code", {})
    commit = code.get("commit") or code.get("note") or "unknown"
    return {
        "file": manifest.get("artefact", {}).get("file", ""),
        "sha256": manifest.get("artefact", {}).get("sha256", ""),
        "commit": commit + (" with changes" if code.get("changed") else ""),
        "command": " ".join(manifest.get("command", [])),
        "ended": manifest.get("ended") or "",
        "config": manifest.get("config_sha256", ""),
    }


def _facts(manifests: Iterable[dict]) -> Iterable[tuple[str, str]]:
    """Machine, Python, packages and seeds; a value that changed between files is shown twice."""
    found: dict[str, dict[str, None]] = {}
    for manifest in manifests:
        machine = {key.replace("_", " "): v for key, v in manifest.get("machine", {}).items()}
        packages = dict(manifest.get("packages", {}))
        seeds = {f"seed {name}": value for name, value in manifest.get("seeds", {}).items()}
        python = {"Python": manifest.get("python")}
        for name, value in {**machine, **python, **packages, **seeds}.items():
            found.setdefault(name, {})[_text(value)] = None
    return [(name, "; ".join(values)) for name, values in found.items()]


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not recorded" if value is None else str(value)
