"""Blur kernels, down- and up-sampling of the degradation, and both linear steps in one pass.

Kernels follow the DicFace release, degradation (a); resizing follows (b) and (e). Images are RGB or
any other channel order: every function here treats the three channels alike.
"""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from dicface.base.errors import ConfigError
from dicface.config.degradation import Interpolation

KernelType = Literal["iso", "aniso"]

_FLAGS = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


def gaussian_kernel(
    sigma_x: float, sigma_y: float, theta: float, size: int = 21
) -> NDArray[np.float64]:
    """Rotated anisotropic Gaussian exp(-½ xᵀ Σ⁻¹ x), Σ = R diag(σx², σy²) Rᵀ, sum 1.

    Args:
        sigma_x: Standard deviation along the first axis of the rotated frame, px, > 0.
        sigma_y: That along the second axis, px, > 0; ``sigma_x`` for an isotropic kernel.
        theta: Rotation from the x to the y axis, rad.
        size: Odd side of the kernel, px.

    Returns:
        (size, size) float64, rows are y.

    >>> float(gaussian_kernel(1.0, 1.0, 0.0, size=3).sum().round(12))
    1.0
    """
    cos, sin = np.cos(theta), np.sin(theta)
    rotation = np.array([[cos, -sin], [sin, cos]])
    sigma = rotation @ np.diag([sigma_x**2, sigma_y**2]) @ rotation.T
    axis = np.arange(size) - size // 2
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).astype(np.float64)
    exponent = np.einsum("yxi,ij,yxj->yx", grid, np.linalg.inv(sigma), grid)
    kernel = np.exp(-0.5 * exponent)
    return kernel / kernel.sum()


def draw_blur(
    python_rng: random.Random,
    numpy_rng: np.random.Generator | np.random.RandomState,
    *,
    iso_prob: float,
    sigma_range_px: tuple[float, float],
    theta_range: tuple[float, float] = (-np.pi, np.pi),
) -> tuple[KernelType, float, float, float]:
    """Draws the type and shape of a blur kernel in the release's order.

    The type comes from Python's generator; σx, then for anisotropic kernels σy and θ, from NumPy's.

    Returns:
        Kernel type, σx in px, σy in px, θ in rad.
    """
    kernel_type: KernelType = python_rng.choices(["iso", "aniso"], [iso_prob, 1 - iso_prob])[0]
    sigma_x = float(numpy_rng.uniform(*sigma_range_px))
    if kernel_type == "iso":
        return kernel_type, sigma_x, sigma_x, 0.0
    sigma_y = float(numpy_rng.uniform(*sigma_range_px))
    return kernel_type, sigma_x, sigma_y, float(numpy_rng.uniform(*theta_range))


def blur(frame: NDArray, kernel: NDArray[np.float64]) -> NDArray[np.floating]:
    """Filters with ``kernel`` and reflect-101 borders, as OpenCV's ``filter2D`` does.

    Args:
        frame: (H, W, 3) float in [0, 1].
        kernel: (k, k), k odd.

    Returns:
        (H, W, 3), same type as ``frame``.
    """
    return cv2.filter2D(frame, -1, kernel)


def low_resolution_size(height: int, width: int, scale: int) -> tuple[int, int]:
    """Height and width after down-sampling: ``size // scale`` rounded down to an even number.

    Raises:
        ConfigError: A side would vanish.

    >>> low_resolution_size(512, 270, 4)
    (128, 66)
    """
    size = height // scale // 2 * 2, width // scale // 2 * 2
    if min(size) < 2:
        raise ConfigError(
            f"a frame of {height}×{width} px cannot be down-sampled by {scale}: each side needs at "
            f"least {2 * scale} px; use larger frames or a smaller degradation scale"
        )
    return size


def downsample(frame: NDArray, scale: int, interpolation: Interpolation) -> NDArray:
    """OpenCV resize to an even size near 1/scale; linear and cubic are not antialiased.

    DicFace release, degradation (b).
    """
    height, width = low_resolution_size(*frame.shape[:2], scale)
    return cv2.resize(frame, (width, height), interpolation=_FLAGS[interpolation])


def upsample(
    frame: NDArray[np.uint8], height: int, width: int, interpolation: Interpolation
) -> NDArray[np.uint8]:
    """OpenCV resize of a decoded frame back to ``height`` × ``width`` (degradation (e))."""
    return cv2.resize(frame, (width, height), interpolation=_FLAGS[interpolation])


def blur_and_downsample(
    frame: NDArray[np.uint8], kernel: NDArray[np.float64], scale: int, interpolation: Interpolation
) -> NDArray[np.float32]:
    """``downsample(blur(frame / 255))`` in float32, within 1e-6 of it in float64.

    Blurring and resizing are both linear, so that with whole cells of ``scale`` pixels they are one
    strided convolution: one small matrix product computes only the pixels that are kept. Isotropic
    kernels are separable and take two one-dimensional passes. Sizes that the scale does not divide
    take the two steps one after the other.

    Args:
        frame: (H, W, 3) uint8.
        kernel: (k, k), k odd, symmetric about its centre (as every Gaussian is).
        scale: Down-sampling factor.
        interpolation: Interpolation of the down-sampling.

    Returns:
        (h, w, 3) float32 in [0, 1] up to the overshoot of cubic interpolation.
    """
    height, width = frame.shape[:2]
    taps = _taps(scale, interpolation)
    whole_cells = low_resolution_size(height, width, scale) == (height / scale, width / scale)
    if not whole_cells or taps is None or min(height, width) <= kernel.shape[0] // 2:
        return downsample(blur(frame.astype(np.float32) / 255, kernel), scale, interpolation)
    pad = kernel.shape[0] // 2
    padded = cv2.copyMakeBorder(frame, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    # Whole cells, so that columns can be dealt out by their phase; no tap reaches the extra ones.
    extra = -padded.shape[1] % scale
    if extra:
        padded = cv2.copyMakeBorder(padded, 0, 0, 0, extra, cv2.BORDER_REPLICATE)
    middle = kernel[pad] / kernel[pad].sum()
    if np.abs(np.outer(middle, middle) - kernel).max() < 1e-12:
        line = np.convolve(middle, taps)
        return _strided_separable(padded, line, scale, height // scale, width // scale)
    weights = np.zeros((kernel.shape[0] + scale - 1,) * 2)
    for row, weight_y in enumerate(taps):
        for column, weight_x in enumerate(taps):
            weights[row : row + len(kernel), column : column + len(kernel)] += (
                weight_y * weight_x * kernel
            )
    return _strided(padded, weights, scale, height // scale, width // scale)


@lru_cache
def _taps(scale: int, interpolation: Interpolation) -> NDArray[np.float64] | None:
    """Weights of a cell's pixels in its output pixel; None if the resize looks beyond the cell."""
    impulses = np.eye(5 * scale)
    response = cv2.resize(impulses, (5, 5 * scale), interpolation=_FLAGS[interpolation])[:, 2]
    cell = response[2 * scale : 3 * scale]
    return cell if np.isclose(np.abs(response).sum(), np.abs(cell).sum()) else None


def _windows(rows: NDArray[np.float32], length: int, step: int, count: int) -> NDArray[np.float32]:
    """(count, length, N) overlapping view of (H, N) rows: window i starts at row i·step."""
    row_bytes, item_bytes = rows.strides
    shape, strides = (count, length, rows.shape[1]), (row_bytes * step, row_bytes, item_bytes)
    return as_strided(rows, shape, strides, writeable=False)


def _strided_separable(
    padded: NDArray[np.uint8], line: NDArray[np.float64], scale: int, height: int, width: int
) -> NDArray[np.float32]:
    vertical = (line / 255).astype(np.float32)[None]
    rows = padded.reshape(padded.shape[0], -1).astype(np.float32)
    thin = np.matmul(vertical, _windows(rows, len(line), scale, height))[:, 0]
    columns = thin.reshape(height, padded.shape[1], 3).transpose(1, 0, 2)
    columns = np.ascontiguousarray(columns).reshape(padded.shape[1], -1)
    horizontal = line.astype(np.float32)[None]
    small = np.matmul(horizontal, _windows(columns, len(line), scale, width))[:, 0]
    return np.ascontiguousarray(small.reshape(width, height, 3).transpose(1, 0, 2))


def _strided(
    padded: NDArray[np.uint8], weights: NDArray[np.float64], scale: int, height: int, width: int
) -> NDArray[np.float32]:
    weights = (weights / 255).astype(np.float32)
    num_rows, num_cells = padded.shape[0], padded.shape[1] // scale
    # Channels as planes: copying runs of num_cells values is three times as fast as runs of 3.
    phases = padded.reshape(num_rows, num_cells, scale, 3).transpose(2, 0, 3, 1)
    phases = phases.astype(np.float32, order="C").reshape(scale, num_rows, -1)
    planes = np.zeros((height, 3, width), np.float32)
    for phase in range(scale):
        # Columns phase, phase + scale, … of the kernel meet exactly the pixels of this phase.
        taps = np.ascontiguousarray(weights[:, phase::scale].T)
        partial = np.matmul(taps, _windows(phases[phase], len(weights), scale, height))
        partial = partial.reshape(height, len(taps), 3, num_cells)
        for cell in range(len(taps)):
            planes += partial[:, cell, :, cell : cell + width]
    return np.ascontiguousarray(planes.transpose(0, 2, 1))
