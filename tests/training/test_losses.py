"""The objectives: values by hand, named settings, and what they say when weights are missing."""

import math

import pytest
import torch
from torch import nn

from dicface.base.errors import ConfigError, WeightsError
from dicface.models import dirichlet
from dicface.training import losses
from dicface.training.lpips import PerceptualLoss, perceptual_network, untrained_network
from dicface.weights import registry


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = untrained_network()
    for lin in network.lins:  # distances need positive weights
        nn.init.uniform_(lin.model[1].weight, 0, 0.1)
    return network


def images(seed: int, n: int = 2, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_objective_is_the_weighted_sum_of_its_terms(network):
    pred, y = images(0), images(1)
    alpha = torch.rand(2, 16, 8) + 0.1
    perceptual = PerceptualLoss(network)
    objective = losses.Objective(prior=0.5, kl_weight=0.3, lambda2=2.0, perceptual=perceptual)
    terms = objective(pred, y, alpha)
    assert terms["l1"].item() == pytest.approx((pred - y).abs().mean().item(), rel=1e-6)
    assert terms["kl"].item() == pytest.approx(dirichlet.kl(alpha, 0.5).mean().item(), rel=1e-6)
    total = terms["l1"] + 0.3 * terms["kl"] + 2 * perceptual(pred, y)
    assert terms["total"].item() == pytest.approx(total.item(), rel=1e-6)


def test_switched_off_terms_are_not_computed():
    objective = losses.Objective(kl_weight=0, lambda2=0)
    terms = objective(images(0), images(1), torch.full((2, 4), float("nan")))
    assert set(terms) == {"total", "l1"}
    assert terms["total"].isfinite()


def test_dropped_constant_changes_the_value_not_the_gradient():
    y, alpha = images(0), torch.rand(4, 16, requires_grad=True)
    values, grads = [], []
    for constant in (True, False):
        objective = losses.Objective(kl_constant=constant, lambda2=0)
        value = objective(y, y, alpha + 0.1)["total"]
        grads.append(torch.autograd.grad(value, alpha)[0])
        values.append(value.item())
    assert torch.equal(*grads)
    assert values[0] - values[1] == pytest.approx(-math.lgamma(16), rel=1e-5)


def test_prior_must_be_positive():
    with pytest.raises(ConfigError, match="prior = 0"):
        losses.Objective(prior=0, lambda2=0)


def test_lpips_normalised_once_is_the_package_and_twice_is_not(network):
    pred, y = images(0), images(1)
    once, twice = (PerceptualLoss(network, kind) for kind in ("once", "twice"))
    assert once(pred, y).item() == pytest.approx(network(pred, y).mean().item(), rel=1e-5)
    assert twice(pred, y).item() != pytest.approx(once(pred, y).item(), rel=1e-3)
    assert once(y, y) == 0
    with pytest.raises(ConfigError, match="thrice"):
        PerceptualLoss(network, "thrice")


def test_lpips_is_frozen_deterministic_and_differentiable(network):
    loss = PerceptualLoss(network)
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    pred, y = images(0).requires_grad_(), images(1).requires_grad_()
    holder = nn.ModuleList([loss]).train()  # would switch dropout on
    assert holder[0](pred, y) == holder[0](pred, y)
    holder[0](pred, y).backward()
    assert pred.grad.abs().sum() > 0
    assert y.grad is None


def test_missing_vgg_weights_are_an_error_that_names_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=r"vgg16-397923af\.pth.*lambda2"):
        losses.Objective()
    assert registry.find("vgg16") is None


def test_backbone_file_is_loaded_and_another_network_refused(network, tmp_path):
    vgg = {
        f"features.{key.split('.', 1)[1]}": tensor for key, tensor in network.net.named_parameters()
    }
    path = tmp_path / "vgg16.pth"
    torch.save(vgg, path)
    loaded = perceptual_network(path)
    for ours, theirs in zip(loaded.net.parameters(), network.net.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    for ours, theirs in zip(loaded.lins, network.lins, strict=True):  # the package's own, trained
        assert (ours.model[1].weight >= 0).all()
        assert not torch.equal(ours.model[1].weight, theirs.model[1].weight)
    torch.save({"features.0.weight": vgg["features.0.weight"]}, path)
    with pytest.raises(WeightsError, match="not torchvision's VGG16"):
        perceptual_network(path)


def test_code_loss_by_hand():
    logits = torch.tensor([[[2.0, 0.0], [0.0, 0.0]]], requires_grad=True)
    lq_feat, codes = torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 3.0]]]], requires_grad=True)
    terms = losses.code_loss(logits, lq_feat, torch.tensor([[[0, 1]]]), codes)
    cross_entropy = (torch.log1p(torch.exp(torch.tensor(-2.0))) + torch.log(torch.tensor(2.0))) / 2
    assert terms["cross_entropy"].item() == pytest.approx(cross_entropy.item(), rel=1e-6)
    assert terms["feature"].item() == 5
    assert terms["total"].item() == pytest.approx(5 + 0.5 * cross_entropy.item(), rel=1e-6)
    terms["total"].backward()
    assert codes.grad is None


def test_hinge_losses_by_hand():
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 1.0])
    assert losses.hinge_g(fake) == 1
    assert [value.item() for value in losses.hinge_d(real, fake)] == [0.5, 1.0]


def test_vq_loss_puts_beta_where_it_is_told():
    z, zq = torch.zeros(1, requires_grad=True), torch.ones(1, requires_grad=True)
    for beta_on, to_encoder, to_codebook in (("codebook", -2, 0.5), ("commitment", -0.5, 2)):
        loss = losses.vq_loss(z, zq, 0.25, beta_on)
        grads = torch.autograd.grad(loss, (z, zq))
        assert loss.item() == 1.25
        assert [grad.item() for grad in grads] == [to_encoder, to_codebook]


def test_adaptive_weight_is_the_ratio_of_gradients():
    layer = torch.ones(4, requires_grad=True)
    weight = losses.adaptive_weight((3 * layer).sum(), (0.5 * layer).sum(), layer)
    assert weight.item() == pytest.approx(6, rel=1e-3)
    assert not weight.requires_grad
    assert losses.adaptive_weight((3 * layer).sum(), (0 * layer).sum(), layer).item() == 1e4


def test_the_divergence_is_weighed_by_eq_7_at_every_size() -> None:
    assert losses.kl_weight(1.0, 64, 16) == pytest.approx(1 / 48)
    assert losses.kl_weight(1.0, 512, 16) == pytest.approx(1 / 3072)
    assert losses.kl_weight("release", 512, 16) == 1
    assert losses.kl_weight(0.0, 64, 16) == 0
