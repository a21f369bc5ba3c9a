"""What a run shows while it works: the whole, and one line for each job (`logger: dicface`).

On a terminal lines are drawn over; elsewhere a job is told at its start and its end, and in tenths
where it takes longer than a minute. All that jobs say goes to `logs/` of the run. Snakemake finds a
logger by the name of its package, which must stand at the top.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

EXPECTED: dict[str, float] = {}
"""Job -> seconds that it will take, as the workflow estimates before its first job."""

SUMMARY = "summary"
"""Event of a record with which a run ends."""

LONG_S = 60.0
"""Where nothing is drawn over, jobs are told in tenths after so many seconds."""
TICK_S = 1.0
TAIL_BYTES = 4096
NUM_LAST_LINES = 15
NUM_SHARES = 4
"""So many rules are named at a run's end, with what they took of it."""
SHOWN = ("Nothing to be done", "Shutting down", "Removing", "Terminating")
"""Beginnings of what Snakemake says without a warning that a user must know."""

KILLED = (
    "its process ended without saying why; most often it was killed because memory ran out. Give "
    "it more, or fewer workers, then run the same command again."
)
"""What is said of a job that could not say it itself."""

_PERCENT = re.compile(r"(\d+)%\|.*?\| *(\d+)/(\d+) \[([\d:]+)<([\d:?]+)")


def job_name(rule: str, wildcards: Mapping[str, str]) -> str:
    """What a job is called on the screen, for example "train vqgan"."""
    return " ".join((rule.replace("_", " "), *map(str, wildcards.values())))


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours, minutes and seconds.

    >>> clock(61), clock(3661)
    ('1:01', '1:01:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def shares(spent: Counter[str]) -> str:
    """What the jobs of each rule took of the seconds of all; the smaller ones are one.

    >>> shares(Counter(train=60, score=20, render_clips=10, inspect=6, table=3, figure=1))
    'train 60 %, score 20 %, render clips 10 %, inspect 6 %, others 4 %'
    """
    largest = dict(spent.most_common(NUM_SHARES))
    others = sum(spent.values()) - sum(largest.values())
    parts = largest | ({"others": others} if others else {})
    whole = max(sum(spent.values()), 1e-9)
    return ", ".join(
        f"{rule.replace('_', ' ')} {100 * seconds / whole:.0f} %" for rule, seconds in parts.items()
    )


@dataclass
class RunningJob:
    """A job that was started.

    Attributes:
        rule: Whose job it is.
        name: For people.
        log: Where it writes what it says.
        started: Seconds of the clock.
        tenths: How many were told.
        task: Its line on a terminal.
    """

    rule: str
    name: str
    log: Path | None
    started: float = field(default_factory=time.monotonic)
    tenths: int = 0
    task: TaskID | None = None

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self.started

    def progress(self) -> tuple[float, str]:
        """How much is done, from 0 to 1, and the time that the job itself says is left."""
        found = _PERCENT.findall(self.tail().replace("\r", "\n"))
        if not found:
            return 0.0, ""
        _, done, total, _, left = found[-1]
        return int(done) / max(1, int(total)), "" if "?" in left else left

    def tail(self) -> str:
        """The end of its log."""
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
                return file.read().decode(errors="replace")
        except (OSError, TypeError):
            return ""

    def said(self) -> str:
        """Why it failed: its last message, or the last lines of its log."""
        lines = self.tail().replace("\r", "\n").splitlines()
        messages = [line for line in lines if line.startswith("dicface ")]
        last = "\n".join(lines[-NUM_LAST_LINES:])
        if not messages and "Traceback" not in last:
            return f"{KILLED} {last}".strip()
        return messages[-1] if messages else last


class LogHandler(LogHandlerBase):
    """Shows a run; a dry run, and one that is asked to say more, as Snakemake shows it."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Opens the screen."""
        s = self.common_settings
        self.console = Console(
            file=sys.stdout if s.stdout else sys.stderr,
            no_color=s.nocolor,
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        self.verbatim = s.dryrun or s.verbose or s.printshellcmds or s.debug_dag
        self.done = 0
        self.started = time.monotonic()
        self.running: dict[int, RunningJob] = {}
        self.finished: dict[str, float] = {}
        self.spent: Counter[str] = Counter()
        self.lines: Progress | None = None
        self.lock = threading.RLock()
        self.stopped = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record, or what follows from it."""
        try:
            with self.lock:
                self._emit(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Leaves the screen as it is."""
        with self.lock:
            self._end_of_lines()
        super().close()

    def _end_of_lines(self) -> None:
        self.stopped.set()
        if self.lines is not None:
            self.lines.stop()
            self.lines = None

    def _emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if self.verbatim:
            self._say(self.format(record))
        elif event == LogEvent.RUN_INFO:
            self._begin()
        elif event == LogEvent.JOB_INFO:
            self._start(record)
        elif event == LogEvent.JOB_FINISHED:
            self._end(record.job_id)
        elif event == SUMMARY:
            self._end_of_lines()
            self._say(record.msg)
            if self.spent:
                took = clock(time.monotonic() - self.started)
                self._say(f"  {took}; of the seconds of all jobs: {shares(self.spent)}")
        elif event == LogEvent.JOB_ERROR:
            self._fail(record)
        elif record.levelno >= logging.WARNING or str(record.msg).startswith(SHOWN):
            self._say(self.format(record))

    def _say(self, text: str) -> None:
        (self.lines.console if self.lines else self.console).print(text)

    def _begin(self) -> None:
        if self.console.is_terminal:
            self.lines = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[note]}", markup=False),
                console=self.console,
                transient=True,
            )
            self.whole = self.lines.add_task("all jobs", total=1.0, note="")
            self.lines.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def _start(self, record: logging.LogRecord) -> None:
        if not record.shellcmd:
            return  # it only gathers what others made
        log = Path(record.log[0]) if record.log else None
        rule = record.rule_name
        job = RunningJob(rule, job_name(rule, record.wildcards), log)
        self.running[record.jobid] = job
        if self.lines:
            job.task = self.lines.add_task(f"  {job.name}", total=1.0, note="")
        else:
            self._say(f"{self._count()} {job.name} …")

    def _end(self, number: int) -> None:
        job = self.running.pop(number, None)
        if job is None:
            return
        self.done += 1
        self.finished[job.name] = job.seconds
        self.spent[job.rule] += job.seconds
        if self.lines:
            self.lines.remove_task(job.task)
        else:
            self._say(f"{self._count()} {job.name}: {clock(job.seconds)}")

    def _fail(self, record: logging.LogRecord) -> None:
        job = self.running.pop(record.jobid, None)
        if job is None:
            self._say(self.format(record))
            return
        if self.lines:
            self.lines.remove_task(job.task)
        self._say(f"{job.name} failed after {clock(job.seconds)}: {job.said()}\n  log: {job.log}")

    def _watch(self) -> None:
        """Looks at the logs of running jobs until the run ends."""
        while not self.stopped.wait(TICK_S):
            with self.lock:
                for job in self.running.values():
                    self._tell(job, *job.progress())
                if self.lines:
                    left = self._left()
                    note = f"{self._count()} {clock(time.monotonic() - self.started)}"
                    note += f", about {clock(left)} left" if left else ""
                    share = self.done / max(1, len(EXPECTED))
                    self.lines.update(self.whole, completed=share, note=note)

    def _tell(self, job: RunningJob, share: float, left: str) -> None:
        if self.lines:
            note = f"{share:4.0%} {left} left" if left else clock(job.seconds)
            self.lines.update(job.task, completed=share, note=note)
        elif job.seconds > LONG_S and int(10 * share) > job.tenths and share < 1:
            job.tenths = int(10 * share)
            self._say(f"        {job.name}: {10 * job.tenths} %, {left} left")

    def _count(self) -> str:
        return f"[{self.done}/{len(EXPECTED) or '?'}]"

    def _left(self) -> float:
        """Seconds until the end, by what jobs were expected to take and have taken; 0: unknown."""
        done = {name: s for name, s in self.finished.items() if name in EXPECTED}
        partly = [(job.progress()[0], job) for job in self.running.values()]
        earned = sum(EXPECTED[name] for name in done)
        earned += sum(share * EXPECTED.get(job.name, 0.0) for share, job in partly)
        spent = sum(done.values()) + sum(job.seconds for share, job in partly if share)
        whole = sum(EXPECTED.values())
        pace = spent / earned if earned > whole / 20 else 1.0
        return (whole - earned) * pace / max(1, len(self.running))
