"""What one job costs: its rule, wildcards and the configuration → seconds and bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dicface.config.networks import network, restore_settings
from dicface.config.systems import method_class, method_network
from dicface.cost import flops
from dicface.cost.jobs import Job
from dicface.cost.rates import Rate, Rates
from dicface.cost.sizes import Sizes
from dicface.jobs.render_stills import NUM_UNSEEN
from dicface.workflow.plan import Plan

#: Where `device` is cuda and nobody names one.
DEFAULT_GPU = "a100"
#: Rules that work in as many processes as they get cores.
_SHARED_OUT = ("render_clips", "render_stills", "analyse_truth", "panel")
_FLOAT32 = 4
_FLOAT16 = 2
#: A checkpoint holds parameters, Adam's two moments and the moving average.
_NUMBERS_OF_A_CHECKPOINT = 4


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a job takes.

    Attributes:
        seconds: From its start to its end, with the cores and GPUs that it asks for.
        core_seconds: On one core, where it holds no GPU.
        gpu_seconds: That it holds GPUs, times their number.
        disk: Bytes that it leaves.
        scratch: Bytes more that it needs while it runs.
        estimate: Whether a rate behind it is an estimate.
        known: False where the table has no rate for the rule; seconds and bytes are then 0.
    """

    seconds: float = 0.0
    core_seconds: float = 0.0
    gpu_seconds: float = 0.0
    disk: float = 0.0
    scratch: float = 0.0
    estimate: bool = False
    known: bool = True


@dataclass
class _Work:
    """Seconds and bytes as they add up."""

    seconds: float = 0.0
    disk: float = 0.0
    scratch: float = 0.0
    used: list[Rate] = field(default_factory=list)


class UnknownRateError(LookupError):
    """The table has no row for a kind of work."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """Turns jobs into costs.

    Attributes:
        plan: The run.
        sizes: Of its sets.
        rates: The table.
        gpu: Name of the GPU in the table, where the run's device is cuda.
        cores: Cores of the machine; a job gets no more than these.
    """

    plan: Plan
    sizes: Sizes
    rates: Rates
    gpu: str = DEFAULT_GPU
    cores: int = 10**6

    @property
    def on_gpu(self) -> bool:
        """Whether networks run on a GPU."""
        return self.plan.config.device.startswith("cuda")

    def cost(self, job: Job) -> Cost:
        """Returns what a job costs.

        A rule that is not known, or a kind of work without a rate, gives `known=False`, never
        silently nothing.
        """
        if not job.runs:
            return Cost()
        rule = _RULES.get(job.rule)
        if rule is None:
            return Cost(known=False)
        work = _Work()
        try:
            self._spend(work, "start", 1)
            rule(self, job, work)
        except UnknownRateError:
            return Cost(known=False)
        threads = max(1, min(job.threads, self.cores))
        seconds = work.seconds / (threads if job.rule in _SHARED_OUT and not job.gpus else 1)
        return Cost(
            seconds=seconds,
            core_seconds=0.0 if job.gpus else work.seconds,
            gpu_seconds=seconds * job.gpus,
            disk=work.disk,
            scratch=work.scratch,
            estimate=any(rate.is_estimate for rate in work.used),
        )

    # Each rule of the workflow, in the order of its files.

    def _render(self, job: Job, work: _Work) -> None:
        count = self.sizes.test if job.wildcards["split"] == "test" else self.sizes.train
        # Processes share the work out; each of them compiles and starts.
        self._spend(work, "render.start", min(job.threads, self.cores))
        self._spend(work, "render", count.frames)
        self._clips(work, count.frames)
        work.disk += count.frames * self._rate(work, "disk.landmarks").value

    def _render_stills(self, job: Job, work: _Work) -> None:
        weights = job.wildcards["people"] == "weights"
        frames = self.plan.config.data.images.num_frames if weights else NUM_UNSEEN
        self._spend(work, "render.start", min(job.threads, self.cores))
        self._spend(work, "render", frames)
        work.disk += frames * 3 * self.plan.config.data.size**2

    def _import_clips(self, job: Job, work: _Work) -> None:
        self._spend(work, "import", self.sizes.test.frames)
        self._clips(work, self.sizes.test.frames)

    def _degrade(self, job: Job, work: _Work) -> None:
        self._spend(work, "degrade", self.sizes.test.frames)
        self._clips(work, self.sizes.test.frames)

    def _landmarks(self, job: Job, work: _Work) -> None:
        frames = self.sizes.shard(job.wildcards["split"], job.wildcards["shard"]).frames
        self._spend(work, "landmarks.host" if self.on_gpu else "landmarks", frames)
        work.disk += frames * self._rate(work, "disk.training_landmarks").value

    def _index(self, job: Job, work: _Work) -> None:
        count = self.sizes.images if job.wildcards["split"] == "images" else self.sizes.train
        self._spend(work, "index", count.clips)

    def _train(self, job: Job, work: _Work) -> None:
        resolved = network(self.plan.config, job.wildcards["network"])
        parameters = flops.parts_of(resolved.kind, resolved.settings()).parameters
        work.disk += _FLOAT32 * parameters
        if resolved.train.released:
            return
        self._spend(work, "train.start", 1)
        work.scratch += _FLOAT32 * _NUMBERS_OF_A_CHECKPOINT * parameters
        if resolved.stage in ("vqgan", "fusion") and resolved.train.gan_weight > 0:
            work.scratch += _FLOAT32 * 3 * flops.discriminator(resolved.size).parameters
        frames = resolved.train.steps * resolved.train.batch_size * resolved.frames
        operations = frames * flops.training(resolved)
        if self.on_gpu:
            speed = self._gpu_speed(work, resolved.train.precision, "train") * max(1, job.gpus)
        else:
            speed = self._rate(work, f"train.{resolved.stage}").value * 1e9
        work.seconds += operations / speed

    def _ship_weights(self, job: Job, work: _Work) -> None:
        kind, settings = self._network(job.wildcards["network"])
        parts = flops.parts_of(kind, settings)
        work.disk += _FLOAT16 * parts.parameters
        # Three networks, stage III once more in 16 bits, and the landmarks of four sets.
        frames = 4 * NUM_UNSEEN
        work.seconds += frames * flops.restoring(parts, skips=True) / self._own_speed(work, kind)
        self._spend(work, "noise_floor", frames)

    def _restore(self, job: Job, work: _Work) -> None:
        frames, method = self.sizes.test.frames, job.wildcards["method"]
        self._spend(work, "restore.io", frames)
        self._clips(work, frames)
        own = method_network(self.plan.config, method)
        if own:
            kind, settings = self._network(own)
            run_name = method if method in self.plan.config.variants else own
            skips = restore_settings(self.plan.config, run_name).fidelity_w > 0
            operations = flops.restoring(flops.parts_of(kind, settings), skips=skips)
            work.seconds += frames * operations / self._own_speed(work, kind)
        else:
            self._released(job, work)

    def _released(self, job: Job, work: _Work) -> None:
        """A released system: seconds a frame; on a GPU where none were measured, operations."""
        frames, task = self.sizes.test.frames, job.wildcards["task"]
        name = method_class(self.plan.config, job.wildcards["method"])
        device = self.gpu if self.on_gpu else "cpu"
        # Where tasks differ, the table says it for each.
        names = [
            f"restore.{each}.{what}"
            for what in (("seconds", "operations") if self.on_gpu else ("seconds",))
            for each in (f"{name}.{task}", name)
        ]
        known = (n for n in names if self.rates.find(n, device, self.plan.config.data.size))
        rate = self._rate(work, next(known, names[-1]), device)
        if rate.unit == "TFLOP/frame":
            speed = self._gpu_speed(work, "32-true", "restore")
            work.seconds += frames * rate.value * 1e12 / speed
        else:
            work.seconds += frames * rate.value

    def _control(self, job: Job, work: _Work) -> None:
        self._spend(work, "restore.io", self.sizes.test.frames)
        self._clips(work, self.sizes.test.frames)

    def _import_results(self, job: Job, work: _Work) -> None:
        self._spend(work, "import_results", self.sizes.test.frames)

    def _analyse(self, job: Job, work: _Work) -> None:
        self._metrics("analyse", work)
        work.disk += self.sizes.test.frames * self._rate(work, "disk.analysis").value

    def _noise_floor(self, job: Job, work: _Work) -> None:
        self._metrics("noise_floor", work)

    def _score(self, job: Job, work: _Work) -> None:
        self._metrics("score", work)
        work.disk += self.sizes.test.frames * self._rate(work, "disk.scores").value

    def _panel(self, job: Job, work: _Work) -> None:
        panel = job.wildcards["panel"]
        frames = self.sizes.test.frames * len(self.plan.scored_in(panel))
        self._spend(work, "metrics.start", 1)
        self._spend(work, f"panel.{panel}", frames)
        work.disk += frames * self._rate(work, "disk.scores").value

    def _metrics(self, what: str, work: _Work) -> None:
        frames, size = self.sizes.test.frames, self.plan.config.data.size
        self._spend(work, "metrics.start", 1)
        if not self.on_gpu:
            self._spend(work, what, frames)
            return
        # What stays on a core, and LPIPS, the largest network, on the GPU.
        self._spend(work, f"{what}.host", frames)
        speed = self._gpu_speed(work, "32-true", "restore")
        work.seconds += frames * 2 * flops.vgg16(size) / speed

    def _code_weights(self, job: Job, work: _Work) -> None:
        frames = self.sizes.test.frames
        kind, settings = self._network(job.wildcards["network"])
        operations = flops.predicting(flops.parts_of(kind, settings))
        work.seconds += frames * operations / self._own_speed(work, kind)
        self._spend(work, "code_weights", frames)

    def _inspect(self, job: Job, work: _Work) -> None:
        frames = self.sizes.test.frames
        kind, settings = self._network(job.wildcards["network"])
        operations = flops.inspecting(flops.parts_of(kind, settings))
        work.seconds += frames * operations / self._own_speed(work, kind)
        self._spend(work, "code_weights", frames)

    def _table(self, job: Job, work: _Work) -> None:
        self._spend(work, "table", 1)

    def _drawing(self, job: Job, work: _Work) -> None:
        self._spend(work, "figure", 1)
        work.disk += self._rate(work, "disk.figure").value

    def _report(self, job: Job, work: _Work) -> None:
        self._spend(work, "report", self.sizes.test.frames)
        work.disk += self._rate(work, "disk.report").value

    # What the rules share.

    def _network(self, name: str) -> tuple[str, dict]:
        resolved = network(self.plan.config, name)
        return resolved.kind, resolved.settings()

    def _own_speed(self, work: _Work, kind: str) -> float:
        """Operations a second of a run's own networks at inference."""
        if self.on_gpu:
            return self._gpu_speed(work, "32-true", "restore")
        return self._rate(work, f"restore.own.{kind}").value * 1e9

    def _gpu_speed(self, work: _Work, precision: str, task: str) -> float:
        """Operations a second of a GPU: measured, or assumed to be a share of its peak."""
        kind = "bf16" if "16" in precision else "tf32"
        measured = self.rates.find(f"gpu.speed.{task}.{kind}", self.gpu)
        if measured:
            work.used.append(measured)
            return measured.value * 1e12
        peak = self._rate(work, f"gpu.peak.{kind}", self.gpu)
        share = self._rate(work, f"gpu.share.{task}.{kind}", self.gpu)
        return peak.value * 1e12 * share.value

    def _clips(self, work: _Work, frames: int) -> None:
        raw = 3 * self.plan.config.data.size**2
        work.disk += frames * raw * self._rate(work, "disk.lossless").value

    def _spend(self, work: _Work, what: str, amount: float) -> None:
        work.seconds += amount * self._rate(work, what).value

    def _rate(self, work: _Work, what: str, device: str = "cpu") -> Rate:
        found = self.rates.find(what, device, self.plan.config.data.size)
        if found is None:
            raise UnknownRateError(what)
        work.used.append(found)
        return found


_RULES: dict[str, Callable[[Model, Job, _Work], None]] = {
    "render_clips": Model._render,
    "render_stills": Model._render_stills,
    "import_clips": Model._import_clips,
    "import_wild": Model._import_clips,
    "training_landmarks": Model._landmarks,
    "training_index": Model._index,
    "degrade": Model._degrade,
    "train": Model._train,
    "ship_weights": Model._ship_weights,
    "restore": Model._restore,
    "control": Model._control,
    "import_results": Model._import_results,
    "analyse_truth": Model._analyse,
    "noise_floor": Model._noise_floor,
    "score": Model._score,
    "panel": Model._panel,
    "table": Model._table,
    "code_weights": Model._code_weights,
    "inspect": Model._inspect,
    "figure": Model._drawing,
    "report_pages": Model._report,
}
