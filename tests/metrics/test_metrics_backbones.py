"""The networks behind LPIPS, IDS, AKD and FVD: choice, mapping of weights, geometry."""

import cv2
import lpips
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from skimage.data import astronaut
from torchvision.models import vgg16

from dicface.base.errors import ConfigError, MetricError, WeightsError
from dicface.base.files import sha256_of
from dicface.faces.dlib_models import Box
from dicface.metrics import METRICS
from dicface.metrics.backbones import OFFICIAL_FILES, Backbones
from dicface.metrics.backbones.identity import ARCFACE_POINTS, ArcFaceIdentity, five_points
from dicface.metrics.backbones.landmarks import FanLandmarks, fan_crop, heatmap_peaks
from dicface.metrics.backbones.perceptual import OfficialPerceptual, RandomPerceptual
from dicface.metrics.backbones.video import I3DFeatures
from dicface.metrics.lpips import lpips_distance
from dicface.weights import registry


@pytest.fixture(scope="module")
def frames() -> tuple[np.ndarray, np.ndarray]:
    truth = np.ascontiguousarray(astronaut()[60:124, 190:254])
    return cv2.GaussianBlur(truth, (0, 0), 1.5), truth


@pytest.fixture(scope="module")
def random_vgg() -> RandomPerceptual:
    return RandomPerceptual("cpu", "test")


def as_batch(frame: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255


def test_lpips_equals_the_package_called_by_hand(
    frames: tuple[np.ndarray, np.ndarray], random_vgg: RandomPerceptual
) -> None:
    restored, truth = frames
    with torch.inference_mode():
        by_hand = random_vgg.network(as_batch(restored), as_batch(truth), normalize=True)
    assert random_vgg.distance(restored[None], truth[None]) == pytest.approx(
        float(by_hand), rel=1e-5
    )


def test_random_lpips_is_a_distance_that_grows_with_blur_and_noise(
    frames: tuple[np.ndarray, np.ndarray], random_vgg: RandomPerceptual
) -> None:
    _, truth = frames
    assert random_vgg.distance(truth[None], truth[None]) == 0
    blurred = [cv2.GaussianBlur(truth, (0, 0), sigma) for sigma in (0.5, 1, 2, 4)]
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    noisy = [np.clip(truth + s * noise, 0, 255).astype(np.uint8) for s in (3, 10, 30)]
    for worse_and_worse in (blurred, noisy):
        values = [random_vgg.distance(frame[None], truth[None]).item() for frame in worse_and_worse]
        assert values == sorted(values)
        assert values[0] > 0


def test_random_weights_are_the_same_everywhere(random_vgg: RandomPerceptual) -> None:
    torch.manual_seed(3)
    assert RandomPerceptual("cpu", "test").info == random_vgg.info
    # Another digest means another distance: values before and after cannot be compared.
    assert random_vgg.info.sha256.startswith("e2ec52f46f50e8e1")
    assert (random_vgg.info.name, random_vgg.info.official) == ("random-vgg16", False)


def test_official_lpips_puts_released_weights_where_the_package_does(
    tmp_path, frames: tuple[np.ndarray, np.ndarray]
) -> None:
    path = tmp_path / "vgg16.pth"
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in vgg16().state_dict().items() if k.startswith("features")}
    generator = torch.Generator().manual_seed(0)
    released = {
        key: torch.randn(shape, generator=generator) * (2 / max(shape[1:].numel(), 1)) ** 0.5
        for key, shape in shapes.items()
    }
    torch.save(released, path)
    ours = OfficialPerceptual(path, "vgg", "cpu")

    theirs = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    for key, value in theirs.net.state_dict().items():
        value.copy_(released["features." + key.split(".", 1)[1]])
    restored, truth = frames
    with torch.inference_mode():
        expected = float(theirs(as_batch(restored), as_batch(truth), normalize=True))
    assert ours.distance(restored[None], truth[None]) == pytest.approx(expected, rel=1e-5)
    assert expected > 0
    assert ours.info.official
    assert ours.info.sha256 == sha256_of(path)


def test_official_lpips_refuses_another_network(tmp_path) -> None:
    path = tmp_path / "vgg16.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(WeightsError, match=r"has no 'features\.0\.bias'"):
        _ = OfficialPerceptual(path, "vgg", "cpu").network


def test_lpips_refuses_frames_too_small_for_its_network(random_vgg: RandomPerceptual) -> None:
    tiny = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(MetricError, match="at least 32×32"):
        lpips_distance(tiny[None], tiny[None], random_vgg.network)


def test_auto_takes_offline_networks_where_no_file_is_at_hand(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    chosen = Backbones.resolve("auto")
    names = {metric: chosen.of(facts).name for metric, facts in METRICS.items()}
    assert names == {
        "psnr": "pixels",
        "ssim": "pixels",
        "lpips": "random-vgg16",
        "ids": "dlib-resnet",
        "akd": "dlib-68",
        "fvd": "random-r3d18",
        "tlme": "dlib-68",
    }
    official = [metric for metric, facts in METRICS.items() if chosen.of(facts).official]
    assert official == ["psnr", "ssim"]
    assert "w600k_r50.onnx is not at hand" in chosen.identity.info.reason
    with pytest.raises(WeightsError, match=r"vgg16-397923af\.pth.*not at hand.*auto"):
        Backbones.resolve("official")


def test_a_damaged_official_file_is_an_error_and_never_a_fallback(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    (tmp_path / registry.entry("vgg16").file).write_bytes(b"not these")
    with pytest.raises(WeightsError, match=r"sha256 is .*expected 397923af"):
        Backbones.resolve("auto")
    assert Backbones.resolve("offline").perceptual.info.reason == "offline backbones were asked for"


def test_official_files_are_taken_one_by_one(monkeypatch, tmp_path) -> None:
    path = tmp_path / "i3d.pt"
    path.write_bytes(b"any")
    only_i3d = {"i3d_torchscript": path}
    monkeypatch.setattr(registry, "find", only_i3d.get)
    chosen = Backbones.resolve("auto")
    assert chosen.of(METRICS["fvd"]).name == "i3d"
    assert chosen.of(METRICS["fvd"]).official
    assert not chosen.of(METRICS["lpips"]).official
    assert Backbones.resolve("offline").of(METRICS["fvd"]).name == "random-r3d18"


def test_every_official_file_is_registered_with_its_digest() -> None:
    for name in (*OFFICIAL_FILES.values(), "alexnet"):
        assert len(registry.entry(name).sha256) == 64


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ConfigError, match="'best'"):
        Backbones.resolve("best")


class Pooled(torch.nn.Module):
    """Stands for FAN: every heat map is the picture itself, 256 px averaged to 64 cells."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        heat = torch.nn.functional.avg_pool2d(x.mean(dim=1, keepdim=True), 4)
        return heat.expand(-1, 68, -1, -1)


def test_fan_finds_a_spot_where_it_is(tmp_path) -> None:
    path = tmp_path / "fan.zip"
    torch.jit.script(Pooled()).save(str(path))
    fan = FanLandmarks(path, "cpu")
    box = Box(150, 140, 350, 340)
    corner, side = fan_crop(box)
    assert side == pytest.approx(200 / 195 * 400)
    assert corner + side / 2 == pytest.approx([250, 240 - 0.12 * 200])
    columns, rows = np.meshgrid(np.arange(512), np.arange(512))
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.uniform(corner + 40, corner + side - 40)
        spot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 8.0**2))
        face = np.repeat(spot[..., None], 3, axis=2).astype(np.uint8)
        points = fan.locate(face, box)
        assert points.shape == (68, 2)
        # A quarter-cell code leaves at most a quarter of a cell (6.4 px) of error.
        assert np.abs(points[0] - [x, y]).max() < 0.3 * side / 64
    assert fan.info.official


def test_heatmap_peaks_step_a_quarter_towards_the_larger_neighbour() -> None:
    heat = np.zeros((3, 64, 64))
    heat[0, 10, 20], heat[0, 10, 21], heat[0, 9, 20] = 1, 0.5, 0.5
    heat[1, 0, 63] = 1
    heat[2, 5, 5] = 1
    assert heatmap_peaks(heat).tolist() == [[20.25, 9.75], [63, 0], [5, 5]]


def save_onnx(path, pool: int) -> None:
    """Stands for ArcFace: mean colours of pool×pool px cells of its input, as a vector."""
    nodes = [
        helper.make_node(
            "AveragePool", ["x"], ["y"], kernel_shape=[pool, pool], strides=[pool, pool]
        ),
        helper.make_node("Flatten", ["y"], ["z"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 112, 112])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, None])
    graph = helper.make_graph(nodes, "arcface", [x], [z])
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def face_points() -> np.ndarray:
    """68 points whose five are ArcFace's template, on a 512-px face."""
    points = np.zeros((68, 2))
    five = ARCFACE_POINTS * 3 + 90
    points[36:42], points[42:48], points[[30, 48, 54]] = five[0], five[1], five[2:]
    return points


def test_arcface_sees_rgb_in_unit_range(tmp_path) -> None:
    save_onnx(tmp_path / "r50.onnx", 112)
    face = np.zeros((512, 512, 3), np.uint8) + np.array([255, 0, 51], np.uint8)
    found = ArcFaceIdentity(tmp_path / "r50.onnx").embed(face, face_points())
    assert found == pytest.approx([1, -1, -0.6], abs=1e-3)


def test_arcface_cuts_the_face_out_by_its_landmarks(tmp_path) -> None:
    save_onnx(tmp_path / "r50.onnx", 8)
    identity = ArcFaceIdentity(tmp_path / "r50.onnx")
    face = cv2.GaussianBlur(astronaut(), (0, 0), 4)
    points = face_points()
    turn = cv2.getRotationMatrix2D((256, 256), 12, 0.9)
    turned = cv2.warpAffine(face, turn, (512, 512), flags=cv2.INTER_CUBIC)
    moved = points @ turn[:, :2].T + turn[:, 2]
    straight = identity.embed(face, points)
    assert identity.embed(turned, moved) == pytest.approx(straight, abs=0.02)
    assert np.abs(identity.embed(turned, points) - straight).max() > 0.2
    assert five_points(points) == pytest.approx(ARCFACE_POINTS * 3 + 90)
    with pytest.raises(MetricError, match="one point"):
        identity.embed(face, np.zeros((68, 2)))


class Means(torch.nn.Module):
    """Stands for I3D: tells size and range of what it was given."""

    def forward(
        self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool
    ) -> torch.Tensor:
        assert return_features
        assert not rescale
        assert not resize
        told = torch.tensor([float(s) for s in x.shape] + [float(x.min()), float(x.max())])
        return torch.nn.functional.pad(told, (0, 400 - 7))[None]


def test_i3d_is_given_16_frames_of_224_px_in_unit_range(tmp_path) -> None:
    path = tmp_path / "i3d.pt"
    torch.jit.script(Means()).save(str(path))
    video = I3DFeatures(path, "cpu")
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[32:] = 255
    window = np.stack([video.prepare(frame)] * 16)
    assert video.features(window)[:8].tolist() == [1, 3, 16, 224, 224, -1, 1, 0]
