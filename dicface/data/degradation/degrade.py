"""Blind-restoration degradation of a clip: blur, ÷4, noise, H.264, ×4 (DicFace release @ df08bb7).

One clip draws one blur kernel, one interpolation and one rate factor; noise is drawn per frame. All
draws come from names, so that a clip is degraded alike whatever is degraded beside it. Every number
is a field of `BlindDegradation`; `docs/degradation.md` says which are quirks of the release.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.base.seeds import numpy_rng, seed_of
from dicface.config.degradation import INTERPOLATIONS, BlindDegradation, Interpolation
from dicface.data.degradation.kernels import (
    KernelType,
    blur_and_downsample,
    draw_blur,
    gaussian_kernel,
    upsample,
)
from dicface.video.h264 import h264_roundtrip


@dataclass(frozen=True, kw_only=True)
class DrawnDegradation:
    """What one clip drew: everything that, with the settings, fixes its degraded version.

    Attributes:
        seed_names: The names the draws were seeded by, joined by `|`.
        seed: The seed that these names give.
        kernel_type: `iso` or `aniso`.
        sigma_x_px: Blur σx, px.
        sigma_y_px: Blur σy, px.
        theta_rad: Rotation of the kernel, rad.
        interpolation: Interpolation of both resizes.
        crf: Rate factor of x264.
    """

    seed_names: str
    seed: int
    kernel_type: KernelType
    sigma_x_px: float
    sigma_y_px: float
    theta_rad: float
    interpolation: Interpolation
    crf: int

    def record(self) -> dict[str, str | int | float]:
        """The fields as one flat row, for `degradation.parquet`."""
        return dataclasses.asdict(self)


def draw_degradation(settings: BlindDegradation, *seed_names: str | int) -> DrawnDegradation:
    """Draws a clip's kernel, interpolation and rate factor from its names."""
    seed = seed_of(*seed_names)
    weights = [settings.interpolation_weights.get(name, 0) for name in INTERPOLATIONS]
    python_rng, rng = random.Random(seed), numpy_rng(*seed_names)
    kernel_type, sigma_x, sigma_y, theta = draw_blur(
        python_rng, rng, iso_prob=settings.iso_prob, sigma_range_px=settings.blur_sigma
    )
    return DrawnDegradation(
        seed_names="|".join(str(name) for name in seed_names),
        seed=seed,
        kernel_type=kernel_type,
        sigma_x_px=sigma_x,
        sigma_y_px=sigma_y,
        theta_rad=theta,
        interpolation=python_rng.choices(INTERPOLATIONS, weights)[0],
        crf=int(rng.integers(settings.crf[0], settings.crf[1], endpoint=True)),
    )


def add_noise(
    frame: NDArray[np.floating],
    rng: np.random.Generator | np.random.RandomState,
    *,
    sigma_range_levels: tuple[float, float] = (0.0, 10.0),
    grey_prob: float = 0.5,
) -> NDArray[np.floating]:
    """Adds Gaussian noise of a drawn σ, grey or coloured, and clips to [0, 1].

    DicFace release, degradation (c). Draws, in order: σ, then grey or colour, then one float32
    standard normal a pixel (grey) or a value (colour). With `np.random.RandomState` the draws are
    the release's.

    Args:
        frame: (h, w, 3) float in [0, 1].
        rng: Generator of all draws.
        sigma_range_levels: Range of σ, grey levels.
        grey_prob: Probability of grey noise.

    Returns:
        (h, w, 3) in [0, 1], not rounded, same type as `frame`.
    """
    sigma_levels = np.float32(rng.uniform(*sigma_range_levels))
    grey = rng.uniform() < grey_prob
    shape = (*frame.shape[:2], 1) if grey else frame.shape
    if isinstance(rng, np.random.RandomState):
        normal = rng.standard_normal(shape).astype(np.float32)
    else:
        normal = rng.standard_normal(shape, dtype=np.float32)
    return np.clip(frame + normal * sigma_levels / np.float32(255), 0, 1)


def to_codec_levels(frame: NDArray[np.floating]) -> NDArray[np.uint8]:
    """×255, clipped and truncated (not rounded) to uint8, as the release feeds its encoder."""
    return np.clip(frame * frame.dtype.type(255), 0, 255).astype(np.uint8)


def low_resolution_frames(
    frames: Iterable[NDArray[np.uint8]], settings: BlindDegradation, drawn: DrawnDegradation
) -> Iterator[NDArray[np.uint8]]:
    """Blur, down-sampling, noise and codec: the degraded clip before up-sampling.

    Frames stream: none is kept once it is encoded.

    Args:
        frames: (H, W, 3) uint8 RGB, all of one size.
        settings: The degradation.
        drawn: The clip's draws.

    Yields:
        (h, w, 3) uint8 RGB, h = H // scale rounded down to even, w alike.

    Raises:
        ClipError: There is no frame, or one is not uint8 RGB or has another size.
        ConfigError: The frames are too small for the scale.
    """
    kernel = gaussian_kernel(
        drawn.sigma_x_px, drawn.sigma_y_px, drawn.theta_rad, settings.kernel_size
    )

    def before_codec() -> Iterator[NDArray[np.uint8]]:
        shape = None
        for index, frame in enumerate(frames):
            shape = shape or frame.shape
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape != (*shape[:2], 3):
                raise ClipError(
                    f"{drawn.seed_names}: frame {index} is {frame.dtype} of shape {frame.shape}, "
                    f"expected uint8 RGB of shape {(*shape[:2], 3)}; write the clip again"
                )
            small = blur_and_downsample(frame, kernel, settings.scale, drawn.interpolation)
            noisy = add_noise(
                small,
                numpy_rng(drawn.seed_names, "noise", index),
                sigma_range_levels=settings.noise_sigma,
                grey_prob=settings.grey_prob,
            )
            yield to_codec_levels(noisy)

    yield from h264_roundtrip(
        before_codec(),
        drawn.crf,
        channel_order=settings.codec_channel_order,
        fps=settings.codec_fps,
    )


def degraded_frames(
    frames: Iterable[NDArray[np.uint8]], settings: BlindDegradation, drawn: DrawnDegradation
) -> Iterator[NDArray[np.uint8]]:
    """The whole degradation of a clip, up-sampling included, frame by frame.

    Args:
        frames: (H, W, 3) uint8 RGB, all of one size.
        settings: The degradation.
        drawn: The clip's draws.

    Yields:
        (H, W, 3) uint8 RGB.

    Raises:
        ClipError: There is no frame, or one is not uint8 RGB or has another size.
        ConfigError: The frames are too small for the scale.
    """
    size: list[int] = []

    def sized() -> Iterator[NDArray[np.uint8]]:
        for frame in frames:
            size[:] = frame.shape[:2]
            yield frame

    for frame in low_resolution_frames(sized(), settings, drawn):
        yield upsample(frame, *size, drawn.interpolation)
