"""What the Snakefile needs to know about a run; importable and testable without Snakemake."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import yaml

from dicface import __version__
from dicface.clips import list_clips
from dicface.config import STAGES, Config, ResultsElsewhere, RuleResources, from_mapping, overlay
from dicface.data.layouts import ALIGNED, read_layout
from dicface.data.shards import shards
from dicface.errors import ClipError, ConfigError
from dicface.files import atomic_path, hold_lock
from dicface.networks import (
    METHOD_OF_STAGE,
    network,
    restore_settings,
    sources_of,
    weights_of,
)

#: Methods that run on weights of the run -> the stage that trains them; variants come on top.
TRAINED_METHODS = {method: stage for stage, method in METHOD_OF_STAGE.items()}

#: The run's DicFace, which every ablation is compared with.
HEADLINE = "dicface_trained"

#: Columns of the comparison picture, before the truth: heading -> method.
COMPARISON = {"Input": "input", "CodeFormer": "codeformer_trained", "DicFace": HEADLINE}

#: Figure of qualitative examples -> its task.
TASK_OF_GRID = {"figure3": "bfr", "figure4": "inpainting", "figure5": "colorization"}
FIGURES = (*TASK_OF_GRID, "figure6", "figure7", "figure8a", "figure8b", "training_curves")


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
class Plan:
    """A checked configuration with the folders that its results go to.

    Attributes:
        config: The settings, checked.
        raw: The same as plain values, for files and for Snakemake's change detection.
        run_folder: Results on one test set.
        train_folder: Training clips and networks; shared by all test sets of a scale and seed.
    """

    config: Config
    raw: dict[str, Any]
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

    def network_facts(self, name: str) -> dict[str, Any]:
        """Returns all settings that change what a training makes, for change detection."""
        plan = network(self.config, name)
        inputs = {} if plan.stage == "vqgan" else self.input_facts(plan.task)
        clips = self.raw["data"][self.training_set(name)]
        return {**self.facts(), **plan.facts(), "inputs": inputs, "clips": clips}

    def input_facts(self, task: str) -> dict[str, Any]:
        """Returns all settings that change a task's inputs, for change detection."""
        section = {"bfr": ("degradation",), "inpainting": ("brush",)}.get(task, ())
        return self.facts(*section)

    def method_network(self, method: str) -> str | None:
        """Returns the network whose weights a method needs; None for released systems."""
        return method_network(self.config, method)

    def restore_facts(self, method: str) -> dict[str, Any]:
        """Returns all settings that change what a method restores, for change detection."""
        return {**self.facts("device"), "settings": method_settings(self.config, method)}

    def facts(self, *sections: str) -> dict[str, Any]:
        """Returns sections of the configuration, the seed and the version of the package."""
        chosen = {section: self.raw[section] for section in sections}
        return {"version": __version__, "seed": self.config.seed_name, **chosen}

    @property
    def imports_test_clips(self) -> bool:
        """Whether the test set is a folder of videos rather than rendered."""
        return bool(self.config.test_clips) or self.config.data.test.source == "folder"

    def runnable(self, methods: Iterable[str], task: str = "bfr") -> list[str]:
        """Returns those methods that can run a task on this machine, in their order."""
        from baselines import create

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

    def ablation_facts(self, name: str) -> dict[str, Any]:
        """Returns what an ablation's table says beside the scores, for change detection."""
        labels = {
            row: (self.config.variants[row].label, self.config.variants[row].paper_name)
            for row in self.config.ablations[name].rows
            if row in self.config.variants
        }
        return {**self.facts(), "table": self.raw["ablations"][name], "labels": labels}

    def figure_facts(self, name: str) -> dict[str, Any]:
        """Returns what a figure shows beside scores and clips, for change detection."""
        if name in ("figure8a", "figure8b"):
            return self.ablation_facts("table3")
        if name == "training_curves":
            return self.facts()
        return self.facts("table1", "table2", "methods")

    def partial_tables(self) -> list[str]:
        """Returns the tables for which some rows of their own have scores and others have not."""
        rows = {"table1": {("bfr", method) for method in self.scored("bfr")}}
        rows["table2"] = {(task, m) for task in self.config.table2 for m in self.scored(task)}
        for name, chosen in self.config.ablations.items():
            rows[name] = {("bfr", method) for method in chosen.rows}
        return [name for name, wanted in rows.items() if self._partly_scored(wanted)]

    def _partly_scored(self, rows: set[tuple[str, str]]) -> bool:
        found = {
            (task, method)
            for task, method in rows
            if Path(self.run_folder, task, method, "metrics.parquet").is_file()
        }
        own = {(task, method) for task, method in found if method not in ("input", HEADLINE)}
        return bool(own) and found != rows

    def results_elsewhere(self, name: str, task: str) -> ResultsElsewhere:
        """Returns the entry of `methods` with this name and task."""
        (found,) = (e for e in self.config.methods if (e.name, e.task) == (name, task))
        return found

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

    def test_set_facts(self) -> dict[str, Any]:
        """Returns all settings that change the true clips of the test set."""
        test = self.config.data.test
        facts = self.facts("data", "test_clips")
        if test.source == "render" or not test.layout or self.config.test_clips:
            return facts
        return {**facts, "clips": digest(read_layout(test.layout, test.folder).clips)}

    def training_set(self, name: str) -> str:
        """Returns the set that a network learns from: "train", or "images" for stages I to III."""
        images = self.config.data.images.source == "folder"
        return "images" if images and network(self.config, name).learns_from_images else "train"

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


def digest(names: Iterable[str]) -> str:
    """A short digest of names, whatever their order: params that list them would be long."""
    text = "\n".join(sorted(names))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plan(config: dict[str, Any]) -> Plan:
    """Checks a merged configuration and names its folders.

    Raises:
        ConfigError: A key is unknown, missing or of a wrong type.
    """
    raw = dict(config)
    # `--config test_clips=2024` is a number to Snakemake and a folder to the user.
    raw["test_clips"] = str(raw.get("test_clips", ""))
    checked = from_mapping(Config, raw, "configuration")
    for name in (*STAGES, *checked.variants):
        sources_of(checked, name)
        restore_settings(checked, name)
    _check_rows(checked)
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
        run = f"{train}-{Path(os.path.abspath(checked.test_clips)).name}"
    return Plan(
        config=checked,
        raw=raw,
        run_folder=f"{checked.results}/{run}",
        train_folder=f"{checked.results}/{train}",
    )


def _check_rows(config: Config) -> None:
    """A variant that a table names is there, and is trained for the table's task."""
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


def method_network(config: Config, method: str) -> str | None:
    """Returns the network whose weights a method needs; None for released systems."""
    name = _run_name(config, method)
    return weights_of(config, name) if name else None


def method_class(config: Config, method: str) -> str:
    """Returns the name that `baselines.create` knows: a variant's is that of its stage.

    Raises:
        ConfigError: The variant is of a stage that restores nothing.
    """
    if method not in config.variants:
        return method
    stage = network(config, method).stage
    if stage not in METHOD_OF_STAGE:
        raise ConfigError(
            f"'{method}' is a variant of '{stage}', which restores nothing by itself; "
            f"name a variant of {' or '.join(METHOD_OF_STAGE)}."
        )
    return METHOD_OF_STAGE[stage]


def method_settings(config: Config, method: str) -> dict[str, object]:
    """Returns the settings of a method that the configuration decides, for `baselines.create`."""
    kind = method_class(config, method)
    if kind not in ("dicface", "dicface_trained"):
        return {}
    settings = restore_settings(config, _run_name(config, method) or "dicface")
    return {**asdict(settings), "aggregation": settings.aggregation or None}


def _run_name(config: Config, method: str) -> str | None:
    """The stage or variant that a method stands for; None for a released system."""
    return method if method in config.variants else TRAINED_METHODS.get(method)
