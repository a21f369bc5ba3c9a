"""`pytest -m faults`: every file of every job damaged; a fixed sample of it in the default run.

pytest -m faults tests/faults                    one in DICFACE_FAULTS_SHARE of all trials
DICFACE_FAULTS_SEED=3,4 DICFACE_FAULTS_SHARE=1 … all of them, drawn with two other seeds
DICFACE_FAULTS_PAGE=1 …                          writes the table of docs/reliability.md too
… --log-file=said.txt --log-file-level=INFO       one line for each trial as it ends
"""

import logging
import os
from functools import partial
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.faults.forked import in_copies
from tests.faults.page import COPIES, SEEDS, counted, in_time, show
from tests.faults.tiny_run import key
from tests.faults.trials import BAD, Trial, carry_out, table, trials

logger = logging.getLogger(__name__)

SHARE = int(os.environ.get("DICFACE_FAULTS_SHARE", "10"))
IN_SAMPLE = ("degrade", "table", "restore", "noise_floor")
"""Jobs that take a second at most, for the default run."""


def carried_out(run, tmp_path, chosen):
    """Results of trials; what differs between two undamaged runs of a job counts for none."""
    varying, results = {}, []
    for number, trial in enumerate(in_time(chosen)):
        result, job = carry_out(trial, run, tmp_path / key(trial.job) / str(number)), trial.job
        if result.changed and key(job) not in varying:
            nothing = Trial(job, Path("-"), Path("-"), "", True, 0)
            undamaged = carry_out(nothing, run, tmp_path / key(job) / "undamaged")
            assert undamaged.outcome in ("same result", "silent"), undamaged.said
            varying[key(job)] = undamaged.changed
        results.append(result.besides(varying.get(key(job), ())))
        logger.info("trial: %s", _line(results[-1]))
    return results


def _line(result):
    text = f"{result.outcome}: {result.trial}"
    return text if result.outcome not in BAD else f"{text}\n{result.said[-1500:]}"


def complaints(results):
    return "\n\n".join(_line(each) for each in results if each.outcome in BAD)


def test_every_job_of_the_run_has_trials(made):
    """Files are taken from what jobs declare: none is named here."""
    chosen = trials(made.jobs, 1)
    assert {key(trial.job) for trial in chosen} == {key(job) for job in made.jobs}


def test_a_sample_of_damage_is_said_or_does_nothing(made, tmp_path):
    quick = [trial for trial in trials(made.jobs, 1) if trial.job.name in IN_SAMPLE]
    results = carried_out(made.folder, tmp_path, quick[:16])
    assert not complaints(results), complaints(results)


@pytest.mark.faults
def test_damage_to_every_file_of_every_job(whole, tmp_path, capsys):
    of_seeds = [trials(whole.jobs, seed)[::SHARE] for seed in SEEDS]
    chosen = [trial for together in zip_longest(*of_seeds) for trial in together if trial]
    work = partial(carried_out, whole.folder, tmp_path)
    results = in_copies(work, chosen, lambda trial: key(trial.job), COPIES)
    with capsys.disabled():
        show("damage", f"{counted(len(results), len(chosen))}:\n\n{table(results)}")
    assert not complaints(results), complaints(results)
