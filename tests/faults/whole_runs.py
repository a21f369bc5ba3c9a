"""Whole runs by Snakemake, which are killed while they work, and the same command again.

Their one row is the input itself: what trainings and methods leave is looked at job by job, and no
file of such a run holds seconds, so that all of them have to be the same.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from dicface.config.systems import table1_name
from dicface.runs.folder import Run
from tests.faults.interruptions import Outcome, ended, tree
from tests.faults.tiny_run import ROOT, settings

LIMIT_S = 3600
END_S = 10
"""So long may a job go on whose Snakemake was killed."""


def _all(process: psutil.Process) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def _snakemake(process: psutil.Process) -> None:
    process.kill()


def _one_job(process: psutil.Process) -> None:
    if jobs := process.children():
        jobs[0].kill()


KILLS: dict[str, Callable[[psutil.Process], None]] = {
    "run killed, all processes": _all,
    "run killed, Snakemake alone": _snakemake,
    "run killed, one job's process": _one_job,
}


@dataclass(frozen=True)
class Whole:
    """A run that nothing happened to.

    Attributes:
        clips: What it began with.
        first: Number of its files then.
        after: Digests of its files in the end.
        last: Number of its files in the end, with logs.
        varying: Those that may differ: none.
    """

    clips: Path
    first: int
    after: dict[str, str]
    last: int
    varying: frozenset[str] = frozenset()


class Call:
    """One call of the workflow in a folder.

    Args:
        folder: Where it runs; gets `results`, and what it says.
        clips: A run that has its clips, whose rendering takes long, and nothing else.
    """

    def __init__(self, folder: Path, clips: Path) -> None:
        folder.mkdir(exist_ok=True)
        raw = settings(folder / "results") | {"table1": ["input"]}
        # Laid over the suite's own settings, whose model has smaller features.
        raw["model"]["vqgan"]["patch_size"] = 1
        (folder / "tiny.yaml").write_text(yaml.safe_dump(raw))
        run = Run.of(raw)
        self.run, self.heard = run.folder, folder / "said"
        if not self.run.exists():
            shutil.copytree(clips, self.run)
        table = str(run.tables / f"{table1_name(run.config)}.md")
        words = ["-m", "dicface.cli", "run", table, "--config", "tiny.yaml", "--", "--cores=2"]
        with self.heard.open("wb") as out:
            self.process = psutil.Popen(
                [sys.executable, *words],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> tuple[int | None, str]:
        """Its status, None where it hangs, and what it said."""
        try:
            status = self.process.wait(LIMIT_S)
        except psutil.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            status = None
        return status, self.heard.read_text(errors="replace")

    def at_file(self, number: int) -> bool:
        """Waits until its run has so many files; whether it is still at work then."""
        while self.process.poll() is None:
            if num_files(self.run) >= number:
                return True
            time.sleep(0.02)
        return False

    def left(self) -> list[psutil.Process]:
        """Its processes that are still there."""
        return [
            each
            for each in psutil.process_iter(["status"])
            if _session(each.pid) == self.process.pid
            and each.info["status"] != psutil.STATUS_ZOMBIE
        ]


def num_files(run: Path) -> int:
    """Number of files of a run, which may be at work."""
    return sum(len(files) for _, _, files in os.walk(run))


def undisturbed(folder: Path, clips: Path) -> Whole:
    """Makes a run of clips."""
    call = Call(folder, clips)
    status, said = call.wait()
    assert status == 0, said
    return Whole(clips, num_files(clips), tree(call.run), num_files(call.run))


def killed(whole: Whole, how: str, seed: int, folder: Path) -> Outcome:
    """Kills a run when it has a number of files, and makes it again at once."""
    rng = random.Random(seed)
    number = rng.randrange(whole.first + 1, whole.last)
    first = Call(folder, whole.clips)
    if came := first.at_file(number):
        KILLS[how](first.process)
    wrong, why = "", ""
    if how == "run killed, one job's process":
        status, why = first.wait()
        if status is None:
            wrong = "hang"
        elif status and "its process ended without saying why" not in why:
            wrong = "no sentence"
    end = time.monotonic() + END_S
    again = Call(folder, whole.clips)
    outcome, said = ended(whole, again.run, *again.wait())
    while (left := first.left()) and time.monotonic() < end:
        time.sleep(0.1)
    if left:
        wrong, why = "hang", f"{left} outlive Snakemake"
    if wrong:
        outcome, said = wrong, why
    shutil.rmtree(folder)
    where = f"at file {number} of {whole.last} (seed {seed})"
    return Outcome(how, where, came, outcome, said, whole.varying)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1
