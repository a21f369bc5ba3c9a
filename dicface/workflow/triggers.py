"""The settings that a job's result depends on beside its files; Snakemake looks for changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dicface import __version__
from dicface.base.errors import ConfigError
from dicface.base.names import HEADLINE
from dicface.config.networks import network
from dicface.config.settings import Config
from dicface.config.systems import FIGURES, TASK_OF_GRID, method_settings
from dicface.data.datasets.layouts import read_layout
from dicface.runs.folder import Run


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What each kind of job depends on, as plain values: all of it, and no more.

    Attributes:
        run: The run.
    """

    run: Run

    @property
    def config(self) -> Config:
        """Settings of the run, checked."""
        return self.run.config

    @property
    def raw(self) -> Mapping[str, Any]:
        """The same as plain values."""
        return self.run.raw

    def facts(self, *sections: str) -> dict[str, Any]:
        """Returns sections of the configuration, the seed and the version of the package."""
        chosen = {section: self.raw[section] for section in sections}
        return {"version": __version__, "seed": self.config.seed_name, **chosen}

    def render_facts(self, split: str) -> dict[str, Any]:
        """Returns all settings that change the rendered clips of a split, for change detection."""
        clips = self.raw["data"][split]
        read = ("num_clips", "num_frames", "photo")
        chosen = {key: clips[key] for key in read if key in clips}
        return {**self.facts(), **self._of_data("size", "fps"), **chosen}

    def test_set_facts(self) -> dict[str, Any]:
        """Returns all settings that change the imported clips of the test set."""
        test, read = self.config.data.test, ["max_frames"]
        facts = {**self.facts("test_clips"), **self._of_data("size", "detector")}
        if self.config.test_clips:
            facts["files"] = _digest_of_files(self.config.test_clips)
        else:
            read += ["folder", "layout", "test_set"]
            if test.source == "folder" and test.layout:
                facts["clips"] = digest(read_layout(test.layout, test.folder).clips)
        return {**facts, **{key: getattr(test, key) for key in read}}

    def input_facts(self, task: str) -> dict[str, Any]:
        """Returns all settings that change a task's inputs, for change detection."""
        section = {"bfr": ("degradation",), "inpainting": ("brush",)}.get(task, ())
        return self.facts(*section)

    def network_facts(self, name: str) -> dict[str, Any]:
        """Returns all settings that change what a training makes, for change detection."""
        plan = network(self.config, name)
        inputs = {} if plan.stage == "vqgan" else self.input_facts(plan.task)
        clips = self.raw["data"][self.run.training_set(name)]
        return {**self.facts(), **plan.facts(), "inputs": inputs, "clips": clips}

    def restore_facts(self, method: str) -> dict[str, Any]:
        """Returns all settings that change what a method restores, for change detection."""
        return {**self.facts("device"), "settings": method_settings(self.config, method)}

    def results_elsewhere(self, name: str, task: str) -> dict[str, str]:
        """Returns the entry of `methods` with this name and task, and a digest of its files.

        The digest is of names, sizes and times, so that a frame that was made again is noticed.
        Snakemake compares plain values only, hence no `ResultsElsewhere`.
        """
        (found,) = (e for e in self.config.methods if (e.name, e.task) == (name, task))
        return {**asdict(found), "files": _digest_of_files(found.restored)}

    def code_weights_facts(self) -> dict[str, Any]:
        """Returns all settings that change measured code weights, for change detection."""
        return {**self.facts("device"), "position": self.config.restore.position}

    def table_facts(self, name: str) -> dict[str, Any]:
        """Returns what a table says beside scores and the paper's numbers, for change detection."""
        return {**self._rows_facts(name), **self.facts("remark", "protocol_is_paper")}

    def figures(self) -> list[str]:
        """Returns the figures that can be drawn: Figure 8 shows Table 3, its second half our row.

        A configuration without that table goes without them; asked for by name they say so.
        """
        table3 = self.config.ablations.get("table3")
        able = {"figure8a": table3 is not None, "figure8b": table3 and HEADLINE in table3.rows}
        return [name for name in FIGURES if able.get(name, True)]

    def figure_facts(self, name: str) -> dict[str, Any]:
        """Returns what a figure shows beside scores and clips, for change detection.

        Raises:
            ConfigError: The configuration has not the table that the figure shows.
        """
        if name not in self.figures():
            raise ConfigError(
                f"{name}: found no ablations.table3 with the networks that it shows"
                f"{f' ({HEADLINE})' if name == 'figure8b' else ''}; add the table, or its row."
            )
        if name == "training_curves":
            return self.facts()
        if name in ("figure8a", "figure8b"):
            return self._rows_facts("table3")
        return self._rows_facts("table1" if TASK_OF_GRID.get(name, "bfr") == "bfr" else "table2")

    def _rows_facts(self, name: str) -> dict[str, Any]:
        """A table's rows as declared, with their labels and the names that the paper has for them.

        Raises:
            ConfigError: There is no such table.
        """
        if name in ("table1", "table2"):
            section, facts = self.raw[name], self.facts("methods")
            tables = section.values() if name == "table2" else [section]
            rows = [row for table in tables for row in table]
        elif name in self.config.ablations:
            section, facts = self.raw["ablations"][name], self.facts()
            rows = section["rows"]
        else:
            raise ConfigError(f"found no ablations.{name} in the configuration; add the table.")
        named = {row: self.config.variants[row] for row in rows if row in self.config.variants}
        labels = {row: (variant.label, variant.paper_name) for row, variant in named.items()}
        return {**facts, "table": section, "labels": labels}

    def _of_data(self, *keys: str) -> dict[str, Any]:
        return {key: self.raw["data"][key] for key in keys}


def digest(names: Iterable[str]) -> str:
    """A short digest of names, whatever their order: params that list them would be long."""
    text = "\n".join(sorted(names))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _digest_of_files(folder: str) -> str:
    """One `stat` a file, once in a run; a folder that is not there has no files."""
    stats = ((path, path.stat()) for path in Path(folder).rglob("*") if path.is_file())
    return digest(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)
