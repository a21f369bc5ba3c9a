"""The training stages: which network learns, from which weights, towards which loss.

vqgan       VQ autoencoder on true faces                     (CodeFormer stage I)
codeformer  codes of the true face from the degraded one     (CodeFormer stage II)
fusion      CodeFormer's image through fused encoder skips   (CodeFormer stage III)
dicface     the paper's objective, eq. 9, on windows of frames

Every stage is a module whose `forward(degraded, truth)` returns weighted loss terms, so that one
loop trains them all. Frames are (b, t, 3, S, S) in [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dicface.base.errors import ConfigError
from dicface.config.networks import network, prior_of
from dicface.config.settings import Config, TrainSettings
from dicface.models import build
from dicface.models.checkpoint import load_network, load_state, load_tensors
from dicface.training import losses
from dicface.training.lpips import PerceptualLoss, perceptual_network
from dicface.weights.packages import lite_distance


@dataclass
class StageLoss:
    """The loss, its unweighted terms by name, and what others look at.

    Attributes:
        total: What the network minimises, but for a discriminator's term.
        terms: By name, unweighted.
        image: What a discriminator would judge.
        target: What it would compare with.
        latent: Encoder outputs (n, d, h, w) of stage I, which a living codebook looks at.
        indices: The codes chosen for them, (n, h, w).
    """

    total: Tensor
    terms: dict[str, Tensor]
    image: Tensor | None = None
    target: Tensor | None = None
    latent: Tensor | None = None
    indices: Tensor | None = None


class Stage(nn.Module):
    """Base: the network that learns, what its images are measured by, and what names the codes.

    Args:
        network: Learns, but for the modules that `settings.freeze` names.
        settings: The stage's settings.
        objective: The paper's objective, or its image terms alone.
        prior: The frozen autoencoder whose codes stages II and III predict.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: TrainSettings,
        objective: losses.Objective,
        prior: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.objective = objective.requires_grad_(False)
        self.prior = prior.requires_grad_(False) if prior is not None else None
        for name in settings.freeze:
            network.get_submodule(name).requires_grad_(False)

    def begin(self, step: int) -> None:
        """Told before each step, counted from 0."""

    def hold(self, step: int) -> None:
        """Drops, after a step's backward pass, the gradients of modules whose turn is later."""
        for name, first in self.settings.unfreeze.items():
            if step < first:
                self.network.get_submodule(name).zero_grad(set_to_none=True)

    def last_layer(self) -> nn.Parameter:
        """Weight of the last convolution that learns, by which a discriminator is weighed.

        CodeFormer's authors take the decoder's last one, and where the decoder is frozen (stage
        III) the last one of the largest fusion's shift.

        Raises:
            ConfigError: Nothing that the image depends on learns.
        """
        weight = self.network.generator.blocks[-1].weight
        if weight.requires_grad:
            return weight
        fusions = getattr(self.network, "fuse_convs_dict", {})
        if fusions and self.settings.fidelity_w > 0:
            weight = fusions[max(fusions, key=int)].shift[-1].weight
            if weight.requires_grad:
                return weight
        raise ConfigError(
            "train: gan_weight > 0, but neither the decoder nor a fusion of skips learns; set "
            "gan_weight: 0, fidelity_w above 0, or freeze less."
        )

    def train(self, mode: bool = True) -> Stage:
        """Sets the learning network's mode; what is frozen stays in eval mode."""
        super().train(mode)
        self.objective.eval()
        if self.prior is not None:
            self.prior.eval()
        return self

    def code_loss(self, logits: Tensor, lq_feat: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Code prediction against the prior's codes of the true faces (n, 3, S, S)."""
        with torch.no_grad():
            indices = self.prior.indices(truth)
            codes = self.prior.quantize.lookup(indices)
        return losses.code_loss(logits, lq_feat, indices, codes)


class AutoencoderStage(Stage):
    """Stage I: reconstruct true frames through hard codes; `degraded` is not used."""

    quantised = True

    def begin(self, step: int) -> None:
        """Quantises from `codebook_start` on."""
        self.quantised = step >= self.settings.codebook_start

    def forward(self, degraded: Tensor, truth: Tensor) -> StageLoss:
        """L1 + λ2·LPIPS + codebook loss."""
        del degraded
        truth = truth.flatten(0, 1)
        image, vq, stats = self.network(truth, self.quantised)
        terms = self.objective(image, truth, None)
        total = terms.pop("total") + vq
        terms |= {"vq": vq, "perplexity": stats["perplexity"]}
        return StageLoss(total, terms, image, truth, stats["z"], stats["indices"])


class CodeStage(Stage):
    """Stage II: predict the true face's codes."""

    def forward(self, degraded: Tensor, truth: Tensor) -> StageLoss:
        """Feature loss + 0.5 · cross-entropy."""
        logits, lq_feat = self.network(degraded.flatten(0, 1), code_only=True)
        terms = self.code_loss(logits, lq_feat, truth.flatten(0, 1))
        return StageLoss(terms.pop("total"), terms)


class FusionStage(Stage):
    """Stage III: the image through hard codes and fused skips."""

    def forward(self, degraded: Tensor, truth: Tensor) -> StageLoss:
        """L1 + λ2·LPIPS + code prediction."""
        truth = truth.flatten(0, 1)
        image, logits, lq_feat = self.network(degraded.flatten(0, 1), w=self.settings.fidelity_w)
        terms = self.objective(image, truth, None)
        codes = self.code_loss(logits, lq_feat, truth)
        total = terms.pop("total") + codes.pop("total")
        return StageLoss(total, terms | codes, image, truth)


class DicFaceStage(Stage):
    """Stage IV: the paper's objective on windows."""

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)
        self.kl_weight = self.objective.kl_weight

    def begin(self, step: int) -> None:
        """Anneals the KL term: its factor grows linearly to its full value."""
        share = (step + 1) / max(1, self.settings.kl_anneal_steps)
        self.objective.kl_weight = self.kl_weight * min(1.0, share)

    def forward(self, degraded: Tensor, truth: Tensor) -> StageLoss:
        """L1 + λ2·LPIPS + KL( Dir(α̂) ‖ Dir(α) ), or its mean over several draws of ŵ (eq. 10)."""
        s, sizes = self.settings, self.network.settings
        truth = truth.flatten(0, 1)
        target = self.network.centre(truth) if s.loss_frames == "centre" else truth
        w = s.fidelity_w * (torch.rand(()).item() if s.fidelity_w_drawn else 1)
        frames, how = degraded.flatten(0, 1), {"w": w, "output": s.loss_frames}
        if sizes.train_average == "losses" and sizes.train_samples != "mean":
            images, alpha = self.network.draws(frames, sizes.train_samples, **how)
        else:
            image, _, alpha = self.network(frames, **how)
            images = [image]
        found = [self.objective(image, target, alpha) for image in images]
        terms = {name: sum(each[name] for each in found) / len(found) for name in found[0]}
        return StageLoss(terms.pop("total"), terms, images[-1], target)


STAGE_CLASSES = {
    "vqgan": AutoencoderStage,
    "codeformer": CodeStage,
    "fusion": FusionStage,
    "dicface": DicFaceStage,
}


def build_stage(config: Config, name: str, folder: Path) -> tuple[Stage, dict[str, str]]:
    """Builds what trains a network, with the weights that it starts from.

    Args:
        config: The run.
        name: A stage or a variant.
        folder: Where the run's weights lie, `<folder>/<network>/weights.safetensors`.

    Returns:
        The stage, and the weights files that it read by their role ("start", "prior").

    Raises:
        ConfigError: There is no such network.
        WeightsError: A file that it starts from is missing or does not fit, or LPIPS is asked for
            and its backbone is missing.
    """
    resolved = network(config, name)
    settings = resolved.train
    learns = build(resolved.kind, **resolved.settings())
    sources = {}
    if settings.init_from:
        sources["start"] = _weights(folder, settings.init_from)
        load_state(
            learns, load_tensors(sources["start"]), str(sources["start"]), ignore_missing=True
        )
        if resolved.kind == "dicface":
            learns.place_sinusoids()
    prior = None
    if resolved.stage in ("codeformer", "fusion"):
        sources["prior"] = _weights(folder, prior_of(config, name))
        prior, _ = load_network(sources["prior"])
    objective = losses.Objective(
        prior=settings.prior_alpha,
        kl_weight=kl_weight_of(learns, settings) if resolved.stage == "dicface" else 0.0,
        lambda2=0.0 if settings.perceptual == "none" else settings.lpips_weight,
        perceptual=_perceptual(settings),
    )
    stage = STAGE_CLASSES[resolved.stage](learns, settings, objective, prior)
    return stage, {role: str(path) for role, path in sources.items()}


def kl_weight_of(learns: nn.Module, settings: TrainSettings) -> float:
    """Factor of the KL term of stage IV: `losses.kl_weight` for a network."""
    sizes = learns.settings
    return losses.kl_weight(settings.kl_scale, sizes.resolution, sizes.latent_size)


def _weights(folder: Path, name: str) -> Path:
    return folder / name / "weights.safetensors"


def _perceptual(settings: TrainSettings) -> PerceptualLoss | None:
    if settings.lpips_weight == 0 or settings.perceptual == "none":
        return None
    if settings.perceptual == "efficientnet_lite0":
        return PerceptualLoss(lite_distance("efficientnet_lite0"))
    return PerceptualLoss(perceptual_network(), normalise=settings.lpips_normalise)
