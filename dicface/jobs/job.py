"""What a job is: one class for each rule of the workflow, each in a file of its own.

A job declares once what it waits for, what it writes and what its result depends on. Snakemake's
rule, the command `dicface job NAME`, the record of what is kept and the manifest are all made from
that declaration (`workflow/rules/jobs.smk`, `dicface/cli/job.py`).
"""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import yaml

from dicface.jobs.files import found
from dicface.provenance.manifest import Artefact
from dicface.runs.folder import Run
from dicface.workflow.plan import Plan

ANY = "[a-z0-9_-]+"
"""Pattern of a name, where a job does not say which there are."""


def wildcard(meaning: str) -> Any:  # noqa: ANN401 - a dataclass field, as `field` returns it
    """A field by which a rule tells one of its jobs from another; an option of its command.

    Args:
        meaning: One line for the command's help.
    """
    return dataclasses.field(metadata={"help": meaning, "wildcard": True})


def option(meaning: str, default: object, **argument: object) -> Any:  # noqa: ANN401
    """A field that decides how a job does its work, not what comes of it.

    Args:
        meaning: One line for the command's help.
        default: What it is if the command does not say.
        **argument: Further arguments of `argparse`, such as `type`.
    """
    return dataclasses.field(default=default, metadata={"help": meaning, "argument": argument})


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """One piece of work of a run.

    Attributes:
        name: Name of the rule, of the command `dicface job NAME`, and of the rule's section in
            `resources` of the configuration.
        kind: What it makes, for readers of its manifest.
        algorithm: Raised when results change without any setting or file having changed: what was
            made with another number is made again. A release of the package does not change it.
        of_training: Whether it belongs to the training clips and networks, which the test sets of a
            scale and seed share, rather than to one test set.
        computes: Whether it computes with torch: threads are set and the device is looked for.
        priority: Of jobs that could start, those with the highest do. What others wait for goes
            before what only the last job reads.
        leaves: Patterns of all files of the result, in the folder of the first that it writes; none
            if these are the files that it writes.
        card: Makes the text of the `README.md` beside the result, from its folder and its manifest.
        run: The run.
        workers: Processes that it may use.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    algorithm: ClassVar[int] = 1
    of_training: ClassVar[bool] = False
    computes: ClassVar[bool] = False
    priority: ClassVar[int] = 0
    leaves: ClassVar[Sequence[str]] = ()
    card: ClassVar[Callable[[Path, Mapping[str, Any]], str] | None] = None

    run: Run
    workers: int = option("processes that it may use", 1)

    # What the workflow asks

    @classmethod
    def wildcards(cls) -> list[str]:
        """Names of the fields that tell one job of the rule from another."""
        return [each.name for each in dataclasses.fields(cls) if "wildcard" in each.metadata]

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Returns wildcard -> the values that it can have in a run; any name by default."""
        del plan
        return {}

    @classmethod
    def require(cls, plan: Plan) -> None:
        """Looks, before a run's first job starts, at what jobs of this kind will read from outside.

        Raises:
            DicfaceError: It is not there or does not fit; the run does not start.
        """
        del plan

    @property
    def processes(self) -> int:
        """Processes that each run the job's command: more than one in a training on many GPUs."""
        return 1

    @property
    def plan(self) -> Plan:
        """What can run here, and what resources jobs have."""
        return Plan(run=self.run)

    def waits_for(self) -> list[Path]:
        """Files of other jobs or of the user that must be there before it starts."""
        return []

    @abstractmethod
    def writes(self) -> list[Path]:
        """The files that say that all of it is there; the manifest stands beside the first."""

    @abstractmethod
    def depends_on(self) -> dict[str, Any]:
        """All settings that decide the result, and no others, as values of JSON."""

    def made_from(self) -> dict[str, Any]:
        """What the result depends on beside files: made again where this has changed."""
        return {"algorithm": self.algorithm, **self.depends_on()}

    # What the command does

    @abstractmethod
    def work(self) -> None:
        """Does it.

        Raises:
            DicfaceError: Input, setting or machine does not allow it; the message says what to do.
        """

    def describe(self) -> str:
        """Says what it would do, for `--dry-run`."""
        declared = {
            "waits for": list(map(str, self.waits_for())),
            "writes": list(map(str, self.writes())),
            "made from": self.made_from(),
        }
        return yaml.safe_dump(json.loads(json.dumps(declared)), sort_keys=False, allow_unicode=True)

    # What the manifest says

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Role -> files and folders of frames that the result is made from.

        What is not there is left out: the work itself says what it misses.
        """
        return {}

    def seeds(self) -> Sequence[str]:
        """Names that seed what is drawn, joined by "|", with <placeholders>."""
        return ()

    def artefact(self) -> Artefact:
        """What the manifest records."""
        first = self.writes()[0]
        return Artefact(
            path=first,
            kind=self.kind,
            inputs=self.reads(),
            outputs=lambda: found(first.parent, *self.leaves) if self.leaves else self.writes(),
            settings=self.made_from(),
            seeds=self.seeds(),
            run=self.run.folder,
            card=partial(self.card, first.parent) if self.card else None,
            device=self.run.config.device if self.computes else "",
        )
