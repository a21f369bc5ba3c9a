"""What targets cost: jobs of one graph, summed for each target and for all together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dicface.cost.downloads import Download, downloads
from dicface.cost.jobs import Graph, Job
from dicface.cost.measured import benchmark_of
from dicface.cost.model import Cost, Model
from dicface.cost.schedule import wall_seconds
from dicface.cost.sizes import Sizes
from dicface.jobs import JOBS

#: What to say of a device that is none of the table's GPUs.
_RATED = {"cpu": "", "mps": " (at the rates of a CPU)"}
TARGETS = (
    *("table1", "over_time", "table2", "table3", "table4", "ablations", "figures", "report"),
    "all",
)


@dataclass(frozen=True, kw_only=True)
class Sum:
    """What some jobs cost together.

    Attributes:
        name: A target, a rule, or a network.
        jobs: How many run.
        gpu_seconds: That GPUs are held.
        core_seconds: Of jobs that hold none.
        wall_seconds: On the given cores and GPUs.
        disk: Bytes that stay.
        download: Bytes to get, at least.
        downloads: Files and sets to get.
        unpublished: Of these, those whose size nobody publishes.
        estimate: Whether an estimate is among the rates.
        waiting: Of the jobs, those that wait for released weights.
        unknown: Jobs without a rate, which count nothing.
    """

    name: str
    jobs: int
    gpu_seconds: float
    core_seconds: float
    disk: float
    estimate: bool
    waiting: int
    unknown: int
    wall_seconds: float = 0.0
    download: int = 0
    downloads: int = 0
    unpublished: int = 0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Everything that `dicface plan` says.

    Attributes:
        targets: One sum a target, with all that it needs.
        total: All targets together, shared jobs once.
        rules: The total by rule.
        networks: The total's trainings, one by one.
        downloads: Of the total.
        scratch: Bytes of the largest checkpoint.
        unknown: Rules without a rate, with their number of jobs.
        assumed: What was assumed of sets that are not here.
        device: Of the run.
        cores: For the wall time.
        gpus: For the wall time; 0 on a CPU.
        other_gpus: GPU -> GPU-seconds of the total there.
    """

    targets: tuple[Sum, ...]
    total: Sum
    rules: tuple[Sum, ...]
    networks: tuple[Sum, ...]
    downloads: tuple[Download, ...]
    scratch: float
    unknown: dict[str, int]
    assumed: tuple[str, ...]
    device: str
    cores: int
    gpus: int
    other_gpus: dict[str, float]


def with_missing_shards(graph: Graph, model: Model) -> Graph:
    """Adds the jobs of a training set that is not here, which Snakemake cannot list."""
    jobs = list(graph.jobs)
    index = [
        n
        for n, job in enumerate(jobs)
        if job.rule == "training_index" and job.wildcards["split"] == "train"
    ]
    shards = model.sizes.missing_shards if index else {}
    asked = model.plan.resources("training_landmarks")
    first = len(jobs)
    jobs += [
        Job(
            rule="training_landmarks",
            wildcards={"split": "train", "shard": shard},
            threads=asked.threads,
            gpus=asked.gpu,
        )
        for shard in shards
    ]
    new = tuple(range(first, len(jobs)))
    for n in index:
        jobs[n] = dataclasses.replace(jobs[n], needs=jobs[n].needs + new)
    return Graph(tuple(jobs), graph.config)


def cost_of_targets(
    graph: Graph,
    model: Model,
    targets: Sequence[str],
    *,
    gpus: int,
    corrections: dict[str, float] | None = None,
) -> Answer:
    """Sums the jobs of a graph.

    Args:
        graph: As `jobs.ask_snakemake` gives it for all targets together.
        model: For the same configuration.
        targets: Those asked for.
        gpus: For the wall time.
        corrections: As `measured.corrections_from` gives them.
    """
    graph = with_missing_shards(graph, model)
    costs = _corrected(graph, [model.cost(job) for job in graph.jobs], corrections or {})
    plan = model.plan

    def sum_of(name: str, numbers: Iterable[int], *, whole: bool) -> Sum:
        numbers = sorted(n for n in numbers if graph.jobs[n].runs)
        summed = _sum(name, graph, costs, numbers)
        if not whole:
            return summed
        found = downloads(plan, [graph.jobs[n] for n in numbers], model.rates)
        needed = [each for each in found if not each.optional]
        return dataclasses.replace(
            summed,
            wall_seconds=wall_seconds(
                graph.jobs, {n: costs[n].seconds for n in numbers}, cores=model.cores, gpus=gpus
            ),
            download=sum(each.bytes or 0 for each in needed),
            downloads=len(needed),
            unpublished=sum(each.bytes is None or not each.exact for each in needed),
        )

    of_target = {target: graph.of_target(target) for target in targets}
    everything = sorted(set().union(*of_target.values()))
    by_rule: dict[str, list[int]] = {}
    for n in everything:
        if graph.jobs[n].runs:
            by_rule.setdefault(graph.jobs[n].rule, []).append(n)
    trainings = {n: graph.jobs[n].wildcards["network"] for n in by_rule.get("train", [])}
    trainings = {n: name for n, name in trainings.items() if not plan.is_released(name)}
    unknown = {
        rule: count
        for rule, numbers in by_rule.items()
        if (count := sum(not costs[n].known for n in numbers))
    }
    return Answer(
        targets=tuple(sum_of(name, numbers, whole=True) for name, numbers in of_target.items()),
        total=sum_of("together", everything, whole=True),
        rules=tuple(sum_of(rule, numbers, whole=False) for rule, numbers in by_rule.items()),
        networks=tuple(
            sorted(
                (sum_of(name, [n], whole=False) for n, name in trainings.items()),
                key=lambda each: (-each.gpu_seconds - each.core_seconds, each.name),
            )
        ),
        downloads=tuple(downloads(plan, [graph.jobs[n] for n in everything], model.rates)),
        scratch=max((costs[n].scratch for n in everything), default=0.0),
        unknown=unknown,
        assumed=_assumed(model.sizes, by_rule),
        device=plan.config.device + _RATED.get(plan.config.device, f" ({model.gpu})"),
        cores=model.cores,
        gpus=gpus if model.on_gpu else 0,
        other_gpus=_on_other_gpus(model, [graph.jobs[n] for n in everything]),
    )


def _corrected(graph: Graph, costs: list[Cost], corrections: dict[str, float]) -> list[Cost]:
    if not corrections:
        return costs
    changed = []
    for job, cost in zip(graph.jobs, costs, strict=True):
        factor = corrections.get(benchmark_of(job), corrections.get(job.rule))
        if factor is not None:
            cost = dataclasses.replace(
                cost,
                seconds=cost.seconds * factor,
                core_seconds=cost.core_seconds * factor,
                gpu_seconds=cost.gpu_seconds * factor,
            )
        changed.append(cost)
    return changed


def _sum(name: str, graph: Graph, costs: Sequence[Cost], numbers: Sequence[int]) -> Sum:
    chosen = [costs[n] for n in numbers]
    return Sum(
        name=name,
        jobs=len(numbers),
        gpu_seconds=sum(cost.gpu_seconds for cost in chosen),
        core_seconds=sum(cost.core_seconds for cost in chosen),
        disk=sum(cost.disk for cost in chosen),
        estimate=any(cost.estimate for cost in chosen),
        waiting=sum(bool(graph.jobs[n].waits_for) for n in numbers),
        unknown=sum(not cost.known for cost in chosen),
    )


def _assumed(sizes: Sizes, rules: Iterable[str]) -> tuple[str, ...]:
    """What was assumed, of the sets that the jobs use."""
    rules = set(rules)
    found = []
    if any(not JOBS[rule].of_training for rule in rules.intersection(JOBS)):
        found.append(("Test set", sizes.test))
    if rules & {"training_index", "training_landmarks"}:
        found += [("Training clips", sizes.train), ("Images", sizes.images)]
    return tuple(f"{name}: {count.source}" for name, count in found if count.assumed)


def _on_other_gpus(model: Model, jobs: Sequence[Job]) -> dict[str, float]:
    if not model.on_gpu:
        return {}
    others = {gpu: dataclasses.replace(model, gpu=gpu) for gpu in model.rates.gpus()}
    return {gpu: sum(m.cost(job).gpu_seconds for job in jobs) for gpu, m in others.items()}
