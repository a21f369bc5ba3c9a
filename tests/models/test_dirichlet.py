"""The Dirichlet distribution: divergence, samples and their gradients, also where floats end."""

import mpmath
import numpy as np
import pytest
import scipy.special
import torch

from dicface.models import dirichlet

N = 1024
LEVELS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 1e2, 1e3, 1e4)
PRIORS = (1e-4, 1e-2, 0.1, 1.0, 10.0, 1e4)


def grid(prior: float) -> torch.Tensor:
    """Rows of α̂: each level alone, all levels mixed, and four neighbourhoods of the prior."""
    rng = np.random.default_rng(0)
    rows = [np.full(N, level) for level in LEVELS]
    rows += [10 ** rng.uniform(-4, 4, N), rng.choice([1e-4, 1e4], N)]
    rows += [np.full(N, prior * factor) for factor in (0.999, 1.001)]
    rows += [prior * (1 + 1e-3 * rng.choice([-1, 1], N)), prior * rng.uniform(0.999, 1.001, N)]
    return torch.tensor(np.stack(rows), dtype=torch.float32)


def exact_kl(alpha: torch.Tensor, prior: float) -> tuple[float, list[float]]:
    """The divergence and its first gradients in 50 digits."""
    with mpmath.workdps(50):
        a, b = [mpmath.mpf(float(x)) for x in alpha], mpmath.mpf(prior)
        total, n = sum(a), len(a)
        value = mpmath.loggamma(total) - sum(map(mpmath.loggamma, a))
        value += n * mpmath.loggamma(b) - mpmath.loggamma(n * b)
        value += sum((x - b) * (mpmath.digamma(x) - mpmath.digamma(total)) for x in a)
        shared = (total - n * b) * mpmath.polygamma(1, total)
        return float(value), [float((x - b) * mpmath.polygamma(1, x) - shared) for x in a[:3]]


@pytest.mark.parametrize("prior", PRIORS)
def test_kl_and_gradient_equal_fifty_digits(prior):
    alpha = grid(prior)
    alpha = alpha[[0, 4, 8, 9, 11, 13]].requires_grad_()
    value = dirichlet.kl(alpha, prior)
    (grad,) = torch.autograd.grad(value.sum(), alpha)
    for row in range(len(alpha)):
        expected, slopes = exact_kl(alpha.detach()[row], prior)
        if expected > 1e-6:  # a level may be the prior itself
            assert value[row].item() == pytest.approx(expected, rel=1e-6)
            assert grad[row, :3].tolist() == pytest.approx(slopes, rel=1e-6)
        else:
            assert abs(value[row].item()) < 1e-9


@pytest.mark.parametrize("prior", PRIORS)
def test_kl_equals_torch_distributions_in_float64(prior):
    alpha = grid(prior).double()
    ours = dirichlet.kl(alpha, prior)
    reference = torch.distributions.kl_divergence(
        torch.distributions.Dirichlet(alpha),
        torch.distributions.Dirichlet(torch.full_like(alpha, prior)),
    )
    far = reference > 1e-2  # nearer, torch's own cancellation shows
    assert far.any()
    torch.testing.assert_close(ours[far], reference[far], rtol=1e-6, atol=0)


def test_kl_without_constant_is_the_release_formula():
    alpha = grid(0.1)[:11].double().numpy()
    total, b = alpha.sum(-1), 0.1
    expected = scipy.special.gammaln(total) - scipy.special.gammaln(alpha).sum(-1)
    difference = scipy.special.psi(alpha) - scipy.special.psi(total)[:, None]
    expected += ((alpha - b) * difference).sum(-1)
    ours = dirichlet.kl(torch.from_numpy(alpha), b, constant=False).numpy()
    assert ours == pytest.approx(expected, rel=1e-6)


def test_kl_gradient_equals_autograd_and_differences():
    alpha = torch.tensor([[0.02, 0.5, 3.0, 40.0], [1.0, 1.001, 0.999, 1.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a: dirichlet.kl(a, 1.0), alpha.requires_grad_())
    direct = alpha.detach().clone().requires_grad_()
    total = direct.sum(-1)
    value = torch.lgamma(total) - torch.lgamma(direct).sum(-1)
    value += ((direct - 1) * (torch.digamma(direct) - torch.digamma(total)[:, None])).sum(-1)
    (expected,) = torch.autograd.grad(value.sum(), direct)
    (ours,) = torch.autograd.grad(dirichlet.kl(alpha, 1.0, constant=False).sum(), alpha)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_kl_is_zero_at_the_prior_and_positive_elsewhere():
    alpha = torch.full((2, N), 1.0)
    alpha[1, 0] = 1.01
    value = dirichlet.kl(alpha, 1.0)
    assert value[0] == 0
    assert value[1] > 0


@pytest.mark.parametrize("autocast", [False, True])
def test_everything_is_finite_from_1e_4_to_1e4(autocast):
    generator = torch.Generator().manual_seed(0)
    for prior in PRIORS:
        alpha = grid(prior).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            w = dirichlet.rsample(alpha, generator)
            mean = dirichlet.mean(alpha)
            kl = dirichlet.kl(alpha, prior)
            assert w.dtype == mean.dtype == kl.dtype == torch.float32
            values = torch.randn(N, generator=generator)
            loss = kl.mean() + (w * values).sum(-1).mean() + (mean * values).sum(-1).mean()
        (grad,) = torch.autograd.grad(loss, alpha)
        for tensor in (w, mean, kl, grad):
            assert tensor.isfinite().all()
        torch.testing.assert_close(w.sum(-1), torch.ones(len(w)))


def test_half_precision_logits_give_float32_concentrations():
    logits = torch.tensor([-200.0, -5.0, 0.0, 30.0, 3e4], dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        alpha = dirichlet.concentration(logits, 1e-2)
    expected = np.logaddexp(0, logits.detach().double().numpy()) + 1e-2
    assert alpha.detach().numpy() == pytest.approx(expected, rel=1e-5)
    dirichlet.kl(alpha, 1.0).backward()
    assert alpha.dtype == torch.float32
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("level", [1e-4, 1e-2, 0.5, 1.0, 30.0])
def test_samples_have_the_moments_of_the_distribution(level):
    draws, n = 20_000, 16
    alpha = torch.full((draws, n), level)
    alpha[:, 0] *= 3
    w = dirichlet.rsample(alpha, torch.Generator().manual_seed(1)).double()
    total = alpha[0].double().sum()
    mean = alpha[0].double() / total
    variance = mean * (1 - mean) / (total + 1)
    error = 5 * (variance / draws).sqrt()
    assert ((w.mean(0) - mean).abs() < error).all()
    fourth = ((w - mean) ** 4).mean(0)
    assert ((w.var(0) - variance).abs() < 5 * (fourth / draws).sqrt()).all()


def test_tiny_concentrations_give_one_hot_samples_not_uniform_ones():
    """Gammas of shape 1e-4 underflow; normalising them would make half the rows uniform."""
    w = dirichlet.rsample(torch.full((2000, 64), 1e-4), torch.Generator().manual_seed(2))
    assert w.max(-1).values.mean() > 0.99
    assert w.argmax(-1).unique().numel() == 64


def test_samples_repeat_with_the_generator():
    alpha = torch.rand(4, 32)
    first, again, other = (
        dirichlet.rsample(alpha, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_gradient_of_the_gamma_draws_is_implicit_reparameterisation():
    """d log γ / da at a fixed quantile, by differences of the inverse distribution function."""
    a = torch.logspace(-2, 3, 400, dtype=torch.float64).requires_grad_()
    log_x = dirichlet._LogGamma.apply(a, torch.Generator().manual_seed(3))
    (grad,) = torch.autograd.grad(log_x.sum(), a)
    shape, x = a.detach().numpy(), log_x.detach().exp().numpy()
    quantile = scipy.special.gammainc(shape, x)
    inner = (x > 1e-200) & (quantile > 1e-3) & (quantile < 0.999)
    step = 1e-4 * shape
    upper, lower = (np.log(scipy.special.gammaincinv(shape + s, quantile)) for s in (step, -step))
    expected = (upper - lower) / (2 * step)
    assert inner.sum() > 200
    # torch's own approximation of the gamma gradient is good to about 1e-3.
    assert grad.numpy()[inner] == pytest.approx(expected[inner], rel=5e-3)


@pytest.mark.parametrize("level", [1e-2, 1.0, 10.0])
def test_gradient_of_samples_is_unbiased(level):
    draws, n = 4000, 64
    alpha = torch.full((draws, n), level, requires_grad=True)
    values = torch.linspace(-1, 1, n)
    w = dirichlet.rsample(alpha, torch.Generator().manual_seed(4))
    (grad,) = torch.autograd.grad((w @ values).sum(), alpha)
    expected = (values - values.mean()) / (n * level)  # of E[values · w]
    slopes = (grad @ expected) / (expected @ expected)
    assert abs(slopes.mean() - 1) < 5 * slopes.std() / draws**0.5
    assert slopes.std() / draws**0.5 < 0.05
