"""What the Snakefile needs to know about a run; importable and testable without Snakemake."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from dicface.base.errors import ConfigError
from dicface.base.files import hold_lock, wait_for_others
from dicface.base.names import BLIND, HEADLINE, PANELS, WILD, controlled
from dicface.config.fields import WrongValueError, nearest, one_of
from dicface.config.networks import network, place, train_values, weights_of
from dicface.config.replicates import replicates_of
from dicface.config.settings import STAGES, Config, RuleResources
from dicface.config.systems import (
    COLUMNS_OF_GRID,
    TASK_OF_FIGURE,
    added_methods,
    job_logs,
    made_elsewhere,
    method_network,
    published,
    rows_of_tables,
    table1_name,
    tables_of,
    truth_rows,
    wild_rows,
)
from dicface.data.datasets.layouts import ALIGNED, read_layout
from dicface.data.datasets.shards import shards
from dicface.runs.folder import Run
from dicface.video.clips import list_clips


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be made in a run, and what its jobs may use.

    Attributes:
        run: The run.
    """

    run: Run

    @classmethod
    def of(cls, merged: dict[str, Any], where: str | Sequence[Path] = "configuration") -> Plan:
        """Plans the run of a merged configuration (arguments as `Run.of`).

        Raises:
            ConfigError: The configuration cannot be, or names a method or a released weights file
                that nobody knows.
            ClipError: `wild_clips` names no folder with clips.
        """
        plan = cls(run=Run.of(merged, where))
        plan._require_known()
        if plan.run.is_wild:
            list_clips(plan.config.wild_clips)
        return plan

    def _require_known(self) -> None:
        from dicface.methods import fault, names
        from dicface.metrics import METRICS
        from dicface.weights.registry import registry

        for name in self.config.variants.keys() & set(names()):
            raise WrongValueError("variants", name, "a name that no method has")
        known = {*names(), *self.config.variants}
        for table, ablation in self.config.ablations.items():
            for metric in ablation.shown:
                one_of(f"ablations.{table}.shown", metric, METRICS)
        for table, (_, rows) in rows_of_tables(self.config).items():
            for row in (controlled(row) or row for row in rows):
                if row not in known:
                    raise ConfigError(f"{table}: {fault(row)}")
        for name in self.trained():
            released = train_values(self.config, name)["released"]
            if released and released not in (files := registry()):
                near = " or ".join(nearest(released, files))
                expected = near or "a file that `dicface weights list` names"
                raise WrongValueError(
                    place(self.config, name, "train", "released"), released, expected
                )

    @property
    def config(self) -> Config:
        """Settings of the run."""
        return self.run.config

    def start(self, *, alone: bool) -> list[IO[str]]:
        """Locks the run's folders for this process and writes the configuration into them.

        Args:
            alone: Whether to wait for jobs of an earlier run, which nobody else keeps apart.

        Raises:
            DicfaceError: Another run holds a folder, or its file system has no locks.
        """
        folders = [path.parent for path in self.run.settings_files]
        locks = [hold_lock(folder / ".lock") for folder in folders]
        for folder in folders if alone else ():
            wait_for_others(folder)
        self.run.write_settings()
        return locks

    def resources(self, rule: str, attempt: int = 1) -> RuleResources:
        """Returns what a job of a rule asks for; later attempts ask for more memory and time."""
        settings = self.config.resources
        asked = asdict(settings.defaults) | getattr(settings, rule, {})
        for name, limit in asdict(settings.limits).items():
            asked[name] = min(asked[name] * attempt, limit)
        if rule in ("train", "restore"):
            asked["threads"] = max(asked["threads"], self.config.threads)
        if rule == "train":
            asked["gpu"] = self.config.compute.devices
        if self.config.device == "cpu":
            asked["gpu"] = 0
        return RuleResources(**asked)

    def trained(self) -> list[str]:
        """Returns every network that the run can train: stages, then variants."""
        own = [name for name in self.config.variants if weights_of(self.config, name) == name]
        return [*STAGES, *own]

    def runnable(self, methods: Iterable[str], task: str = "bfr") -> list[str]:
        """Returns those methods that can run a task on this machine, in their order."""
        from dicface.methods import create

        return [
            name
            for name in methods
            if method_network(self.config, name)
            or create(controlled(name) or name, task=task).unavailable(size=self.config.data.size)
            is None
        ]

    def scored(self, task: str) -> list[str]:
        """Returns the methods of a task that the run scores, in its table's order."""
        rows = wild_rows(self.config) if self.run.is_wild else self.config.table1
        methods = rows if task == "bfr" else self.config.table2.get(task, ())
        own = dict.fromkeys((*methods, *added_methods(self.config, task)))
        elsewhere = [each.name for each in made_elsewhere(self.config) if each.task == task]
        return [*self.runnable(own, task), *elsewhere]

    def methods_shown(self, figure: str) -> list[str]:
        """Returns the methods whose clips or landmarks a figure shows, in their table's order."""
        scored = self.scored(TASK_OF_FIGURE[figure])
        chosen = COLUMNS_OF_GRID.get(figure)
        return [each for each in scored if chosen is None or each in chosen.values()]

    def tables(self) -> dict[str, str]:
        """Returns file name of every table -> what the configuration calls it.

        An ablation that is no table of the paper stands in the appendix. A run without a truth has
        one table alone.
        """
        if self.run.is_wild:
            return {WILD: WILD}
        named = {
            name if name.startswith("table") else f"appendix_{name}": name
            for name in self.config.ablations
        }
        tasks = (BLIND.id, *self.config.table2)
        panels = {panel.id: panel.id for panel in PANELS.values() if panel.task in tasks}
        return {table1_name(self.config): "table1", "table2": "table2", **named, **panels}

    def tables_of(self, target: str) -> list[str]:
        """Returns the file names of the ablations that a target makes."""
        wanted = tables_of(self.config, target)
        return [file for file, table in self.tables().items() if table in wanted]

    def with_truth(self, files: list[str]) -> list[str]:
        """Returns what a target needs, where the run has a truth.

        Raises:
            ConfigError: It has none.
        """
        if self.run.is_wild:
            raise ConfigError(
                f"wild_clips: found {self.config.wild_clips}, videos without a truth, of which "
                "there is the target wild alone; for others leave wild_clips out."
            )
        return files

    def wild_files(self) -> list[str]:
        """Returns what the target wild needs.

        Raises:
            ConfigError: The configuration names no videos.
        """
        if not self.run.is_wild:
            raise ConfigError(
                "wild_clips: found none, expected a folder of your own degraded videos; add "
                "--config wild_clips=FOLDER."
            )
        tables = [str(self.run.tables / f"{WILD}{end}") for end in (".md", ".csv", ".tex")]
        return [*tables, str(self.run.report)]

    def scored_in(self, table: str) -> list[tuple[str, str]]:
        """Returns task and method of the rows of a table that the run scores.

        Args:
            table: What the configuration calls it.
        """
        if table in ("table1", WILD):
            rows = [("bfr", method) for method in self.scored("bfr")]
        elif table == "table2":
            rows = [(task, method) for task in self.config.table2 for method in self.scored(task)]
        elif table in PANELS:
            task = PANELS[table].task
            rows = [(task, method) for method in (*self.scored(task), *truth_rows(table))]
        else:
            rows = [("bfr", row) for row in self.runnable(self.config.ablations[table].rows)]
        # Every training of a row that is trained several times.
        return [
            (task, each) for task, row in rows for each in (row, *replicates_of(self.config, row))
        ]

    def published(self, table: str) -> list[Path]:
        """Returns the records that stand in a table of systems: of the run, and of `methods`."""
        tasks = {"table1": ("bfr",), "table2": self.config.table2}.get(table, ())
        named = [Path(each.record) for task in tasks for each in published(self.config, task)]
        # What `methods` names is put into the run by the table's job, and is the same record there.
        mine = {self.run.record(each.task, each.name) for each in self.config.methods}
        added = [path for task in tasks for path in self.run.records(task) if path not in mine]
        return [*named, *added]

    def partial_tables(self, undone: Collection[tuple[str, str]]) -> list[str]:
        """Returns the file names of the tables that a run which broke off can show in part.

        Those with a row in `undone` and a row that has scores, if anything was done for a row of
        their own: the input and the headline stand in all of them.

        Args:
            undone: Task and method of every row that the run was to score and did not.
        """
        partial = []
        for file, table in self.tables().items():
            if table in PANELS:
                continue  # one job scores all of its rows
            wanted = set(self.scored_in(table))
            scored = {row for row in wanted.difference(undone) if self._has_scores(*row)}
            tried = {row for row in wanted.intersection(undone) if self._has_logs(*row)}
            own = [method for _, method in scored | tried if method not in ("input", HEADLINE)]
            if scored and own and wanted.intersection(undone):
                partial.append(file)
        return partial

    def _has_scores(self, task: str, method: str) -> bool:
        return self.run.results(task, method).metrics.is_file()

    def _has_logs(self, task: str, method: str) -> bool:
        run, train = self.run.folder, self.run.train_folder
        shared = job_logs(self.config, HEADLINE, "bfr", run / "logs", train / "logs")
        logs = job_logs(self.config, method, task, run / "logs", train / "logs")
        return any(log.is_file() for log in logs if log not in shared)

    def training_files(self, name: str) -> list[Path]:
        """Returns the files that a training waits for; none for the user's own or no training."""
        if self.run.learns_from_stills(name) and not self.is_released(name):
            return [self.run.stills(people) for people in ("weights", "unseen")]
        folder = self.run.training_clips(name)
        mine = folder.is_relative_to(self.run.train_folder)
        return [folder / "index.parquet"] if mine and not self.is_released(name) else []

    def is_released(self, name: str) -> bool:
        """Whether a network's released weights are taken instead of training it."""
        return bool(network(self.config, name).train.released)

    def shipped(self) -> list[str]:
        """Returns the networks of stage III that learn from stills: what the demo ships.

        A variant that changes nothing is not made twice.

        Raises:
            ConfigError: There is none.
        """
        fused = [name for name in self.trained() if network(self.config, name).stage == "fusion"]
        first = {str(network(self.config, name).decides()): name for name in reversed(fused)}
        chosen = [
            name for name in fused if self.run.learns_from_stills(name) and name in first.values()
        ]
        if not chosen:
            raise ConfigError(
                f"data.images.source: found '{self.config.data.images.source}', expected 'stills' "
                "for weights that ship; add --configfile config/demo_weights.yaml."
            )
        return chosen

    def indexed_sets(self) -> list[str]:
        """Returns the training sets that are data sets on disk, which get an index."""
        sets = {name: getattr(self.config.data, name) for name in ("train", "images")}
        return [name for name, each in sets.items() if each.source == "folder" and each.layout]

    def landmark_shards(self, name: str) -> dict[str, tuple[str, ...]]:
        """Returns id -> clips of the shards whose landmarks are made; none for aligned faces.

        One directory listing. A set that is not there has no shards, so that its run can still be
        planned.
        """
        train = self.config.data.train
        if name != "train" or train.source != "folder" or train.layout in ("", *ALIGNED):
            return {}
        return _shards(train.layout, train.folder, train.shard_size)


@cache
def _shards(layout: str, folder: str, size: int) -> dict[str, tuple[str, ...]]:
    """Every job of a shard asks; the folder is listed once."""
    return shards(read_layout(layout, folder).clips, size)
