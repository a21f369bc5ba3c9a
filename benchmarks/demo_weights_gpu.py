"""Stages I to III of the demo's weights in six minutes of one GPU.

    python benchmarks/demo_weights_gpu.py pack  --stills FILE --unseen FILE --to PACKED
    python benchmarks/demo_weights_gpu.py train PACKED --out FOLDER [--seconds 330]

`pack` runs where the project is installed. It writes one file of at most 60 MB: as many training
frames as fit, as JPEG, unseen faces with their degraded inputs, the perceptual networks' first
stages in 16 bits, and the settings of config/demo_weights.yaml. `train` needs that file, torch,
torchvision and numpy beside this checkout, nothing else.

It is the recipe of `snakemake demo_weights` with larger batches, whose rate and
schedule follow the time instead of the steps, and one difference: H.264 does not run on the GPU, so
that frames lose the coefficients of 4×4 DCT blocks in YUV 4:2:0 that a quantiser of the drawn rate
factor would take from them. Inputs of the unseen faces are degraded with H.264.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dicface.models import build
from dicface.models.efficientnet import LiteDistance
from dicface.training import losses
from dicface.training.codebook import LivingCodebook, replace_rows
from dicface.training.lpips import PerceptualLoss

STAGES = {"vqgan": 0.5, "codeformer": 0.15, "fusion": 0.35}
"""Stage -> its share of the time."""
LIMIT_BYTES = 60_000_000
QUALITY = 92
"""Of the frames' JPEG, colours at full resolution."""
NETWORKS = {"lite0": "efficientnet_lite0", "lite2": "efficientnet_lite2"}
TYPES = {"U8": np.uint8, "I64": np.int64, "F16": np.float16, "F32": np.float32}


def read_file(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, facts in header.items():
        start, end = facts["data_offsets"]
        values = np.frombuffer(data[8 + length + start : 8 + length + end], TYPES[facts["dtype"]])
        tensors[name] = torch.from_numpy(values.copy()).view(facts["shape"])
    return tensors, metadata


def write_file(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes a safetensors file; the package is not needed."""
    header: dict[str, object] = {"__metadata__": metadata}
    parts, offset = [], 0
    names = {np.dtype(kind): name for name, kind in TYPES.items()}
    for name, tensor in tensors.items():
        array = tensor.detach().cpu().contiguous().numpy()
        span = [offset, offset + array.nbytes]
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(tensor.shape),
            "data_offsets": span,
        }
        parts.append(array.tobytes())
        offset = span[1]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def pack(stills: Path, unseen: Path, to: Path) -> None:
    """Writes the packed file, at the best JPEG quality that fits."""
    import cv2
    from safetensors.numpy import load_file

    from dicface.config.load import load
    from dicface.config.networks import network
    from dicface.training.shipping.looks import Unseen
    from dicface.weights.packages import lite_state

    scales = Path(__file__).resolve().parents[1] / "config"
    config = load(scales / "config.yaml", scales / "demo_weights.yaml")
    faces = Unseen.read(unseen, config, 32)
    tensors = {
        "unseen": torch.from_numpy(faces.truth),
        "inputs": torch.from_numpy(faces.inputs),
    }
    for short, name in NETWORKS.items():
        kept = {k: v for k, v in lite_state(name).items() if _is_early(k) and v.ndim}
        tensors |= {f"{short}/{key}": value.half() for key, value in kept.items()}
    plans = {stage: network(config, stage) for stage in STAGES}
    settings = {
        stage: {"train": plan.decides()["train"], "settings": plan.settings(), "kind": plan.kind}
        for stage, plan in plans.items()
    }
    facts = {
        "stages": settings,
        "degradation": asdict(config.degradation),
        "seed": config.seed_name,
    }
    stored = load_file(stills)
    frames, people = stored["frames"], stored["identity"]
    # One frame of everybody before second ones, as many as fit.
    first = np.sort(np.unique(people, return_index=True)[1])
    order = np.concatenate([first, np.setdiff1d(np.arange(len(frames)), first)])
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    room = LIMIT_BYTES - 1_000_000 - sum(tensor.nbytes for tensor in tensors.values())
    coded = []
    for frame in frames[order]:
        coded.append(cv2.imencode(".jpg", frame[..., ::-1], options)[1].ravel())
        room -= len(coded[-1])
        if room < 0:
            coded.pop()
            break
    ends = np.cumsum([len(each) for each in coded])
    tensors |= {"jpeg": torch.from_numpy(np.concatenate(coded)), "ends": torch.from_numpy(ends)}
    write_file(to, tensors, {"facts": json.dumps(facts, sort_keys=True)})
    size = to.stat().st_size / 1e6
    sys.stdout.write(f"{to}: {len(coded)} of {len(frames)} frames, {size:.1f} MB\n")


def _is_early(name: str) -> bool:
    """Whether a tensor belongs to the stages that the distance looks at."""
    parts = name.split(".")
    return name.startswith(("_conv_stem", "_bn0")) or (parts[0] == "_blocks" and int(parts[1]) < 16)


class Degradation:
    """The run's degradation of a batch on its device, with quantised DCT in H.264's place."""

    def __init__(self, settings: dict, device: str) -> None:
        self.s, self.device = settings, device
        n = torch.arange(4, device=device).float()
        self.dct = torch.cos((2 * n[None] + 1) * n[:, None] * math.pi / 8) / math.sqrt(2)
        self.dct[0] /= math.sqrt(2)
        self.yuv = torch.tensor(
            [[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], device=device
        )

    def __call__(self, truth: Tensor) -> Tensor:
        """(n, 3, S, S) in [-1, 1] → the same, degraded; every draw is one a frame."""
        n, size = len(truth), truth.shape[-1]
        x = self._blurred((truth + 1) / 2)
        small = (size // self.s["scale"],) * 2
        ways = ("area", "bilinear", "bicubic")
        shares = [self.s["interpolation_weights"][name] for name in ("area", "linear", "cubic")]
        chosen = torch.multinomial(torch.tensor(shares), n, replacement=True).tolist()
        x = torch.cat(
            [
                F.interpolate(each[None], small, mode=ways[i])
                for each, i in zip(x, chosen, strict=True)
            ]
        )
        noise = torch.randn_like(x)
        grey = self._draw(n, 0, 1) < self.s["grey_prob"]
        noise = torch.where(grey, noise[:, :1], noise)
        x = (x + noise * self._draw(n, *self.s["noise_sigma"]) / 255).clamp(0, 1)
        x = self._coded(x, self._draw(n, *self.s["crf"]).round())
        x = torch.cat(
            [
                F.interpolate(each[None], size=size, mode=ways[i])
                for each, i in zip(x, chosen, strict=True)
            ]
        )
        return x.clamp(0, 1) * 2 - 1

    def _draw(self, n: int, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 1, 1, 1, device=self.device)

    def _blurred(self, x: Tensor) -> Tensor:
        n, half = len(x), self.s["kernel_size"] // 2
        sigma_x, sigma_y = (self._draw(n, *self.s["blur_sigma"])[:, 0] for _ in range(2))
        round_ = self._draw(n, 0, 1)[:, 0] < self.s["iso_prob"]
        sigma_y = torch.where(round_, sigma_x, sigma_y)
        theta = self._draw(n, -math.pi, math.pi)[:, 0]
        v, u = torch.meshgrid(
            *(torch.arange(-half, half + 1, device=self.device),) * 2, indexing="ij"
        )
        along = theta.cos() * u + theta.sin() * v
        across = theta.cos() * v - theta.sin() * u
        kernel = torch.exp(-((along / sigma_x) ** 2 + (across / sigma_y) ** 2) / 2)
        kernel = kernel / kernel.sum((1, 2), keepdim=True)
        padded = F.pad(x, (half,) * 4, mode="reflect").transpose(0, 1)
        return F.conv2d(padded, kernel[:, None], groups=n).transpose(0, 1)

    def _coded(self, x: Tensor, crf: Tensor) -> Tensor:
        """4×4 DCT of Y, and of U and V at half the size, quantised by H.264's step of `crf`."""
        yuv = torch.einsum("ij,njhw->nihw", self.yuv, x * 255)
        step = 0.625 * 2 ** (crf / 6)
        luma = self._quantised(yuv[:, :1], step)
        chroma = self._quantised(F.avg_pool2d(yuv[:, 1:], 2), step)
        yuv = torch.cat([luma, F.interpolate(chroma, scale_factor=2.0, mode="bilinear")], 1)
        return (torch.einsum("ij,njhw->nihw", self.yuv.inverse(), yuv) / 255).clamp(0, 1)

    def _quantised(self, x: Tensor, step: Tensor) -> Tensor:
        n, c, h, w = x.shape
        blocks = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 1, 2, 4, 3, 5)
        levels = torch.round(self.dct @ blocks @ self.dct.T / step[..., None, None])
        blocks = self.dct.T @ (levels * step[..., None, None]) @ self.dct
        return blocks.permute(0, 1, 2, 4, 3, 5).reshape(n, c, h, w)


def decoded(packed: dict[str, Tensor], count: int) -> Tensor:
    """The first `count` training frames, (n, 3, S, S) uint8 RGB."""
    from torchvision.io import ImageReadMode, decode_jpeg

    ends = packed["ends"].tolist()[: count or None]
    starts = [0, *ends[:-1]]
    return torch.stack(
        [
            decode_jpeg(packed["jpeg"][a:b], mode=ImageReadMode.RGB)
            for a, b in zip(starts, ends, strict=True)
        ]
    )


def batches(frames: Tensor, s: SimpleNamespace, batch: int) -> Iterator[Tensor]:
    """Endless batches of true frames in [-1, 1], mirrored and with other gains by chance."""
    while True:
        at = torch.randint(len(frames), (batch,), device=frames.device)
        x = frames[at].float() / 255
        mirrored = torch.rand(batch, 1, 1, 1, device=x.device) < s.flip_prob
        x = torch.where(mirrored, x.flip(-1), x)
        gain = 1 + s.colour_jitter * (2 * torch.rand(batch, 3, 1, 1, device=x.device) - 1)
        yield (x * gain).clamp(0, 1) * 2 - 1


def stage_loss(
    stage: str,
    net: nn.Module,
    prior: nn.Module | None,
    objective: losses.Objective,
    w: float,
    degrade: Callable[[Tensor], Tensor],
) -> Callable[[Tensor, bool], tuple[Tensor, dict[str, Tensor]]]:
    """What a stage minimises, as `dicface.training.stages` says, and what its codebook looks at."""

    def codes(logits: Tensor, lq_feat: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            indices = prior.indices(truth)
            wanted = prior.quantize.lookup(indices)
        return losses.code_loss(logits, lq_feat.float(), indices, wanted)["total"]

    def loss(truth: Tensor, quantised: bool) -> tuple[Tensor, dict[str, Tensor]]:
        if stage == "vqgan":
            image, vq, stats = net(truth, quantised)
            return objective(image.float(), truth, None)["total"] + vq, stats
        with torch.autocast(truth.device.type, enabled=False):
            degraded = degrade(truth)
        if stage == "codeformer":
            return codes(*net(degraded, code_only=True), truth), {}
        image, logits, lq_feat = net(degraded, w=w)
        total = objective(image.float(), truth, None)["total"]
        return total + codes(logits, lq_feat, truth), {}

    return loss


def train(
    packed_file: Path, out: Path, *, device: str, seconds: float, batch: int, count: int
) -> None:
    """Trains the three stages and writes weights, numbers and pictures."""
    packed, metadata = read_file(packed_file)
    facts = json.loads(metadata["facts"])
    frames = decoded(packed, count).to(device)
    unseen, inputs = (
        (packed[name].permute(0, 3, 1, 2).float() / 127.5 - 1).to(device)
        for name in ("unseen", "inputs")
    )
    distances = {
        short: LiteDistance(
            {k.removeprefix(f"{short}/"): v for k, v in packed.items() if k.startswith(f"{short}/")}
        ).to(device)
        for short in NETWORKS
    }
    degrade = Degradation(facts["degradation"], device)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    prior, state = None, {}
    for stage, share in STAGES.items():
        about = facts["stages"][stage]
        s = SimpleNamespace(**about["train"])
        torch.manual_seed(0)
        net = build(about["kind"], **about["settings"]).to(device)
        net.load_state_dict(state, strict=False)
        for name in s.freeze:
            net.get_submodule(name).requires_grad_(False)
        objective = losses.Objective(
            kl_weight=0, lambda2=s.lpips_weight, perceptual=PerceptualLoss(distances["lite0"])
        ).to(device)
        loss = stage_loss(stage, net, prior, objective, s.fidelity_w, degrade)
        began = time.monotonic()
        state, steps = fit(net, s, loss, batches(frames, s, batch), seconds * share, stage, device)
        net.load_state_dict(state)
        net.eval()
        if stage == "vqgan":
            prior = copy.deepcopy(net).requires_grad_(False)
        spent = time.monotonic() - began
        write_results(
            out / stage, net, stage, unseen, inputs, distances["lite2"], steps, spent, batch, facts
        )


def fit(
    net: nn.Module,
    s: SimpleNamespace,
    loss: Callable,
    data: Iterator[Tensor],
    seconds: float,
    stage: str,
    device: str,
) -> tuple[dict[str, Tensor], int]:
    """Trains for a time; returns the averaged weights and the steps made.

    The rate and the codebook's start follow the share of the time that is spent, as they follow
    the share of steps elsewhere.
    """
    learning = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learning, lr=s.learning_rate, betas=s.betas)
    averaged = {name: p.detach().clone() for name, p in net.named_parameters()}
    codebook = None
    if stage == "vqgan":
        # Placed by hand below, as the number of steps is not known before.
        codebook = LivingCodebook(*net.quantize.embedding.weight.shape, start=1, every=1, steps=1)
        codebook.tokens = codebook.tokens.to(device)
    generator = torch.Generator().manual_seed(0)
    free_until = s.codebook_start / s.steps
    quantised, last_moved, step = not (codebook and free_until), 0, 0
    net.train()
    began, told = time.monotonic(), 0.0
    while (spent := (time.monotonic() - began) / seconds) < 1 or step < 4:
        cosine = (1 + math.cos(math.pi * min(spent, 1))) / 2
        rate = s.final_learning_rate + (s.learning_rate - s.final_learning_rate) * cosine
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            total, stats = loss(next(data), quantised)
        total.backward()
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        step += 1
        decay = min(s.ema_decay, step / (step + 10))
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                averaged[name].lerp_(parameter, 1 - decay)
        if codebook:
            codebook.observe(stats["z"], stats["indices"])
            starts = not quantised and spent >= free_until
            if starts or (
                quantised and spent < 0.8 and step - last_moved >= s.codebook_revive_every
            ):
                weight = net.quantize.embedding.weight
                # `start` 1 is k-means at step 0; any other step revives.
                codes, moved = codebook.move(0 if starts else 1, weight, codebook.counts, generator)
                name = "quantize.embedding.weight"
                replace_rows(weight, averaged[name], optimizer, codes, moved.to(device))
                quantised, last_moved = True, step
        if spent - told > 0.1:
            told = spent
            sys.stdout.write(f"{stage} {spent:.0%}: step {step}, loss {total.item():.4f}\n")
            sys.stdout.flush()
    return {**net.state_dict(), **averaged}, step


@torch.no_grad()
def write_results(
    folder: Path,
    net: nn.Module,
    stage: str,
    unseen: Tensor,
    inputs: Tensor,
    distance: LiteDistance,
    steps: int,
    spent: float,
    batch: int,
    facts: dict,
) -> None:
    """Writes weights as the suite reads them, a line of numbers and a picture of 12 faces."""
    from torchvision.io import write_png

    given = unseen if stage == "vqgan" else inputs
    w = 1.0 if stage == "fusion" else 0.0
    image, codes = [], []
    for part in given.split(8):
        if stage == "vqgan":
            image.append(net(part)[0])
            codes.append(net.indices(part))
        else:
            found, logits, _ = net(part, w=w)
            image.append(found)
            codes.append(logits.argmax(-1))
    image = torch.cat(image).float().clamp(-1, 1)
    error = ((image - unseen) / 2).square().mean((1, 2, 3))
    share = torch.bincount(torch.cat(codes).flatten(), minlength=net.settings.codebook_size).float()
    share = share[share > 0] / share.sum()
    line = {
        "step": steps,
        "batch": batch,
        "seconds": round(spent),
        "psnr": (-10 * error.log10()).mean().item(),
        "distance": torch.cat(
            [distance(a, b) for a, b in zip(unseen.split(8), image.split(8), strict=True)]
        )
        .mean()
        .item(),
        "codes_used": len(share),
        "perplexity": torch.exp(-(share * share.log()).sum()).item(),
    }
    sys.stdout.write(f"{stage}: {json.dumps(line)}\n")
    about = facts["stages"][stage]
    header = {
        "network": about["kind"],
        "stage": stage,
        "task": "bfr",
        "settings": about["settings"],
        "train": {**about["train"], "steps": steps, "batch_size": batch},
        "seed": facts["seed"],
        "inputs": {} if stage == "vqgan" else facts["degradation"],
        "made_by": "benchmarks/demo_weights_gpu.py",
    }
    tensors = {name: tensor.float() for name, tensor in net.state_dict().items()}
    write_file(folder / "weights.safetensors", tensors, {"dicface": json.dumps(header)})
    (folder / "validation.jsonl").write_text(json.dumps(line) + "\n")
    rows = [torch.cat(list(row[:12]), dim=2) for row in (unseen, image, given)]
    levels = ((torch.cat(rows, 1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()
    write_png(levels, str(folder / f"step_{steps:06d}.png"))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    for name in ("stills", "unseen", "to"):
        packing.add_argument(f"--{name}", type=Path, required=True)
    training = commands.add_parser("train")
    training.add_argument("packed", type=Path)
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    training.add_argument("--seconds", type=float, default=330, help="of training (default 330)")
    training.add_argument("--batch", type=int, default=64)
    training.add_argument("--tiny", action="store_true", help="a few steps of few frames, to test")
    options = parser.parse_args()
    if options.command == "pack":
        pack(options.stills, options.unseen, options.to)
        return
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU; give --device cpu --tiny to test without one.")
    tiny = options.tiny
    train(
        options.packed,
        options.out,
        device=options.device,
        seconds=1.0 if tiny else options.seconds,
        batch=2 if tiny else options.batch,
        count=8 if tiny else 0,
    )


if __name__ == "__main__":
    main()
