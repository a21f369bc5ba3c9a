"""Runs a function over clips, in this process or in several, each with its own networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import torch
from tqdm import tqdm

from dicface.base.errors import MetricError
from dicface.base.processes import each_in_processes
from dicface.metrics.protocol import EvaluationProtocol


class Job(Protocol):
    """Work on one clip; can be sent to another process."""

    clip: str


J = TypeVar("J", bound=Job)

_protocol: EvaluationProtocol | None = None


def map_clips(
    work: Callable[[J, EvaluationProtocol], None],
    jobs: Sequence[J],
    label: str,
    protocol: EvaluationProtocol,
    workers: int,
) -> None:
    """Calls `work(job, protocol)` for every job, with a progress bar.

    The first error stops everything that has not begun; what was finished stays.

    Args:
        work: A function of a module, so that other processes find it.
        jobs: What to do.
        label: Title of the progress bar.
        protocol: How clips are measured; other processes choose the same networks again.
        workers: Processes; never more than jobs.

    Raises:
        MetricError: A process was killed.
    """
    if not jobs:
        return
    workers = min(max(workers, 1), len(jobs))
    with tqdm(total=len(jobs), desc=label, unit="clip") as bar:
        if workers == 1:
            for job in jobs:
                work(job, protocol)
                bar.update()
            return
        done = each_in_processes(
            _call,
            {job.clip: (work, job) for job in jobs},
            workers,
            error=MetricError,
            begin=_start,
            begin_with=(protocol, torch.get_num_threads()),
        )
        for _ in done:
            bar.update()


def _start(protocol: EvaluationProtocol, num_threads: int) -> None:
    global _protocol
    # As in the parent: the order of sums in a convolution depends on the number of threads.
    torch.set_num_threads(num_threads)
    _protocol = protocol


def _call(work: Callable[[J, EvaluationProtocol], None], job: J) -> None:
    assert _protocol is not None
    work(job, _protocol)
