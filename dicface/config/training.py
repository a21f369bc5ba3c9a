"""How networks learn: the sections of `train`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dicface.config.fields import (
    BelowOne,
    Changes,
    Count,
    Flag,
    Name,
    NonNegative,
    Number,
    Positive,
    PositiveInt,
    Probability,
    Rule,
    Settings,
    Text,
    setting,
)

STAGES = ("vqgan", "codeformer", "fusion", "dicface")

Betas = Annotated[
    tuple[Number, Number],
    Rule("two numbers from 0 to below 1", lambda both: min(both) >= 0 and max(both) < 1),
]

KlScale = Annotated[
    Number | Literal["release"],
    Rule("release, or a number ≥ 0", lambda scale: scale == "release" or scale >= 0),
]

Precision = Literal["32-true", "64-true", "16-mixed", "16-true", "bf16-mixed", "bf16-true"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings(Settings):
    """One training stage; a variant of the paper is one other value of one of these fields."""

    seed: Count = setting(
        "Adds to the run's seed for what this network draws: its start and samples. Clips and test "
        "set stay."
    )
    steps: PositiveInt = setting("Optimiser steps.")
    batch_size: PositiveInt = setting(
        "Samples a step over all processes: windows for `dicface`, frames otherwise."
    )
    micro_batch: Count = setting(
        "Samples that a process computes at once; gradients of a step are accumulated over as many "
        "as it takes. 0 computes a process's share of the batch at once."
    )
    learning_rate: Positive = setting("Adam's rate at the first step.")
    final_learning_rate: NonNegative = setting("Rate of the cosine schedule at the last step.")
    betas: Betas = setting("Adam's β1 and β2.")
    ema_decay: BelowOne = setting(
        "Of the exponential moving average of the parameters, which is what is released."
    )
    precision: Precision = setting("Precision of the computation, in Lightning Fabric's names.")
    num_workers: Count = setting(
        "Processes that read and degrade clips; 0 reads in the training process."
    )
    degraded_versions: Count = setting(
        "A clip is degraded again for every sample (0) or in so many versions."
    )
    cache: Flag = setting("Keeps decoded clips in memory.")
    flip_prob: Probability = setting("Probability of mirroring a sample.")
    reverse_prob: Probability = setting("Probability of playing a window backwards.")
    colour_jitter: Probability = setting(
        "Largest relative change of each channel's gain, drawn once a sample."
    )
    init_from: Text = setting(
        'The stage or variant whose weights it starts from; "" starts from random ones.'
    )
    released: Text = setting(
        "Name of a released weights file (`dicface weights list`) that is taken instead of "
        'training; "" trains.'
    )
    freeze: tuple[Text, ...] = setting(
        "Top-level modules that keep their weights: encoder, quantize, generator, …"
    )
    unfreeze: dict[Name, Count] = setting(
        "Module -> first step at which it learns; those that are not named learn at once.",
        factory=dict,
    )
    prior_alpha: Positive = setting("α of the prior Dir(α).")
    loss_frames: Literal["all", "centre"] = setting(
        "The loss covers all frames of a window, or its centre."
    )
    fidelity_w: NonNegative = setting("w of the feature fusion while training.")
    fidelity_w_drawn: Flag = setting(
        "Whether stage IV draws w anew for every step, between 0 and `fidelity_w`, so that the "
        "codes must restore without the skips, too."
    )
    lpips_weight: NonNegative = setting("λ2, the factor of the perceptual term; 0 leaves it out.")
    perceptual: Literal["lpips_vgg", "efficientnet_lite0", "none"] = setting(
        "Which distance that is: LPIPS on VGG16 (the paper), which needs its weights file, or one "
        "on EfficientNet-Lite0, which needs a small package; `none` leaves it out."
    )
    kl_scale: KlScale = setting(
        "Factor of the KL term in the units of eq. 7: 1 is the evidence lower bound of a Laplace "
        "likelihood of scale 1 on values in [-1, 1], whatever size and N are; `release` adds the "
        "mean over positions to the mean over values as the release does; 0 leaves it out."
    )
    kl_anneal_steps: Count = setting(
        "Steps over which that factor grows from 0; 0 has it from the first."
    )
    gan_weight: NonNegative = setting(
        "Factor of the hinge GAN in stages I and III; 0 builds no discriminator."
    )
    gan_start: Count = setting("First step at which the discriminator takes part.")
    gan_lead: Count = setting(
        "Steps from there on in which it learns alone, before the network feels it; 0 (release) "
        "has both learn at once."
    )
    gan_rate: Positive = setting("Learning rate of the discriminator in units of the network's.")
    gan_r1: NonNegative = setting(
        "Factor of the discriminator's R1 penalty; 0 (release) leaves it out."
    )
    codebook_start: Count = setting(
        "Steps of stage I without quantisation, after which the codebook starts from k-means over "
        "the encoder's outputs; 0 (release) quantises from the first step."
    )
    codebook_revive_every: Count = setting(
        "Steps of stage I between revivals of codes that are not used; 0 (release) revives none."
    )
    lpips_normalise: Literal["once", "twice"] = setting(
        "ImageNet normalisation once (paper) or twice (release)."
    )
    save_every: PositiveInt = setting("Steps between checkpoints.")
    log_every: PositiveInt = setting("Steps between lines of `stats.jsonl`.")


@dataclass(frozen=True, kw_only=True)
class TrainStages(Settings):
    """The settings of every stage, laid over what they have in common."""

    defaults: Changes[TrainSettings] = setting("What a stage takes unless it says otherwise.")
    vqgan: Changes[TrainSettings] = setting("Stage I, the autoencoder.")
    codeformer: Changes[TrainSettings] = setting("Stage II, codes from degraded frames.")
    fusion: Changes[TrainSettings] = setting("Stage III, the image through fused skips.")
    dicface: Changes[TrainSettings] = setting("Stage IV, DicFace on windows.")
