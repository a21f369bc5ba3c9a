"""PGDiff: networks, schedules, guided steps, method, weights files."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import dicface.methods
from baselines.networks.arcface import ArcFace
from baselines.networks.diffusion import Schedule, guided_step, repeated_step, sample
from baselines.networks.guidance import (
    COLOUR_STYLES,
    Colorization,
    Inpainting,
    OldPhotoRestoration,
    ReferenceRestoration,
    Restoration,
)
from baselines.networks.pgdiff_restorer import PgdiffRestorer
from baselines.networks.pgdiff_unet import PgdiffUnet, timestep_embedding
from baselines.pgdiff import PgDiff
from dicface.base.errors import MethodError, WeightsError
from dicface.base.seeds import torch_generator
from dicface.restoring.runner import restore_clip, to_tensor, to_uint8
from tests.parity.compare import deviations

SIZE = 16
TASKS = pytest.mark.parametrize("task", ["bfr", "inpainting", "colorization"])


class TinyPgDiff(PgDiff):
    """Two levels, attention at the lower one."""

    def build(self) -> tuple[nn.Module, ...]:
        unet = PgdiffUnet(
            image_size=SIZE,
            channel_mult=(1, 2),
            num_res_blocks=(1, 1),
            attention_sizes=(8,),
            head_channels=32,
        )
        restorer = PgdiffRestorer(channels=8, num_blocks=1, growth_channels=4)
        return (unet, restorer) if self.task == "bfr" else (unet,)


def seeded(network: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            scale = 1 / math.sqrt(max(1, tensor[:1].numel()))
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * scale)
    return network.eval().requires_grad_(False)


def ready(task: str = "bfr", steps: int = 2, **settings: object) -> TinyPgDiff:
    method = TinyPgDiff(task=task, steps=steps, **settings)
    method.networks = tuple(seeded(network, i) for i, network in enumerate(method.build()))
    return method


def clip_of(num_frames: int, seed: int = 0) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 255, (num_frames, SIZE, SIZE, 3), np.uint8)
    frames[:, 4:9, 5:12] = 255
    return [to_tensor(frame) for frame in frames]


def images(*seeds: int, num: int = 1) -> list[torch.Tensor]:
    return [
        torch.randn(num, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
        for seed in seeds
    ]


def perfect_prior(clean: torch.Tensor, schedule: Schedule):
    """A network that knows the noise: its predicted clean image is `clean`."""
    steps = schedule.timesteps.tolist()

    def network(x: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        cumulative = schedule.alphas_cumprod[steps.index(int(timesteps[0]))]
        noise = (x - math.sqrt(cumulative) * clean) / math.sqrt(1 - cumulative)
        return torch.cat([noise, torch.full_like(x, -1.0)], 1)

    return network


# Networks


@pytest.mark.parametrize(
    ("build", "num_keys", "num_params"),
    [(PgdiffUnet, 630, 159_788_454), (PgdiffRestorer, 706, 16_779_518), (ArcFace, 475, 43_590_848)],
)
def test_networks_have_the_released_size(build: type, num_keys: int, num_params: int):
    with torch.device("meta"):
        network = build()
    assert len(network.state_dict()) == num_keys
    assert sum(p.numel() for p in network.parameters()) == num_params


def test_time_is_told_by_cosines_then_sines():
    embedded = timestep_embedding(torch.tensor([0, 7]), 4)
    expected = [[1, 1, 0, 0], [math.cos(7), math.cos(0.07), math.sin(7), math.sin(0.07)]]
    torch.testing.assert_close(embedded, torch.tensor(expected))


@torch.inference_mode()
def test_unet_tells_times_apart_and_images_do_not_mix():
    (unet,) = ready("inpainting").networks
    x = torch.cat(images(1, 2))
    both = unet(x, torch.tensor([3, 700]))
    assert both.shape == (2, 6, SIZE, SIZE)
    torch.testing.assert_close(both[1:], unet(x[1:], torch.tensor([700])), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(both[1:], unet(x[1:], torch.tensor([3])), atol=1e-3)


def test_unet_attends_where_it_is_told():
    def attending(**settings: object) -> list[str]:
        with torch.device("meta"):
            keys = PgdiffUnet(**settings).state_dict()
        return sorted({key.split(".qkv")[0] for key in keys if ".qkv.weight" in key})

    sides = {"image_size": 64, "channel_mult": (1, 2), "num_res_blocks": (1, 1)}
    assert attending(**sides, attention_sizes=()) == ["middle_block.1"]
    lower = ["input_blocks.3.1", "middle_block.1", "output_blocks.0.1", "output_blocks.1.1"]
    assert attending(**sides, attention_sizes=(32,)) == lower


@torch.inference_mode()
def test_restorer_sees_noise_picture_and_time():
    _, restorer = ready().networks
    x, y = images(1, 2)
    first = restorer(x, y, torch.tensor([5]))
    assert first.shape == x.shape
    for changed in ((y, y, 5), (x, x, 5), (x, y, 900)):
        *pictures, step = changed
        assert not torch.allclose(first, restorer(*pictures, torch.tensor([step])), atol=1e-4)


@torch.inference_mode()
def test_small_arcface_gives_one_vector_a_face():
    network = ArcFace(num_blocks=(1, 1, 1, 2), widths=(4, 4, 8, 8), size=32, dim=5)
    assert seeded(network)(torch.zeros(2, 3, 32, 32)).shape == (2, 5)


# Schedule


def test_full_schedule_has_known_values():
    schedule = Schedule()
    assert schedule.betas[[0, -1]] == pytest.approx([1e-4, 0.02])
    assert schedule.alphas_cumprod[0] == pytest.approx(0.9999)
    assert schedule.alphas_cumprod[-1] == pytest.approx(4.0358e-5, rel=1e-3)
    # The mean of the last step is the predicted image itself.
    assert schedule.posterior_mean_coef1[0] == pytest.approx(1)
    assert schedule.posterior_mean_coef2[0] == 0
    lower = schedule.posterior_log_variance_clipped
    assert lower[0] == lower[1]
    assert (lower[1:] <= np.log(schedule.betas[1:])).all()


def test_fewer_steps_keep_the_noise_levels_of_those_they_keep():
    full, kept = Schedule(), Schedule(200)
    assert kept.timesteps.tolist() == list(range(0, 1000, 5))
    np.testing.assert_allclose(kept.alphas_cumprod, full.alphas_cumprod[::5], rtol=1e-12)
    assert Schedule(2).timesteps.tolist() == [0, 500]


@pytest.mark.parametrize("num_steps", [0, 1, 300, 1001])
def test_uneven_steps_are_refused(num_steps: int):
    with pytest.raises(MethodError, match=f"^{num_steps} diffusion steps cannot be taken evenly"):
        Schedule(num_steps)


def test_prediction_of_a_perfect_prior():
    schedule = Schedule(100)
    clean, x = images(1, 2)
    clean = clean.clamp(-1, 1)
    prediction = schedule.predict(perfect_prior(clean, schedule), x, 60)
    torch.testing.assert_close(prediction.x0, clean, atol=1e-4, rtol=0)
    mean = schedule.posterior_mean_coef1[60] * clean + schedule.posterior_mean_coef2[60] * x
    torch.testing.assert_close(prediction.mean, mean.float(), atol=1e-5, rtol=0)
    # v = -1 is the lower bound of the variance.
    lower = math.exp(schedule.posterior_log_variance_clipped[60])
    torch.testing.assert_close(prediction.variance, torch.full_like(x, lower))


# Guidance


def test_inpainting_pulls_known_pixels_only():
    x0, y = images(1, 2)
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., :4, :] = 0.5  # partly missing counts as missing
    gradient = Inpainting(known=y, scale=1, mask=mask).gradient(x0, None)
    assert (gradient[:, :, :4] == 0).all()
    torch.testing.assert_close(gradient[:, :, 4:], 2 * (x0 - y)[:, :, 4:])


def test_missing_pixels_are_never_read():
    x0, y = images(1, 2)
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., :4, :] = 1
    y[:, :, :4] = math.nan
    assert Inpainting(known=y, scale=1, mask=mask).gradient(x0, None).isfinite().all()


def test_lightness_counts_each_channel():
    x0, y = images(1, 2)
    guidance = Colorization(known=y, scale=1, colour_weight=0)
    losses = guidance.losses(x0, None)
    expected = 3 * (y.mean(1) - x0.mean(1)).square().sum()
    torch.testing.assert_close(losses["lightness"], expected)
    gradient = guidance.gradient(x0, None)
    torch.testing.assert_close(gradient, 2 * (x0 - y).mean(1, keepdim=True).expand_as(x0))


@pytest.mark.parametrize("style", range(len(COLOUR_STYLES)))
def test_colours_of_the_style_cost_nothing(style: int):
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in COLOUR_STYLES[style])
    # Signs in a checkerboard have mean 0 and deviation 1, and nothing is clamped.
    signs = 1.0 - 2 * (torch.arange(64)[:, None] + torch.arange(64)).remainder(2)
    x0 = (signs * deviation + mean).float()
    guidance = Colorization(known=x0, scale=1, style=style, colour_weight=1)
    own, bright, pale = (
        guidance.losses(x, None)["color"].item() for x in (x0, x0 + 0.1, (x0 - mean) * 0.8 + mean)
    )
    assert own < 1e-3
    assert bright == pytest.approx(x0.numel() * 0.1**2, rel=0.01)
    difference = 0.2 * deviation.squeeze()
    assert pale == pytest.approx(64**2 * difference.square().sum().item(), rel=0.01)


def test_gradient_of_colours_is_that_of_finite_differences():
    torch.manual_seed(0)
    x0 = (torch.rand(1, 3, 4, 4, dtype=torch.float64) - 0.5).requires_grad_()
    guidance = Colorization(known=torch.zeros_like(x0), scale=1, colour_weight=1)
    assert torch.autograd.gradcheck(lambda x: guidance.losses(x, None)["color"], x0)


def test_restoration_follows_the_restorer():
    x0, y, x = images(1, 2, 3)
    guidance = Restoration(known=y, scale=1, restorer=lambda x, y, t: x + y + t)
    target = guidance.target(x, torch.tensor([0.25]))
    torch.testing.assert_close(target, (x + y + 0.25).clamp(-1, 1))
    torch.testing.assert_close(guidance.gradient(x0, target), 2 * (x0 - target))


def test_reference_adds_identity():
    x0, y, reference = images(1, 2, 3)
    settings = {"known": y, "scale": 1, "restorer": lambda x, y, t: y}
    guidance = ReferenceRestoration(
        **settings, embed=lambda faces: faces.mean((2, 3)), reference=reference, size=8
    )
    plain = Restoration(**settings)
    assert guidance.losses(reference, y)["identity"] == 0
    difference = guidance.gradient(x0, y) - plain.gradient(x0, y)
    pull = 50 * (x0.mean((2, 3)) - reference.mean((2, 3))) / SIZE**2
    inside = difference[..., 4:-4, 4:-4]  # at the border, antialiasing weighs unevenly
    torch.testing.assert_close(inside, pull[..., None, None].expand_as(inside), atol=0.01, rtol=0.2)


def test_old_photo_does_not_pull_missing_pixels():
    x0, y = images(1, 2)
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., :4, :] = 1
    guidance = OldPhotoRestoration(known=y, scale=1, restorer=lambda x, y, t: y, mask=mask)
    gradient = guidance.gradient(x0, y)
    assert (gradient[:, :, :4] == 0).all()
    assert (gradient[:, :, 4:] != 0).any()


# Steps


def step_facts() -> tuple[Schedule, torch.Tensor, torch.Tensor, torch.Tensor]:
    clean, x, noise = images(1, 2, 3)
    return Schedule(100), clean.clamp(-1, 1), x, noise


@pytest.mark.parametrize("index", [0, 60])
def test_restoration_moves_the_mean(index: int):
    schedule, clean, x, noise = step_facts()
    guidance = Restoration(known=clean, scale=0.3, restorer=lambda x, y, t: torch.zeros_like(x))
    step = guided_step(perfect_prior(clean, schedule), schedule, guidance, x, index, noise)
    variance = step.prediction.variance
    expected = step.prediction.mean - variance * 2 * step.prediction.x0 * 0.3
    expected = expected + (index > 0) * variance.sqrt() * noise
    torch.testing.assert_close(step.sample, expected)


@pytest.mark.parametrize("task", ["inpainting", "colorization"])
def test_move_is_a_share_of_the_change(task: str):
    schedule, clean, x, noise = step_facts()
    known = images(4)[0]
    if task == "inpainting":
        guidance = Inpainting(known=known, scale=0.2, mask=torch.zeros(1, 1, SIZE, SIZE))
    else:
        guidance = Colorization(known=known, scale=0.2)
    step = guided_step(perfect_prior(clean, schedule), schedule, guidance, x, 60, noise)
    free = step.prediction.mean + step.prediction.variance.sqrt() * noise
    axes = (1, 2, 3) if task == "inpainting" else (2, 3)
    moved, change = ((a - b).square().sum(axes).sqrt() for a, b in ((step.sample, free), (x, free)))
    torch.testing.assert_close(moved, 0.2 * change, rtol=1e-3, atol=0)
    downhill = ((free - step.sample) * step.gradient).sum(axes)
    assert (downhill > 0).all()


def test_images_of_a_batch_are_guided_on_their_own():
    schedule = Schedule(100)
    clean, x, noise, known = images(1, 2, 3, 4, num=2)
    prior = perfect_prior(clean.clamp(-1, 1), schedule)
    both = guided_step(prior, schedule, Colorization(known=known, scale=0.1), x, 50, noise).sample
    for i in (slice(0, 1), slice(1, 2)):
        prior = perfect_prior(clean[i].clamp(-1, 1), schedule)
        guidance = Colorization(known=known[i], scale=0.1)
        alone = guided_step(prior, schedule, guidance, x[i], 50, noise[i]).sample
        torch.testing.assert_close(both[i], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("index", "times"), [(999, 3), (701, 3), (700, 1), (10, 1)])
def test_early_steps_are_repeated_with_their_first_target(index: int, times: int):
    schedule, calls = Schedule(), {"restorer": 0, "noise": 0}
    clean, x, noise = images(1, 2, 3)

    def restorer(x: torch.Tensor, y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        calls["restorer"] += 1
        return y

    def draw() -> torch.Tensor:
        calls["noise"] += 1
        return noise

    guidance = Restoration(known=clean, scale=0.1, restorer=restorer)
    prior = perfect_prior(clean.clamp(-1, 1), schedule)
    repeated_step(prior, schedule, guidance, x, index, draw, repeats=3)
    assert calls == {"restorer": 1, "noise": times}


def test_sampling_a_perfect_prior_ends_at_its_image():
    schedule, clean, *_ = step_facts()
    guidance = Restoration(known=clean, scale=0, restorer=lambda x, y, t: y)
    generator = torch.Generator().manual_seed(0)
    y = sample(perfect_prior(clean, schedule), schedule, guidance, generator)
    torch.testing.assert_close(y, clean, atol=1e-3, rtol=0)


# Method


@TASKS
def test_same_frames_same_result_one_for_each(task: str):
    frames = clip_of(2)
    first, again = (list(ready(task).restore(frames, clip="a")) for _ in range(2))
    assert len(first) == 2
    for frame, other in zip(first, again, strict=True):
        assert frame.shape == (3, SIZE, SIZE)
        assert frame.dtype == torch.float32
        assert 0 <= frame.min() <= frame.max() <= 1
        assert torch.equal(frame, other)
        levels = frame * 255
        torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert not torch.equal(first[0], next(ready(task).restore(frames, clip="b")))


@TASKS
def test_runs_where_the_caller_switched_gradients_off(task: str):
    expected = next(ready(task).restore(clip_of(1), clip="a"))
    with torch.inference_mode():
        restored = next(ready(task).restore(clip_of(1), clip="a"))
        assert torch.is_inference_mode_enabled()
    assert torch.equal(restored, expected)


def test_frames_share_their_noise_unless_told_otherwise():
    frame = clip_of(1)[0]
    same, other = ready().restore([frame, frame]), ready(noise="frame").restore([frame, frame])
    assert torch.equal(next(same), next(same))
    assert not torch.equal(next(other), next(other))


def test_output_is_truncated_to_levels():
    method = ready("colorization")
    method.networks[0].out[2].weight.zero_()
    method.networks[0].out[2].bias.zero_()
    frame = clip_of(1)[0]
    known = torch.from_numpy(to_uint8(frame)).permute(2, 0, 1)[None] / 127.5 - 1
    y = sample(
        method.networks[0],
        Schedule(2),
        Colorization(known=known, scale=0.01),
        torch_generator("pgdiff", "a"),
    )
    expected = ((y[0] + 1) * 127.5).clamp(0, 255).numpy().astype(np.uint8)
    restored = to_uint8(next(method.restore([frame], clip="a"))).transpose(2, 0, 1)
    assert np.array_equal(restored, expected)


def test_guidance_scale_matters():
    frames = clip_of(1)
    weak, strong = (
        next(ready("inpainting", guidance_scale=scale).restore(frames)) for scale in (0.0, 0.5)
    )
    known = frames[0].min(0).values < 1
    errors = [(y - frames[0])[:, known].square().mean() for y in (weak, strong)]
    assert errors[1] < errors[0]


def test_pure_white_pixels_are_missing():
    frame = clip_of(1)[0]
    guidance = ready("inpainting")._guidance(frame, "here")
    assert torch.equal(guidance.mask[0, 0], (frame == 1).all(0))
    assert 0 < guidance.mask.float().mean() < 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": "none"}, "noise is 'none'; expected 'clip' or 'frame'"),
        ({"repeats": 0}, "repeats is 0; expected 1 or more"),
        ({"repeats": 2, "steps": 200}, "repeats is 2; expected 1, as steps is 200"),
    ],
)
def test_settings_without_meaning_are_named(settings: dict, message: str):
    with pytest.raises(MethodError, match=message):
        dicface.methods.create("pgdiff", **settings)


def test_uneven_steps_are_named_before_any_weights():
    with pytest.raises(MethodError, match="300 diffusion steps cannot be taken evenly"):
        next(dicface.methods.create("pgdiff", steps=300).restore(clip_of(1)))


def test_frames_of_another_size_are_named():
    frames = ready().restore([torch.zeros(3, 8, SIZE)], clip="holiday")
    with pytest.raises(MethodError, match=r"'holiday', frame 0: .*\(3, 8, 16\).*\(3, 16, 16\)"):
        next(frames)


def test_a_white_frame_is_named():
    frames = ready("inpainting").restore([clip_of(1)[0], torch.ones(3, SIZE, SIZE)], clip="holiday")
    next(frames)
    with pytest.raises(MethodError, match="'holiday', frame 1: is white all over"):
        next(frames)


def test_values_that_are_not_finite_are_named():
    method = ready()
    method.networks[0].out[2].bias[0] = math.nan
    with pytest.raises(MethodError, match="PGDiff, clip 'holiday', frame 0: .*not finite"):
        next(method.restore(clip_of(1), clip="holiday"))


def test_whole_clip_through_the_runner(tmp_path: Path):
    (tmp_path / "clip").mkdir()
    for number, frame in enumerate(clip_of(3)):
        cv2.imwrite(str(tmp_path / "clip" / f"{number:03}.png"), to_uint8(frame)[..., ::-1])
    info = restore_clip(ready("inpainting"), tmp_path / "clip", tmp_path / "out.mkv")
    assert (info.num_frames, info.height, info.width) == (3, SIZE, SIZE)


def test_facts_and_registry():
    method = dicface.methods.create("pgdiff", task="colorization")
    assert method.weights_names() == ("pgdiff_prior",)
    assert dicface.methods.create("pgdiff").weights_names() == ("pgdiff_prior", "pgdiff_restorer")
    assert "512×512" in method.unavailable(size=64)


# Weights files


def test_released_files_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    unet, restorer = (seeded(network, 3) for network in TinyPgDiff().build())
    prior = {f"module.{key}": value for key, value in unet.state_dict().items()}
    torch.save(prior, tmp_path / "iddpm_ffhq512_ema500000.pth")
    content = {**restorer.state_dict(), "perceptual_loss.weight": torch.zeros(2)}
    torch.save({"state_dict": content}, tmp_path / "rrdb_iter_100000.pth")
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    for network, expected in zip(TinyPgDiff().networks, (unet, restorer), strict=True):
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
        for key, value in network.state_dict().items():
            assert torch.equal(value, expected.state_dict()[key])


def test_one_file_for_two_networks_is_refused(tmp_path: Path):
    (unet,) = TinyPgDiff(task="inpainting").build()
    save_file(unet.state_dict(), tmp_path / "prior.safetensors")
    assert TinyPgDiff(task="inpainting", weights=tmp_path / "prior.safetensors").networks
    with pytest.raises(MethodError, match=r"gives 1 weights files; .*pgdiff_prior and pgdiff_rest"):
        _ = TinyPgDiff(weights=tmp_path / "prior.safetensors").networks


def test_weights_of_another_network_are_described(tmp_path: Path):
    _, restorer = TinyPgDiff().build()
    save_file(restorer.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="looks like PGDiff's restorer .*expected pgdiff_prior"):
        _ = TinyPgDiff(task="inpainting", weights=tmp_path / "w.safetensors").networks


@TASKS
def test_missing_weights_are_named(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DICFACE_WEIGHTS", raising=False)
    method = dicface.methods.create("pgdiff", task=task)
    with pytest.raises(MethodError, match="not at hand: iddpm_ffhq512_ema500000.pth") as caught:
        next(method.restore(clip_of(1)))
    assert ("rrdb_iter_100000.pth" in str(caught.value)) == (task == "bfr")


# Reference tensors


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("pgdiff_unet_small", "golden.npz"),
        pytest.param("pgdiff_arcface", "golden.npz", marks=pytest.mark.slow),
        pytest.param("pgdiff_sampling", "golden.npz", marks=pytest.mark.slow),
        pytest.param("pgdiff_restorer", "golden.npz", marks=pytest.mark.slow),
        pytest.param("pgdiff_unet", "golden.npz", marks=pytest.mark.slow),
        pytest.param("pgdiff_sampling", "golden_full.npz", marks=pytest.mark.slow),
    ],
)
def test_every_stored_tensor_is_met(name: str, file: str, shared: Path):
    golden = shared / "facts" / name / file
    failed = [str(item) for item in deviations(name, golden, seed=0) if not item.ok]
    assert not failed
