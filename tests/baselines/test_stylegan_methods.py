"""GPEN and GFPGAN: networks, methods, weights files."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

import dicface.methods
from baselines.gfpgan import Gfpgan
from baselines.gpen import Gpen
from baselines.networks import gfpgan as gfpgan_network
from baselines.networks import gpen as gpen_network
from baselines.networks import stylegan2
from dicface.base.errors import MethodError, WeightsError
from dicface.restoring.runner import restore_clip, to_tensor, to_uint8
from tests.parity.compare import deviations

SIZE = 16
TINY = {"channel_multiplier": 1, "narrow": 1 / 64, "style_dim": 8, "n_mlp": 2}
METHODS = [(Gpen, "bfr"), (Gpen, "inpainting"), (Gpen, "colorization"), (Gfpgan, "bfr")]
CASES = pytest.mark.parametrize(("kind", "task"), METHODS)


class TinyGpen(Gpen):
    def build(self) -> torch.nn.Module:
        return gpen_network.Gpen(SIZE if self.task == "bfr" else 2 * SIZE, **TINY)


class TinyGfpgan(Gfpgan):
    def build(self) -> torch.nn.Module:
        return gfpgan_network.Gfpgan(SIZE, **TINY)


def seeded(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Fills all but the blur kernels; no factor that tests rely on stays zero."""
    generator = torch.Generator().manual_seed(seed)
    for key, tensor in network.state_dict().items():
        if not key.endswith(".kernel"):
            centre = 1.0 if key.endswith("modulation.bias") else 0.0
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.3 + centre)
    return network.eval()


def ready(kind: type, task: str = "bfr", **settings: object) -> Gpen | Gfpgan:
    method = {Gpen: TinyGpen, Gfpgan: TinyGfpgan}[kind](task=task, **settings)
    method.network = seeded(method.build())
    return method


def clip_of(num_frames: int, seed: int = 0) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    return [
        to_tensor(cv2.resize(rng.integers(0, 256, (4, 4, 3), np.uint8), (SIZE, SIZE)))
        for _ in range(num_frames)
    ]


# Layers


def test_demodulated_weights_have_unit_norm():
    layer = stylegan2.ModulatedConv2d(6, 5, 3, 4, equalised=True)
    x, style = torch.randn(2, 6, 7, 7), torch.randn(2, 4)
    weight = layer.weight[0] * layer.scale * layer.modulation(style)[1].view(1, -1, 1, 1)
    weight = weight / weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    alone = functional.conv2d(x[1:], weight, padding=1)
    torch.testing.assert_close(layer(x, style)[1:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("upsample", [None, "blur", "bilinear"])
def test_each_image_is_convolved_with_its_own_weights(upsample: str | None):
    layer = stylegan2.ModulatedConv2d(4, 3, 3, 5, upsample=upsample, equalised=False)
    x, style = torch.randn(3, 4, 8, 8), torch.randn(3, 5)
    together = layer(x, style)
    assert together.shape[-1] == (16 if upsample else 8)
    for i in range(3):
        torch.testing.assert_close(together[i], layer(x[i : i + 1], style[i : i + 1])[0])


def test_upsample_is_zero_insertion_and_blur():
    x = torch.randn(2, 3, 5, 6)
    stretched = torch.zeros(2, 3, 10, 12)
    stretched[..., ::2, ::2] = x
    kernel = stylegan2.blur_kernel(gain=4.0).expand(3, 1, 4, 4)
    expected = functional.conv2d(functional.pad(stretched, (2, 1, 2, 1)), kernel, groups=3)
    torch.testing.assert_close(stylegan2.Upsample()(x), expected)


def test_blur_keeps_the_mean_inside():
    constant = torch.full((1, 2, 8, 8), 3.0)
    blurred = stylegan2.Blur(pad=2)(constant)
    assert blurred.shape == (1, 2, 9, 9)
    torch.testing.assert_close(blurred[..., 2:7, 2:7], torch.full((1, 2, 5, 5), 3.0))


def test_equalised_linear_undoes_its_learning_rate():
    layer = stylegan2.EqualLinear(9, 4, lr_mul=0.01, activate=True)
    x = torch.randn(2, 9)
    y = functional.linear(x, layer.weight * 0.01 / 3) + layer.bias * 0.01
    torch.testing.assert_close(layer(x), torch.where(y > 0, y, 0.2 * y) * math.sqrt(2))


@pytest.mark.parametrize("size", [4, 48, 2048])
def test_impossible_size_is_named(size: int):
    with pytest.raises(ValueError, match=f"size is {size}; expected a power of two"):
        stylegan2.levels_of(size)


# Networks


@pytest.mark.parametrize(
    ("variant", "num_keys", "num_params"),
    [
        ("GPEN-BFR-512", 163, 71_005_223),
        ("GPEN-BFR-256", 144, 18_879_010),
        ("GPEN-Inpainting-1024", 182, 71_210_540),
        ("GPEN-Colorization-1024", 182, 71_210_540),
    ],
)
def test_gpen_variants_have_the_released_size(variant: str, num_keys: int, num_params: int):
    with torch.device("meta"):
        network = gpen_network.Gpen(**gpen_network.VARIANTS[variant])
    assert len(network.state_dict()) == num_keys
    assert sum(p.numel() for p in network.parameters()) == num_params


def test_gfpgan_has_the_released_size():
    with torch.device("meta"):
        network = gfpgan_network.Gfpgan()
    assert len(network.state_dict()) == 285
    assert sum(p.numel() for p in network.parameters()) == 86_444_252
    assert network.noise_sizes() == [4] + [2**k for k in range(3, 10) for _ in range(2)]


@pytest.mark.parametrize("kind", [gpen_network.Gpen, gfpgan_network.Gfpgan])
@torch.inference_mode()
def test_images_of_a_batch_do_not_mix(kind: type):
    network = seeded(kind(SIZE, **TINY))
    x = torch.randn(2, 3, SIZE, SIZE)
    together = network(x)
    assert together.shape == x.shape
    assert together.std() > 0
    torch.testing.assert_close(network(x[1:]), together[1:], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_gfpgan_uses_the_stored_noise_unless_given_other():
    network = seeded(gfpgan_network.Gfpgan(SIZE, **TINY))
    x = torch.randn(1, 3, SIZE, SIZE)
    stored = [
        network.get_buffer(f"stylegan_decoder.noises.noise{i}")
        for i in range(len(network.noise_sizes()))
    ]
    assert torch.equal(network(x), network(x, stored))
    for i in range(len(stored)):
        other = [noise + (number == i) for number, noise in enumerate(stored)]
        assert not torch.equal(network(x), network(x, other)), f"noise {i} is not used"


@torch.inference_mode()
def test_gfpgan_modulates_the_second_half_of_the_channels():
    network = seeded(gfpgan_network.Gfpgan(SIZE, **TINY))
    seen = []
    decoder = network.stylegan_decoder
    decoder.style_convs[0].register_forward_hook(lambda _, __, out: seen.append(out))
    decoder.style_convs[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.condition_scale[0].register_forward_hook(lambda _, __, out: seen.insert(0, out))
    network.condition_shift[0].register_forward_hook(lambda _, __, out: seen.insert(1, out))
    network(torch.randn(1, 3, SIZE, SIZE))
    scale, shift, before, after = seen
    half = before.shape[1] // 2
    assert torch.equal(after[:, :half], before[:, :half])
    torch.testing.assert_close(after[:, half:], before[:, half:] * scale + shift)


# Methods


def test_facts():
    gpen, gfpgan = dicface.methods.method("gpen").facts, dicface.methods.method("gfpgan").facts
    assert gpen.tasks == dicface.methods.TASKS
    assert gfpgan.tasks == ("bfr",)
    for facts in (gpen, gfpgan):
        assert (facts.window, facts.chunk, facts.size, facts.aligned) == (1, None, 512, True)
        assert set(facts.weights) == set(facts.tasks)
        assert facts.licence
        assert " @ " in facts.source
    assert gfpgan.commercial
    assert not gpen.commercial


@CASES
def test_official_networks_fit_the_task(kind: type, task: str):
    with torch.device("meta"):
        network = kind(task=task).build()
    assert network.size == (512 if task == "bfr" else 1024)


@CASES
@pytest.mark.parametrize("num_frames", [0, 1, 5])
def test_one_frame_out_for_each_in(kind: type, task: str, num_frames: int):
    restored = list(ready(kind, task).restore(clip_of(num_frames), clip="a"))
    assert len(restored) == num_frames
    for frame in restored:
        assert frame.shape == (3, SIZE, SIZE)
        assert frame.dtype == torch.float32
        assert 0 <= frame.min() <= frame.max() <= 1


@CASES
def test_frames_stream(kind: type, task: str):
    taken = []

    def frames():
        for number, frame in enumerate(clip_of(3)):
            taken.append(number)
            yield frame

    restored = ready(kind, task).restore(frames(), clip="a")
    next(restored)
    assert taken == [0]
    assert not torch.is_inference_mode_enabled()


@CASES
def test_same_clip_same_result(kind: type, task: str):
    method = ready(kind, task)
    once = torch.stack(list(method.restore(clip_of(3), clip="a")))
    torch.manual_seed(1)
    again = torch.stack(list(ready(kind, task).restore(clip_of(3), clip="a")))
    assert torch.equal(once, again)


def test_gfpgan_noise_depends_on_clip_and_frame_alone():
    method = ready(Gfpgan)
    still = clip_of(1) * 3
    frames = torch.stack(list(method.restore(still, clip="a")))
    assert not torch.equal(frames[0], frames[1])
    assert not torch.equal(frames[0], next(method.restore(still, clip="b")))
    assert torch.equal(frames[0], next(method.restore(still[:1], clip="a")))


def test_gpen_frames_do_not_depend_on_the_clip():
    method = ready(Gpen)
    still = clip_of(1) * 2
    frames = list(method.restore(still, clip="a"))
    assert torch.equal(frames[0], frames[1])
    assert torch.equal(frames[0], next(method.restore(still, clip="b")))


@torch.inference_mode()
def test_gfpgan_maps_ranges_as_its_release():
    method = ready(Gfpgan)
    frame = clip_of(1)[0]
    noises = method._noises("a", 0)
    expected = method.network((frame[None] - 0.5) / 0.5, noises)[0].clamp(-1, 1) / 2 + 0.5
    torch.testing.assert_close(next(method.restore([frame], clip="a")), expected)


@torch.inference_mode()
def test_gpen_truncates_to_8_bits():
    method = ready(Gpen)
    frame = clip_of(1)[0]
    raw = method.network((frame[None] - 0.5) / 0.5)[0].numpy() * 0.5 + 0.5
    expected = (np.clip(raw, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    assert (np.clip(raw, 0, 1) * 255 % 1 > 0.5).any()
    assert np.array_equal(to_uint8(next(method.restore([frame]))), expected)


@torch.inference_mode()
def test_gpen_inpaints_at_the_networks_size():
    method = ready(Gpen, "inpainting")
    frame = clip_of(1)[0]
    large = cv2.resize(to_uint8(frame), (2 * SIZE, 2 * SIZE))
    raw = method.network((to_tensor(large)[None] - 0.5) / 0.5)[0].numpy() * 0.5 + 0.5
    image = (np.clip(raw, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    expected = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    assert np.array_equal(to_uint8(next(method.restore([frame]))), expected)


def test_gpen_colorization_keeps_the_inputs_y():
    grey = [frame.mean(0, keepdim=True).expand(3, -1, -1) for frame in clip_of(2)]
    colour, inpainted = ready(Gpen, "colorization"), ready(Gpen, "inpainting")
    # Weak colours, so that none leaves the 8-bit range and is clipped.
    for method in (colour, inpainted):
        for to_rgb in (method.network.generator.to_rgb1, *method.network.generator.to_rgbs):
            to_rgb.conv.weight.data.mul_(0.05)
            to_rgb.bias.data.mul_(0.05)
    for frame, result, raw in zip(grey, colour.restore(grey), inpainted.restore(grey), strict=True):
        luma = [cv2.cvtColor(to_uint8(f), cv2.COLOR_RGB2YUV)[..., 0] for f in (frame, result)]
        inside = (luma[0] > 40) & (luma[0] < 215)
        assert np.abs(luma[0].astype(int) - luma[1])[inside].max() <= 1
        assert not torch.equal(result, raw)


def test_gpen_names_frame_and_clip_of_values_that_are_not_finite():
    method = ready(Gpen)
    method.network.generator.to_rgb1.bias.data[0, 0] = math.nan
    frames = method.restore(clip_of(1), clip="holiday")
    with pytest.raises(MethodError, match=r"GPEN, clip 'holiday', frame 0: .*not finite"):
        next(frames)


def test_gfpgan_passes_values_that_are_not_finite_to_the_runner():
    method = ready(Gfpgan)
    method.network.stylegan_decoder.to_rgb1.bias.data[0, 0] = math.nan
    assert next(method.restore(clip_of(1))).isnan().any()


def test_gfpgan_names_a_frame_of_another_size():
    frames = ready(Gfpgan).restore([torch.zeros(3, 8, SIZE)], clip="holiday")
    with pytest.raises(
        MethodError, match=r"clip 'holiday', frame 0: .*\(3, 8, 16\).*\(3, 16, 16\)"
    ):
        next(frames)


@CASES
def test_other_sizes_are_unavailable(kind: type, task: str):
    assert "512×512" in kind(task=task).unavailable(size=64)


@CASES
def test_whole_clip_through_the_runner(kind: type, task: str, tmp_path: Path):
    source = tmp_path / "clip"
    source.mkdir()
    for number, frame in enumerate(clip_of(3)):
        cv2.imwrite(str(source / f"{number:03}.png"), to_uint8(frame)[..., ::-1])
    info = restore_clip(ready(kind, task), source, tmp_path / "out.mkv")
    assert (info.num_frames, info.height, info.width) == (3, SIZE, SIZE)


# Weights files


@pytest.mark.parametrize(
    ("kind", "wrapper"),
    [(TinyGpen, None), (TinyGpen, "g_ema"), (TinyGfpgan, "params_ema"), (TinyGfpgan, "params")],
)
def test_released_file_is_loaded(kind: type, wrapper: str | None, tmp_path: Path):
    state = seeded(kind().build(), seed=3).state_dict()
    path = tmp_path / "weights.pth"
    torch.save(state if wrapper is None else {wrapper: state}, path)
    network = kind(weights=path).network
    assert not network.training
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_averaged_weights_come_first(tmp_path: Path):
    averaged, last = (seeded(TinyGfpgan().build(), seed).state_dict() for seed in (1, 2))
    torch.save({"params": last, "params_ema": averaged}, tmp_path / "weights.pth")
    network = TinyGfpgan(weights=tmp_path / "weights.pth").network
    assert torch.equal(network.state_dict()["final_conv.bias"], averaged["final_conv.bias"])


def test_weights_of_another_network_are_described(tmp_path: Path):
    save_file(TinyGfpgan().build().state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        _ = TinyGpen(weights=tmp_path / "w.safetensors").network
    message = str(caught.value)
    for part in ("w.safetensors", "ecd0.0.0.weight", "missing", "looks like GFPGAN", "GPEN"):
        assert part in message


def test_weights_of_another_size_are_described(tmp_path: Path):
    state = TinyGpen(task="inpainting").build().state_dict()
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"does not have \(ecd3.*looks like GPEN.*expected GPEN"):
        _ = TinyGpen(weights=tmp_path / "w.safetensors").network


@CASES
def test_missing_weights_are_named(
    kind: type, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DICFACE_WEIGHTS", raising=False)
    with pytest.raises(MethodError, match=r"not at hand: (GPEN|GFPGAN).*\.pth .*https://"):
        list(kind(task=task).restore(clip_of(1)))


# Reference tensors


@pytest.mark.parity
@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpen", "gfpgan"])
def test_network_equals_the_reference(name: str, shared: Path):
    golden = shared / "facts" / name / "golden.npz"
    failed = [str(item) for item in deviations(name, golden, seed=0) if not item.ok]
    assert not failed
