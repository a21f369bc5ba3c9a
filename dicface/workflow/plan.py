"""What the Snakefile needs to know about a run; importable and testable without Snakemake."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import yaml

from dicface.base.errors import ClipError
from dicface.base.files import atomic_path, hold_lock
from dicface.base.names import BLIND, HEADLINE
from dicface.config.mapping import from_mapping
from dicface.config.networks import network, sources_of, weights_of
from dicface.config.settings import STAGES, RuleResources
from dicface.config.systems import (
    COLUMNS_OF_GRID,
    TASK_OF_GRID,
    job_logs,
    method_network,
)
from dicface.data.datasets.layouts import ALIGNED, read_layout
from dicface.data.datasets.shards import shards
from dicface.runs.folder import Run
from dicface.video.clips import list_clips
from dicface.workflow.triggers import Facts


@dataclass(frozen=True, kw_only=True)
class Plan(Facts):
    """What the Snakefile asks of a run."""

    @classmethod
    def of(cls, merged: dict[str, Any]) -> Plan:
        """Plans the run of a merged configuration (errors as `Run.of`)."""
        return cls(run=Run.of(merged))

    def start(self) -> list[IO[str]]:
        """Locks the run's folders for this process and writes the configuration into them."""
        locks = []
        for path, raw in self.run.settings_files.items():
            locks.append(hold_lock(path.parent / ".lock"))
            text = yaml.safe_dump(raw, sort_keys=False)
            if not path.is_file() or path.read_text() != text:
                with atomic_path(path) as temporary:
                    temporary.write_text(text)
        return locks

    def resources(self, rule: str, attempt: int = 1) -> RuleResources:
        """Returns what a job of a rule asks for; later attempts ask for more memory and time."""
        settings = self.config.resources
        asked = {**settings["defaults"], **settings.get(rule, {})}
        for name, limit in settings["limits"].items():
            asked[name] = min(asked[name] * attempt, limit)
        if rule == "train":
            asked["gpu"] = self.config.compute.devices
        if self.config.device == "cpu":
            asked["gpu"] = 0
        return from_mapping(RuleResources, asked, f"configuration: resources.{rule}")

    def trained(self) -> list[str]:
        """Returns every network that the run can train: stages, then variants."""
        own = [name for name in self.config.variants if weights_of(self.config, name) == name]
        return [*STAGES, *own]

    def sources(self, name: str) -> list[str]:
        """Returns the networks that must be trained before this one."""
        return sources_of(self.config, name)

    def method_network(self, method: str) -> str | None:
        """Returns the network whose weights a method needs; None for released systems."""
        return method_network(self.config, method)

    def runnable(self, methods: Iterable[str], task: str = "bfr") -> list[str]:
        """Returns those methods that can run a task on this machine, in their order."""
        from dicface.methods import create

        return [
            name
            for name in methods
            if self.method_network(name)
            or create(name, task=task).unavailable(size=self.config.data.size) is None
        ]

    def scored(self, task: str) -> list[str]:
        """Returns the methods of a task that the run scores, in its table's order."""
        methods = self.config.table1 if task == "bfr" else self.config.table2[task]
        elsewhere = [each.name for each in self.config.methods if each.task == task]
        return [*self.runnable(methods, task), *elsewhere]

    def methods_shown(self, figure: str) -> list[str]:
        """Returns the methods whose clips or landmarks a figure shows, in their table's order."""
        scored = self.scored(TASK_OF_GRID.get(figure, BLIND.id))
        chosen = COLUMNS_OF_GRID.get(figure)
        return [each for each in scored if chosen is None or each in chosen.values()]

    def networks_shown(self, name: str) -> list[str | None]:
        """Returns the networks whose code weights Figure 8 shows (errors as `figure_facts`)."""
        self.figure_facts(name)
        rows = [HEADLINE] if name == "figure8b" else self.config.ablations["table3"].rows
        return [self.method_network(row) for row in rows]

    def partial_tables(self, undone: Collection[tuple[str, str]]) -> list[str]:
        """Returns the tables that a run which broke off can show in part.

        Those with a row in `undone` and a row that has scores, if anything was done for a row of
        their own: the input and the headline stand in all of them.

        Args:
            undone: Task and method of every row that the run was to score and did not.
        """
        rows = {"table1": {("bfr", method) for method in self.scored("bfr")}}
        rows["table2"] = {(task, m) for task in self.config.table2 for m in self.scored(task)}
        for name, chosen in self.config.ablations.items():
            rows[name] = {("bfr", method) for method in chosen.rows}
        partial = []
        for name, wanted in rows.items():
            scored = {(task, m) for task, m in wanted.difference(undone) if self._scores(task, m)}
            tried = {(task, m) for task, m in wanted.intersection(undone) if self._logs(task, m)}
            own = [m for _, m in scored | tried if m not in ("input", HEADLINE)]
            if scored and own and wanted.intersection(undone):
                partial.append(name)
        return partial

    def _scores(self, task: str, method: str) -> bool:
        return self.run.results(task, method).metrics.is_file()

    def _logs(self, task: str, method: str) -> bool:
        run, train = self.run.folder, self.run.train_folder
        shared = job_logs(self.config, HEADLINE, "bfr", run / "logs", train / "logs")
        logs = job_logs(self.config, method, task, run / "logs", train / "logs")
        return any(log.is_file() for log in logs if log not in shared)

    def table_file(self, ablation: str) -> str:
        """Returns the name of an ablation's files: the paper's tables and the appendix."""
        return ablation if ablation.startswith("table") else f"appendix_{ablation}"

    def source_files(self) -> list[str]:
        """Returns the user's test clips, so that a new or changed video is noticed.

        Those of a data set are noticed by their names (`test_set_facts`): their frames are too many
        to look at. A folder may be missing while a run is only planned; `require_data` says so
        when it starts.

        Raises:
            ClipError: `test_clips` names no folder with clips, or `data.test.folder` is there and
                holds none.
        """
        test = self.config.data.test
        folder = self.config.test_clips or test.folder
        planned = not self.config.test_clips and (test.layout or not Path(folder).exists())
        if not self.run.imports_test_clips or planned:
            return []
        return [str(path) for path in list_clips(folder).values()]

    def training_index(self, name: str) -> list[str]:
        """Returns the file that a training waits for; none for the user's own or no training."""
        folder = self.run.training_clips(name)
        mine = folder.is_relative_to(self.run.train_folder)
        return [f"{folder}/index.parquet"] if mine and not self.is_released(name) else []

    def is_released(self, name: str) -> bool:
        """Whether a network's released weights are taken instead of training it."""
        return bool(network(self.config, name).train.released)

    def trained_stages(self) -> list[str]:
        """Returns the stages that are trained, without those whose released weights are taken."""
        return [stage for stage in STAGES if not self.is_released(stage)]

    def indexed_sets(self) -> list[str]:
        """Returns the training sets that are data sets on disk, which get an index."""
        sets = {name: getattr(self.config.data, name) for name in ("train", "images")}
        return [name for name, each in sets.items() if each.source == "folder" and each.layout]

    def rendered_splits(self) -> list[str]:
        """Returns the splits that are rendered."""
        sets = {"train": self.config.data.train, "test": self.config.data.test}
        return [split for split, each in sets.items() if each.source == "render"]

    def landmark_shards(self, name: str) -> dict[str, tuple[str, ...]]:
        """Returns id -> clips of the shards whose landmarks are made; none for aligned faces.

        One directory listing. A set that is not there has no shards, so that its run can still be
        planned.
        """
        train = self.config.data.train
        if name != "train" or train.source != "folder" or train.layout in ("", *ALIGNED):
            return {}
        return _shards(train.layout, train.folder, train.shard_size)

    def require_data(self, rules: Iterable[str]) -> None:
        """Looks at the data sets that the jobs to come read, before the first one starts.

        Args:
            rules: Names of the rules that have jobs to run.

        Raises:
            ClipError: A folder is missing or of another layout, two clips have one name, or the
                released test set lacks the inputs of a task.
        """
        rules, data = set(rules), self.config.data
        for name in self.indexed_sets():
            if rules & {"training_index", "training_landmarks"}:
                settings = getattr(data, name)
                read_layout(settings.layout, settings.folder).require()
        if "import_clips" in rules and not self.config.test_clips and data.test.layout:
            found = read_layout(data.test.layout, data.test.folder).require()
            tasks = {"bfr", *self.config.table2} if self.config.takes_released_inputs else set()
            if missing := sorted(tasks - set(found.inputs)):
                raise ClipError(
                    f"{data.test.folder}: found no inputs of {', '.join(missing)}; expected their "
                    "folders (docs/datasets.md), or data.test.test_set: regenerated"
                )


@cache
def _shards(layout: str, folder: str, size: int) -> dict[str, tuple[str, ...]]:
    """Every job of a shard asks; the folder is listed once."""
    return shards(read_layout(layout, folder).clips, size)
