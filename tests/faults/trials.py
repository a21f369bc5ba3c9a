"""Trials: which file of which job is damaged how, and what the job makes of it."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dicface.base.files import sha256_of
from dicface.cli.main import EXIT_USER_ERROR, main
from dicface.jobs import Job
from dicface.provenance.manifest import SUFFIX
from tests.faults.damage import DAMAGES
from tests.faults.forked import forked
from tests.faults.tiny_run import key, words

OUTCOMES = (
    "sentence",
    "same result",
    "said",
    "no record",
    "unclear",
    "silent",
    "traceback",
    "hang",
)
"""Refused in a sentence that names the file; as if nothing had been; another result, which says so;
another result of a file that no manifest speaks of; refused without naming the file; another result
without a word; …"""
BAD = ("unclear", "silent", "traceback", "hang")


@dataclass(frozen=True)
class Trial:
    """A job whose file is damaged.

    Attributes:
        job: The job.
        file: From the run's folder on.
        other: Another file of that kind, for `swap`.
        damage: One of `DAMAGES`; "" for none.
        recorded: Whether the run keeps its manifests; without them only readers stand guard.
        seed: Of the damage.
    """

    job: Job
    file: Path
    other: Path
    damage: str
    recorded: bool
    seed: int

    def __str__(self) -> str:
        how = "" if self.recorded else ", no manifests"
        return f"{key(self.job)}: {self.damage} {self.file} (seed {self.seed}{how})"


@dataclass(frozen=True)
class Result:
    """What came of a trial: exit status, None for a hang, what was said, which outputs changed."""

    trial: Trial
    status: int | None
    said: str
    changed: frozenset[str]

    def besides(self, varying: Collection[str]) -> Result:
        """The same without outputs that differ from one run of the job to the next."""
        return replace(self, changed=self.changed - frozenset(varying))

    @property
    def outcome(self) -> str:
        """One of `OUTCOMES`."""
        if self.status is None:
            return "hang"
        if self.status not in (0, EXIT_USER_ERROR) or "Traceback (most recent call" in self.said:
            return "traceback"
        file = self.trial.file
        if self.status:
            named = any(word in self.said for word in (file.name, file.stem, file.parent.name))
            return "sentence" if named else "unclear"
        if not self.changed:
            return "same result"
        if file.name in self.said:
            return "said"
        known = self.trial.recorded and file.name != "run_config.yaml"
        return "silent" if known else "no record"


def files_of(job: Job) -> list[Path]:
    """Files that a job reads, waits for, or left itself with the records of what it keeps."""
    run, first = job.run.folder, job.writes()[0]
    declared = [path for paths in job.reads().values() for path in paths] + job.waits_for()
    own = [*job.artefact().outputs(), *sorted(first.parent.rglob(".made/*.json"))]
    files = {path for path in [*declared, *own, run / "run_config.yaml"] if path.is_file()}
    return sorted(path.relative_to(run) for path in files if path.is_relative_to(run))


def trials(jobs: Iterable[Job], seed: int) -> list[Trial]:
    """One trial for each job, kind of file, damage, with manifests and without, in random order.

    Kinds of files are told by suffix and folder, so that a new job has its trials at once.
    """
    rng = random.Random(seed)
    found = []
    for job in jobs:
        kinds: dict[str, list[Path]] = {}
        for file in files_of(job):
            numberless = "".join(c for c in file.stem if not c.isdigit())
            kinds.setdefault(f"{numberless}{file.suffix}", []).append(file)
        for files in kinds.values():
            for damage in DAMAGES:
                for recorded in (True, False):
                    file = rng.choice(files)
                    alike = [f for each in kinds.values() for f in each if f.suffix == file.suffix]
                    others = [other for other in alike if other != file]
                    number, other = rng.randrange(10**6), rng.choice(others or [file])
                    if others or damage != "swap":
                        found.append(Trial(job, file, other, damage, recorded, number))
    rng.shuffle(found)
    return found


def carry_out(trial: Trial, made: Path, folder: Path) -> Result:
    """Damages a copy of the run and does the job in it.

    Args:
        trial: What is done.
        made: Folder of the whole run.
        folder: Gets the copy.
    """
    run = folder / made.name
    shutil.copytree(made, run, symlinks=True)
    if not trial.recorded:
        for path in run.rglob(f"*{SUFFIX}"):
            path.unlink()
    before = digests(trial.job, run)
    if trial.damage:
        rng = random.Random(trial.seed)
        DAMAGES[trial.damage](run / trial.file, run / trial.other, rng)
    status, said = forked(lambda: main(words(trial.job, run)), folder / "said.txt")
    after = digests(trial.job, run)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    shutil.rmtree(run)
    return Result(trial, status, said, frozenset(changed))


def digests(job: Job, run: Path) -> dict[str, str]:
    """Digest of each output of a job in a copy of its run."""
    names = [path.relative_to(job.run.folder) for path in job.artefact().outputs()]
    return {str(name): sha256_of(run / name) for name in names if (run / name).is_file()}


def table(results: Iterable[Result]) -> str:
    """What came of trials, by damage, as Markdown."""
    counts = Counter((result.trial.damage, result.outcome) for result in results)
    lines = [f"| damage | {' | '.join(OUTCOMES)} |", "|---|" + "---|" * len(OUTCOMES)]
    for damage in DAMAGES:
        cells = (str(counts[damage, outcome] or "") for outcome in OUTCOMES)
        lines.append(f"| {damage.replace('_', ' ')} | {' | '.join(cells)} |")
    sums = (str(sum(counts[damage, outcome] for damage in DAMAGES)) for outcome in OUTCOMES)
    return "\n".join([*lines, f"| all | {' | '.join(sums)} |", ""])
