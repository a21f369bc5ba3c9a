"""Runs of a few frames, made once for all trials."""

import os
import random
from pathlib import Path

import pytest

from tests.faults.interruptions import undisturbed
from tests.faults.tiny_run import make


class TinyRun:
    """A run and its jobs; what comes of one to which nothing happens is found when asked for."""

    def __init__(self, folder, twice, *, whole):
        self.before, self.twice, self.found = folder / "before", twice, {}
        self.jobs = make(folder / "results", whole=whole, before=self.before)
        self.folder = self.jobs[0].run.folder

    def undisturbed(self, number):
        if number not in self.found:
            (before,) = (self.before / str(number)).iterdir()
            self.found[number] = undisturbed(self.jobs[number], before, self.twice / str(number))
        return self.found[number]

    def drawn(self, seed, count, names=()):
        """Numbers of jobs in random order, each as often as any other, and seeds of trials."""
        rng = random.Random(seed)
        chosen = [n for n, job in enumerate(self.jobs) if not names or job.name in names]
        numbers = [n for _ in range(count) for n in rng.sample(chosen, len(chosen))]
        return [(number, rng.randrange(10**6)) for number in numbers[:count]]


@pytest.fixture(scope="package")
def made(tmp_path_factory):
    """A run up to its first table."""
    folder = tmp_path_factory.mktemp("faults")
    return TinyRun(folder, folder / "twice", whole=False)


@pytest.fixture(scope="package")
def whole(tmp_path_factory):
    """All that a run has; `DICFACE_FAULTS_RUN` names a folder that keeps it for later calls."""
    folder = tmp_path_factory.mktemp("all_faults")
    kept = os.environ.get("DICFACE_FAULTS_RUN", folder)
    return TinyRun(Path(kept), folder / "twice", whole=True)
