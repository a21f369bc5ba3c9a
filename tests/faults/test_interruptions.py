"""`pytest -m faults`: jobs and runs killed at a random write, and jobs on a disk that gets full.

DICFACE_FAULTS_SEED=3,4 DICFACE_FAULTS_TRIALS=60 DICFACE_FAULTS_RUNS=6 pytest -m faults …
"""

import logging
import os
import random
from functools import partial
from operator import itemgetter

import pytest

from tests.faults import whole_runs
from tests.faults.forked import in_copies
from tests.faults.interruptions import filled, killed, small_disk, table
from tests.faults.page import COPIES, SEEDS, counted, in_time, show

logger = logging.getLogger(__name__)

TRIALS = int(os.environ.get("DICFACE_FAULTS_TRIALS", "20"))
QUICK = ("degrade", "table", "noise_floor")
"""Jobs that take a second at most, for the default run."""
RUNS = int(os.environ.get("DICFACE_FAULTS_RUNS", "3"))


def _line(each):
    text = f"{each.outcome}: {each.how}, {each.where}"
    return text if each.outcome == "same bytes" else f"{text}\n{each.said[-1500:]}"


def logged(outcomes):
    """All outcomes of trials, each in the log as soon as it is there."""
    done = []
    for each in outcomes:
        logger.info("trial: %s", _line(each))
        done.append(each)
    return done


def complaints(outcomes):
    return "\n\n".join(_line(each) for each in outcomes if each.outcome != "same bytes")


def shown(outcomes, drawn):
    varying = {name for each in outcomes for name in each.varying}
    said = f"{counted(len(outcomes), len(drawn))}. "
    if varying:
        said += "Beside logs and dates, these files differ between runs that nothing happens to: "
        said += f"{', '.join(sorted(varying))}."
    return f"{said}\n\n{table(outcomes)}"


def all_killed(run, folder, drawn):
    return logged(
        killed(run.undisturbed(job), seed, folder / str(job) / str(seed))
        for job, seed in in_time(drawn)
    )


def all_filled(run, folder, drawn):
    with small_disk(folder / f"disk{drawn[0][0]}") as disk:
        return logged(filled(run.undisturbed(job), seed, disk) for job, seed in in_time(drawn))


def test_jobs_that_were_killed_end_with_the_same_bytes(made, tmp_path):
    outcomes = all_killed(made, tmp_path, made.drawn(1, 4, QUICK))
    assert not complaints(outcomes), complaints(outcomes)
    assert any(each.came for each in outcomes)


def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_written(made, tmp_path):
    outcomes = all_filled(made, tmp_path, made.drawn(1, 3, QUICK))
    assert not complaints(outcomes), complaints(outcomes)


@pytest.mark.faults
@pytest.mark.parametrize(("name", "work"), [("kills", all_killed), ("full disks", all_filled)])
def test_every_job_interrupted(name, work, whole, tmp_path, capsys):
    of_seeds = [whole.drawn(seed, TRIALS) for seed in SEEDS]
    drawn = [each for together in zip(*of_seeds, strict=True) for each in together]
    outcomes = in_copies(partial(work, whole, tmp_path), drawn, itemgetter(0), COPIES)
    with capsys.disabled():
        show(name, shown(outcomes, drawn))
    assert not complaints(outcomes), complaints(outcomes)


@pytest.mark.faults
def test_whole_runs_killed(whole, tmp_path, capsys):
    degrading = [job.name for job in whole.jobs].index("degrade")
    (clips,) = (whole.before / str(degrading)).iterdir()
    undisturbed = whole_runs.undisturbed(tmp_path / "undisturbed", clips)
    hows = list(whole_runs.KILLS)
    drawn = [
        (hows[n % len(hows)], rng.randrange(10**6))
        for rng in map(random.Random, SEEDS)
        for n in range(RUNS)
    ]
    outcomes = logged(
        whole_runs.killed(undisturbed, how, seed, tmp_path / str(seed))
        for how, seed in in_time(drawn)
    )
    with capsys.disabled():
        show("whole runs", shown(outcomes, drawn))
    assert not complaints(outcomes), complaints(outcomes)
