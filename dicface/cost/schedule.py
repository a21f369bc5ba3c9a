"""About how long jobs take together on some cores and GPUs."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from dicface.cost.jobs import Job


def wall_seconds(
    jobs: Sequence[Job], seconds: Mapping[int, float], *, cores: int, gpus: int
) -> float:
    """Returns the seconds from the first job's start to the last one's end.

    Greedy, as Snakemake is: whenever something ends, jobs that can start do, those with the longest
    chain of successors first. A job that asks for more than there is takes what there is.

    Args:
        jobs: All jobs of the graph.
        seconds: Of those that count, by their index in `jobs`.
        cores: That jobs share, at least 1.
        gpus: That jobs share.
    """
    waits = {n: {need for need in jobs[n].needs if need in seconds} for n in seconds}
    followers: dict[int, list[int]] = {n: [] for n in seconds}
    for number, needs in waits.items():
        for need in needs:
            followers[need].append(number)
    chain = _chains(followers, seconds)
    asked = {n: (max(1, min(jobs[n].threads, cores)), min(jobs[n].gpus, gpus)) for n in seconds}
    ready = sorted((n for n in seconds if not waits[n]), key=lambda n: -chain[n])
    running: list[tuple[float, int]] = []
    now, free_cores, free_gpus = 0.0, cores, gpus
    while ready or running:
        for number in list(ready):
            need_cores, need_gpus = asked[number]
            if need_cores <= free_cores and need_gpus <= free_gpus:
                ready.remove(number)
                free_cores, free_gpus = free_cores - need_cores, free_gpus - need_gpus
                heapq.heappush(running, (now + seconds[number], number))
        now, ended = heapq.heappop(running)
        free_cores, free_gpus = free_cores + asked[ended][0], free_gpus + asked[ended][1]
        for follower in followers[ended]:
            waits[follower].discard(ended)
            if not waits[follower]:
                ready.append(follower)
        ready.sort(key=lambda n: -chain[n])
    return now


def _chains(followers: Mapping[int, list[int]], seconds: Mapping[int, float]) -> dict[int, float]:
    """Seconds of the longest chain that starts at each job."""
    chain: dict[int, float] = {}
    waiting = list(seconds)
    while waiting:
        number = waiting[-1]
        open_ones = [each for each in followers[number] if each not in chain]
        if open_ones:
            waiting += open_ones
            continue
        waiting.pop()
        after = max((chain[each] for each in followers[number]), default=0.0)
        chain[number] = seconds[number] + after
    return chain
