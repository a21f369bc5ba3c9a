"""How long the jobs of a run will take on this machine's cores, for what a run shows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from dicface.base.errors import DicfaceError
from dicface.cost.jobs import Job
from dicface.cost.model import Model
from dicface.cost.rates import read_rates
from dicface.cost.sizes import Sizes
from dicface.workflow.plan import Plan


def expected_seconds(plan: Plan, jobs: Iterable[tuple[str, Mapping[str, str], int]]) -> list[float]:
    """Returns the seconds of each job; 0 where no rate is known.

    Args:
        plan: The run.
        jobs: Rule, wildcards and threads of each.
    """
    model = Model(plan=plan, sizes=Sizes(plan), rates=read_rates(), cores=os.cpu_count() or 1)

    def seconds(rule: str, wildcards: Mapping[str, str], threads: int) -> float:
        try:
            return model.cost(Job(rule=rule, wildcards=wildcards, threads=threads)).seconds
        except DicfaceError:  # sets that are not here yet; what reads them will say so
            return 0.0

    return [seconds(*job) for job in jobs]
