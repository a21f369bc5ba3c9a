"""Losses, the learning-rate schedule and the discriminator."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace

import numpy as np
import torch

from dicface.models import build, dirichlet
from dicface.training import losses
from dicface.training.loop import learning_rate
from dicface.training.lpips import PerceptualLoss, untrained_network
from tests.parity.cases._recipe import Tolerance, fill, fill_as, image, normal

# Against float64: relative for each element, as the losses span many orders of magnitude.
KL = Tolerance(1e-4, of="element", floor=1e-3)
KL_FLOAT32 = Tolerance(1e-3, of="element", floor=1.0)  # the stored value itself is rounded
SMALL = Tolerance(1e-4, floor=0.0)
Named = Iterator[tuple[str, np.ndarray, Tolerance]]


def tensors(seed: int, golden: Mapping, manifest: Mapping) -> Named:
    yield from divergences(seed, golden, manifest["DirichletKLLoss"])
    yield from perceptual(seed, manifest["LPIPSLoss"])
    yield from adversarial(seed, manifest["VQGANDiscriminator"])
    # The release counts iterations from 1, we count steps from 0.
    schedule = SimpleNamespace(learning_rate=5e-5, final_learning_rate=2e-5, steps=100_000)
    rates = [learning_rate(int(k) - 1, schedule) for k in golden["lr_iters"]]
    yield "lr_iters", golden["lr_iters"], SMALL
    yield "lr_values", np.array(rates), Tolerance(1e-9, floor=0.0)


def divergences(seed: int, golden: Mapping, facts: Mapping) -> Named:
    priors = facts["kl_coefs"]
    yield "kl_coefs", np.array(priors, np.float32), SMALL
    for band, (m, s) in facts["bands"].items():
        n = normal("dicface_losses", f"alpha_{band}", seed, (6, 1024))
        exponent = (np.float32(s) * n + np.float32(m)).astype(np.float64)
        alpha = np.clip(np.exp(exponent), 1e-2, 50).astype(np.float32)
        if band in ("tiny", "high"):
            alpha[0] = 1e-2 if band == "tiny" else 50
        yield f"alpha_{band}_absmaxmin", np.array([alpha.max(), alpha.min()]), SMALL
        alpha = torch.from_numpy(alpha).requires_grad_()
        rows = [dirichlet.kl(alpha, prior, constant=False) for prior in priors]
        grads = [torch.autograd.grad(row.mean(), alpha)[0][:, ::64] for row in rows]
        rows = np.stack([row.detach().numpy() for row in rows])
        yield f"kl_{band}_rows_f64", rows, KL
        yield f"kl_{band}_loss_f64", rows.mean(1, dtype=np.float64), KL
        yield f"kl_{band}_loss_f32", rows.mean(1, dtype=np.float64), KL_FLOAT32
        yield f"kl_{band}_grad_f64_stride64", torch.stack(grads).numpy(), KL
    one = torch.ones(1, 1024, dtype=torch.float64)
    dropped = [(dirichlet.kl(one, p) - dirichlet.kl(one, p, False)).item() for p in priors]
    yield "kl_dropped_constant_f64", np.array(dropped), KL


def perceptual(seed: int, facts: Mapping) -> Named:
    loss = PerceptualLoss(untrained_network(), normalise="twice")
    # `lins.i` and `lin{i}` are the same tensors: the latter name their values.
    fixed = [*facts["fixed"], r"^perceptual\.lins\."]
    fill(loss, "dicface_lpips", seed, facts["recipe_exceptions"], fixed)
    pred = image("dicface_lpips", "input", seed, (2, 3, 64, 64)).requires_grad_()
    y = image("dicface_lpips", "target", seed, (2, 3, 64, 64))
    yield "lpips_loss", loss(pred, y).detach().numpy(), SMALL
    # In float64: a gradient jumps where rounding moves an activation across 0, and how float32 is
    # rounded depends on the processor.
    value = loss.double()(pred.double(), y.double())
    yield "lpips_grad_pred", torch.autograd.grad(value, pred)[0].numpy(), SMALL
    loss.float()
    yield "l1_loss", torch.nn.functional.l1_loss(pred, y).detach().numpy(), SMALL
    with torch.no_grad():
        for name, normalise, change in (
            ("lpips_double_norm_per_image", "twice", lambda x: x),
            ("lpips_plain_per_image", "once", lambda x: x),
            ("lpips_no_input_norm_per_image", "once", lambda x: (x + 1) / 2),
        ):
            loss.normalise = normalise
            pairs = zip(change(pred), change(y), strict=True)
            values = [loss(a[None], b[None]) for a, b in pairs]
            yield name, torch.stack(values).view(2, 1, 1, 1).numpy(), SMALL


def adversarial(seed: int, facts: Mapping) -> Named:
    logits = torch.from_numpy(normal("dicface_losses", "gan_logits", seed, (4, 1, 13, 13)))
    real, fake = losses.hinge_d(logits, logits)
    yield "gan_hinge_g", losses.hinge_g(logits).numpy(), SMALL
    yield "gan_hinge_d_real", real.numpy(), SMALL
    yield "gan_hinge_d_fake", fake.numpy(), SMALL
    net = fill_as(build("discriminator"), seed, facts)
    x = image(facts["recipe_model_name"], "input", seed, (2, 3, 128, 128))
    with torch.no_grad():
        yield "disc_eval", net(x).numpy(), SMALL
        yield "disc_train_batchstats", net.train()(x).numpy(), SMALL
    norm = net.main[3]
    yield "disc_after_train_running_mean_main3", norm.running_mean.numpy(), SMALL
    yield "disc_after_train_running_var_main3", norm.running_var.numpy(), SMALL
