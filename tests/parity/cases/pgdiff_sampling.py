"""PGDiff's schedules and guided steps, with the small network at 64 or the released one at 512."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from baselines.networks.diffusion import Schedule, guided_step, repeated_step
from baselines.networks.guidance import Guidance
from tests.parity.cases._pgdiff import Named, given, network, stored
from tests.parity.cases._recipe import EXACT, Tolerance, image
from tests.parity.compare import read_manifest, shared
from tests.parity.guidance import GUIDANCES

NAME = "pgdiff_sampling"
UNETS = {"small": "pgdiff_unet_small", "full512": "pgdiff_unet"}
SIZES = {"small": 64, "full512": 512}
TABLES = Tolerance(1e-12)
STEP = re.compile(r"(small|full512)_ddpm(\d+)_i(\d+)_(?!N)([a-z_]+?)(?:__strided|__stats)?$")
REPEATED = re.compile(r"small_ddpm(\d+)_i(\d+)_N(\d)_([a-z_]+)_sample$")


@dataclass(frozen=True)
class Logs:
    """A tolerance for the losses in the stored text; names and steps must be the same."""

    value: float = 1e-4

    def deviation(self, ours: dict, stored: np.ndarray) -> tuple[float, float]:
        """Returns the largest relative deviation of a loss, inf if one is missing."""
        theirs = {}
        for name, facts in json.loads(str(stored[0])).items():
            found = re.findall(r"loss \(([a-z ]+)\): ([\d.e+-]+);", facts["log"])
            theirs[name] = {part: float(number) for part, number in found}
            theirs[name]["t"] = float(facts["t_cond"])
        if {k: set(v) for k, v in ours.items()} != {k: set(v) for k, v in theirs.items()}:
            return float("inf"), self.value
        return max(
            abs(ours[name][part] - number) / max(1.0, abs(number))
            for name, parts in theirs.items()
            for part, number in parts.items()
        ), self.value


def tensors(seed: int, golden: Mapping, manifest: Mapping) -> Named:
    for name in golden:
        if found := re.fullmatch(r"sched_ddpm(\d+)_(\w+)", name):
            table = getattr(Schedule(int(found[1])), found[2].replace("timestep_map", "timesteps"))
            yield name, table, EXACT if found[2] == "timestep_map" else TABLES
    if matches := [found for found in map(STEP.match, golden) if found]:
        yield from _steps(seed, golden, manifest, matches[0][1])


def _steps(seed: int, golden: Mapping, manifest: Mapping, config: str) -> Named:
    """All steps of one network, once each; the tensors and losses that are stored of them."""
    case = _Case(seed, manifest, config)
    steps: dict[tuple[int, int], set[str]] = {}
    for found in filter(None, map(STEP.match, golden)):
        steps.setdefault((int(found[2]), int(found[3])), set()).add(found[4])
    logs = {}
    for (num_steps, index), names in steps.items():
        schedule, prefix = Schedule(num_steps), f"{config}_ddpm{num_steps}_i{index}"
        tasks = sorted(name.removesuffix("_sample") for name in names if name.endswith("_sample"))
        for task in tasks:
            step = guided_step(
                case.prior(), schedule, case.guidance(task), case.x, index, case.noise(0)
            )
            ours = {"pred_xstart": step.prediction.x0, "mean": step.prediction.mean}
            ours |= {"variance": step.prediction.variance, "target": step.target}
            for name in [name for name in ours if name in names and ours[name] is not None]:
                names.remove(name)  # the same for every task
                yield from _stored(f"{prefix}_{name}", ours[name], golden)
            yield from _stored(f"{prefix}_{task}_gradient", step.gradient, golden)
            yield from _stored(f"{prefix}_{task}_sample", step.sample, golden)
            with torch.no_grad():
                losses = case.guidance(task).losses(step.prediction.x0, step.target)
                if task == "old_photo_restoration":  # logged upstream, but no part of the sum
                    restoration = case.guidance("restoration")
                    losses |= restoration.losses(step.prediction.x0, step.target)
            logs[f"{prefix}_{task}"] = {key: loss.item() for key, loss in losses.items()}
            logs[f"{prefix}_{task}"]["t"] = float(schedule.timesteps[index])
    for name in golden:
        if found := REPEATED.match(name):
            noises = iter([case.noise(0), case.noise(1), case.noise(2)])
            step = repeated_step(
                case.prior(),
                Schedule(int(found[1])),
                case.guidance(found[4]),
                case.x,
                int(found[2]),
                lambda noises=noises: next(noises),
                repeats=int(found[3]),
            )
            yield name, step.sample.numpy(), Tolerance()
    if "losses_json" in golden:
        yield "losses_json", logs, Logs()


def _stored(name: str, tensor: Tensor, golden: Mapping) -> Named:
    facts = {} if name in golden else {"stride": [1, 1, 4, 4]}
    yield from stored(name, tensor, {name: facts})


class _Case:
    """Networks and inputs of one seed; networks are built when they are first needed."""

    def __init__(self, seed: int, manifest: Mapping, config: str) -> None:
        self.seed, self.manifest, self.config = seed, manifest, config
        self.size = SIZES[config]
        self.x = given(NAME, f"x_t_{self.size}", seed, self.size)
        self.network = cache(self._network)
        # Steps of several tasks start from the same image: the network sees it once.
        self._outputs: dict[tuple[bytes, int], Tensor] = {}

    def prior(self):
        return lambda x, t: self._once("prior", lambda: self._unet()(x, t), x, t)

    def guidance(self, task: str) -> Guidance:
        scale, weights = self.manifest["scales"][task], self.manifest["task_weights"]
        facts = {"known": self._image("y"), "scale": scale}
        if task == "inpainting":
            facts |= {"mask": self._mask(), "weight": weights["unmasked_weight"]}
        if task == "colorization":
            facts["lightness_weight"] = weights["lightness_weight"]
            facts["colour_weight"] = weights["color_weight"]
        if "restoration" in task:
            facts |= {"restorer": self._restorer, "weight": weights["ss_weight"]}
        if task == "ref_restoration":
            facts |= {"embed": self.network("pgdiff_arcface"), "reference": self._image("ref")}
            facts["identity_weight"] = weights["ref_weight"]
        if task == "old_photo_restoration":
            facts |= {"mask": self._mask(), "lightness_weight": weights["op_lightness_weight"]}
            facts["colour_weight"] = weights["op_color_weight"]
        return GUIDANCES[task](**facts)

    def noise(self, number: int) -> Tensor:
        return given(NAME, f"noise{number}_{self.size}", self.seed, self.size)

    def _unet(self):
        return self.network(UNETS[self.config])

    def _restorer(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        restorer = self.network("pgdiff_restorer")
        return self._once("restorer", lambda: restorer(x, y, t), x, t)

    def _once(self, name: str, compute, x: Tensor, t: Tensor) -> Tensor:
        key = (name, x.numpy().tobytes(), int(t))
        if key not in self._outputs:
            self._outputs[key] = compute()
        return self._outputs[key]

    def _network(self, name: str):
        folder = shared() / "facts" / name / "golden.npz"
        net = network(self.seed, read_manifest(name, "manifest.json", folder))
        return net.requires_grad_(False)

    def _image(self, key: str) -> Tensor:
        return image(NAME, f"{key}_{self.size}", self.seed, (1, 3, self.size, self.size))

    def _mask(self) -> Tensor:
        mask, k = torch.zeros(1, 3, self.size, self.size), self.size // 64
        mask[..., 14 * k : 50 * k, 20 * k : 44 * k] = 128 / 255
        mask[..., 16 * k : 48 * k, 20 * k : 44 * k] = 1
        return mask
