"""What the Snakefile needs to know about a run; importable and testable without Snakemake."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import yaml

from dicface.base.errors import ClipError, ConfigError
from dicface.base.files import atomic_path, hold_lock
from dicface.config.networks import network, restore_settings, sources_of, weights_of
from dicface.config.settings import STAGES, Config, RuleResources, from_mapping, overlay
from dicface.config.systems import COMPARISON, HEADLINE, TRAINED_METHODS, job_logs, method_network
from dicface.data.datasets.layouts import ALIGNED, read_layout
from dicface.data.datasets.shards import shards
from dicface.video.clips import list_clips
from dicface.workflow.triggers import Facts

#: A folder of results stands bare in shell commands and in Snakemake's patterns.
_SAFE_PATH = re.compile(r"(?!-)[\w./+,:@=-]+")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")

#: With these, no folder of a run can be that of another budget, seed or set of clips.
_BUDGET = re.compile(r"(?!seed|clips)[a-z0-9_]+")


def with_budget(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Returns the configuration overlaid by `<folder>/<budget>.yaml`; "full" changes nothing.

    Raises:
        ConfigError: There is no such budget.
    """
    budget = config.get("budget", "full")
    if budget == "full":
        return config
    path = folder / f"{budget}.yaml"
    if not path.is_file():
        known = ["full", *sorted(p.stem for p in folder.glob("*.yaml"))]
        raise ConfigError(f"budget: found '{budget}', expected one of {', '.join(known)}.")
    return overlay(config, yaml.safe_load(path.read_text()))


@dataclass(frozen=True, kw_only=True)
class Plan(Facts):
    """A checked configuration with the folders that its results go to.

    Attributes:
        run_folder: Results on one test set.
        train_folder: Training clips and networks; shared by all test sets of a scale and seed.
    """

    run_folder: str
    train_folder: str

    @property
    def run_config(self) -> str:
        """The merged configuration, which the commands on the test set read."""
        return f"{self.run_folder}/run_config.yaml"

    @property
    def train_config(self) -> str:
        """The same without the user's test clips, so that these never train anything anew."""
        return f"{self.train_folder}/run_config.yaml"

    def start(self) -> list[IO[str]]:
        """Locks the run's folders for this process and writes the configuration into them."""
        folders = {self.train_config: self.raw | {"test_clips": ""}, self.run_config: self.raw}
        locks = []
        for path, raw in folders.items():
            locks.append(hold_lock(Path(path).parent / ".lock"))
            text = yaml.safe_dump(raw, sort_keys=False)
            if not Path(path).is_file() or Path(path).read_text() != text:
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

    @property
    def imports_test_clips(self) -> bool:
        """Whether the test set is a folder of videos rather than rendered."""
        return bool(self.config.test_clips) or self.config.data.test.source == "folder"

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

    def compared(self) -> list[str]:
        """Returns the methods of the comparison picture: those of its columns that Table 1 has."""
        return [method for method in COMPARISON.values() if method in self.config.table1]

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
        return Path(self.run_folder, task, method, "metrics.parquet").is_file()

    def _logs(self, task: str, method: str) -> bool:
        run, train = Path(self.run_folder), Path(self.train_folder)
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
        if not self.imports_test_clips or planned:
            return []
        return [str(path) for path in list_clips(folder).values()]

    def training_clips(self, name: str) -> str:
        """Returns the folder of a network's training clips: in the run, or the user's own."""
        chosen = self.training_set(name)
        settings = getattr(self.config.data, chosen)
        own = settings.source == "folder" and not settings.layout
        return settings.folder if own else f"{self.train_folder}/clips/{chosen}"

    def training_index(self, name: str) -> list[str]:
        """Returns the file that a training waits for; none for the user's own or no training."""
        folder = self.training_clips(name)
        mine = folder.startswith(f"{self.train_folder}/")
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


def plan(config: dict[str, Any]) -> Plan:
    """Checks a merged configuration and names its folders.

    Raises:
        ConfigError: A key is unknown, missing or of a wrong type.
    """
    # Snakemake reads files into mappings of other types, which YAML would not write.
    raw = json.loads(json.dumps(config, default=str))
    # `--config test_clips=2024` is a number to Snakemake and a folder to the user.
    raw["test_clips"] = str(raw.get("test_clips", ""))
    checked = from_mapping(Config, raw, "configuration")
    for name in (*STAGES, *checked.variants):
        sources_of(checked, name)
        restore_settings(checked, name)
    _check_rows(checked)
    if not _SAFE_PATH.fullmatch(checked.results):
        raise ConfigError(
            f"results: found '{checked.results}', expected a path of letters, digits and "
            "_ - . / + , : @ = that does not begin with -; name another folder, or link one here."
        )
    if not _BUDGET.fullmatch(checked.budget):
        raise ConfigError(
            f"budget: found '{checked.budget}', expected lower-case letters, digits and _, and "
            "neither seed… nor clips…, which other runs are called; rename its file."
        )
    test = checked.data.test
    if test.test_set == "released" and (test.source, test.layout) != ("folder", "released_test"):
        raise ConfigError(
            f"data.test: test_set is released and the source '{test.source}', layout "
            f"'{test.layout}'; expected source: folder, layout: released_test."
        )
    base = checked.scale if checked.budget == "full" else f"{checked.scale}-{checked.budget}"
    train = base if checked.seed == 0 else f"{base}-seed{checked.seed}"
    run = train
    if checked.test_clips:
        name = Path(os.path.abspath(checked.test_clips)).name
        run = f"{train}-clips-{_UNSAFE.sub('-', name)}"
    return Plan(
        config=checked,
        raw=raw,
        run_folder=f"{checked.results}/{run}",
        train_folder=f"{checked.results}/{train}",
    )


def _check_rows(config: Config) -> None:
    """A variant that a table names is there and of its task; no two rows have one name."""
    rows = {"table1": ("bfr", config.table1)}
    rows |= {f"table2.{task}": (task, methods) for task, methods in config.table2.items()}
    rows |= {f"ablations.{name}": ("bfr", each.rows) for name, each in config.ablations.items()}
    for table, (task, methods) in rows.items():
        for method in methods:
            if method in config.variants:
                found = network(config, method).task
                if found != task:
                    raise ConfigError(
                        f"{table}: the variant '{method}' is trained for {found}, expected {task}."
                    )
            elif table.startswith("ablations") and method not in TRAINED_METHODS:
                known = ", ".join((*TRAINED_METHODS, *config.variants))
                raise ConfigError(f"{table}: found '{method}', expected one of {known}.")
    taken = {"input", *TRAINED_METHODS, *config.variants}
    taken |= {method for _, methods in rows.values() for method in methods}
    made = [(each.name, each.task) for each in config.methods]
    for name, task in made:
        if name in taken or made.count((name, task)) > 1:
            raise ConfigError(
                f"methods: found the name '{name}', which another row has; expected a name of its "
                "own, such as 'my_gpen'. Tables print its label."
            )
