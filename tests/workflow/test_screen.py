"""What a run shows: its jobs, why one failed, and what it ends with."""

import io
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_dicface as screen


@pytest.fixture
def shown(monkeypatch):
    """A screen that is no terminal, and what it shows."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(screen, "EXPECTED", {"train vqgan": 60.0, "score bfr input": 20.0})
    settings = SimpleNamespace(
        stdout=False, nocolor=True, dryrun=False, verbose=False, printshellcmds=False
    )
    settings.debug_dag = False
    handler = screen.LogHandler(settings, None)
    handler.setFormatter(logging.Formatter("%(message)s"))
    yield handler, stream
    handler.close()


def tell(handler, event, level=logging.INFO, msg="", **facts) -> None:
    record = {"event": event, "levelno": level, "msg": msg, **facts}
    handler.emit(logging.makeLogRecord(record))


def start(handler, number: int, rule: str, log: Path, **wildcards: str) -> None:
    facts = {"rule_name": rule, "wildcards": wildcards, "log": [str(log)], "shellcmd": "run"}
    tell(handler, LogEvent.JOB_INFO, jobid=number, **facts)


def test_start_and_end_of_a_job_are_lines(shown, tmp_path) -> None:
    handler, stream = shown
    start(handler, 3, "train", tmp_path / "a.log", network="vqgan")
    tell(handler, LogEvent.JOB_FINISHED, job_id=3)
    assert stream.getvalue() == "[0/2] train vqgan …\n[1/2] train vqgan: 0:00\n"


def test_rules_that_gather_and_snakemakes_chatter_are_not_told(shown) -> None:
    handler, stream = shown
    facts = {"rule_name": "table1", "wildcards": {}, "log": [], "shellcmd": None}
    tell(handler, LogEvent.JOB_INFO, jobid=1, **facts)
    tell(handler, LogEvent.JOB_FINISHED, job_id=1)
    tell(handler, None, msg="Select jobs to execute...")
    assert stream.getvalue() == ""
    tell(handler, None, msg="Nothing to be done (all requested files are present).")
    tell(handler, LogEvent.ERROR, level=logging.ERROR, msg="no such rule")
    assert stream.getvalue().splitlines()[1:] == ["no such rule"]


def test_a_long_job_is_told_in_tenths(shown, tmp_path, monkeypatch) -> None:
    handler, stream = shown
    log = tmp_path / "train.log"
    start(handler, 3, "train", log, network="vqgan")
    job = handler.running[3]
    log.write_text("train vqgan:  41%|####      | 41/100 [00:30<00:43,  1.3step/s]\rtrain")
    assert job.progress() == (0.41, "00:43")
    handler._tell(job, *job.progress())  # it has not run for a minute
    monkeypatch.setattr(screen, "LONG_S", 0.0)
    for _ in range(2):
        handler._tell(job, *job.progress())
    assert stream.getvalue().splitlines()[1:] == ["        train vqgan: 40 %, 00:43 left"]


def test_a_failed_job_says_why_and_where_the_rest_is(shown, tmp_path) -> None:
    handler, stream = shown
    log = tmp_path / "train.log"
    log.write_text("bar\rbar\ndicface job train: LPIPS needs its file. Fetch it.\n")
    start(handler, 3, "train", log, network="vqgan")
    tell(handler, LogEvent.JOB_ERROR, level=logging.ERROR, jobid=3)
    said = stream.getvalue()
    assert "train vqgan failed after 0:00: dicface job train: LPIPS needs its file." in said
    assert f"log: {log}" in said


def test_a_job_that_was_killed_says_nothing_itself(shown, tmp_path) -> None:
    handler, stream = shown
    log = tmp_path / "score.log"
    log.write_text("score: 10%|#         | 1/10")
    start(handler, 3, "score", log, task="bfr", method="input")
    tell(handler, LogEvent.JOB_ERROR, level=logging.ERROR, jobid=3)
    assert "score bfr input failed after 0:00: its process ended without" in stream.getvalue()


def test_time_left_follows_the_pace_of_what_is_done(shown, tmp_path) -> None:
    handler, _ = shown
    start(handler, 3, "train", tmp_path / "a.log", network="vqgan")
    assert handler._left() == 80
    handler.running[3].started -= 120  # twice as long as expected
    tell(handler, LogEvent.JOB_FINISHED, job_id=3)
    assert handler._left() == pytest.approx(40, rel=0.01)


def test_a_run_ends_with_its_summary_and_where_its_time_went(shown, tmp_path) -> None:
    handler, stream = shown
    start(handler, 3, "train", tmp_path / "a.log", network="vqgan")
    handler.running[3].started -= 3
    tell(handler, LogEvent.JOB_FINISHED, job_id=3)
    tell(handler, screen.SUMMARY, msg="Table 1")
    *_, said, took = stream.getvalue().splitlines()
    assert said == "Table 1"
    assert took.endswith("of the seconds of all jobs: train 100 %")
    assert handler.stopped.is_set()


def test_a_run_without_a_job_ends_with_its_summary_alone(shown) -> None:
    handler, stream = shown
    tell(handler, screen.SUMMARY, msg="Table 1")
    assert stream.getvalue() == "Table 1\n"
    assert handler.stopped.is_set()
