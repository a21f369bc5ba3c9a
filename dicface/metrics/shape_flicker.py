"""Shape flicker. Card: docs/metrics/shape_flicker.md."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import check_landmarks
from dicface.metrics.high_pass import high_pass, low_pass
from dicface.metrics.jitter import Jitter


def similarity_aligned(
    points: NDArray[np.floating], target: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Moves, turns and scales points so that they lie on others as well as they can.

    Args:
        points: (…, L, 2).
        target: (…, L, 2).

    Returns:
        (…, L, 2), the points after the least-squares similarity.

    >>> square = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    >>> similarity_aligned(3 * square[:, ::-1] * [1, -1] + 5, square).round(12) + 0
    array([[0., 0.],
           [2., 0.],
           [2., 2.],
           [0., 2.]])
    """
    # A similarity of the plane is one complex number and a shift.
    z, w = (each[..., 0] + 1j * each[..., 1] for each in (points, target))
    z = z - z.mean(axis=-1, keepdims=True)
    middle = w.mean(axis=-1, keepdims=True)
    turn = (z.conj() * (w - middle)).sum(-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # points in one place have no similarity
        aligned = turn / np.square(np.abs(z)).sum(-1, keepdims=True) * z + middle
    return np.stack([aligned.real, aligned.imag], axis=-1)


def shape_flicker(
    restored: NDArray[np.floating], degraded: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How far the shape of a face trembles, whatever its place, angle and size do.

    Own definition: landmarks of each frame are laid on the smoothed ones of the input by a
    similarity; of what is left, as in `landmark_jitter`, the mean over landmarks of ‖H(·)‖₂.

    Args:
        restored: (T, L, 2) x and y on the restored frames, px of a 512-px face.
        degraded: (T, L, 2) on the input's frames by the same detector, same unit.

    Returns:
        (T,) px of a 512-px face; NaN as in `landmark_jitter`.

    Raises:
        MetricError: The shapes differ.
    """
    check_landmarks(restored, degraded)
    path = low_pass(degraded)
    trembling = high_pass(similarity_aligned(restored, path) - path)
    return np.linalg.norm(trembling, axis=-1).mean(axis=-1)


class ShapeFlicker(Jitter):
    """Shape flicker of every frame."""

    facts = replace(Jitter.facts, id="shape_flicker", name="Shape")
    says = (
        "the part of the jitter that is no shift, turn or scaling of the whole face: features that "
        "change their form or their place in the face"
    )

    @staticmethod
    def of_tracks(
        restored: NDArray[np.floating], degraded: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Values of all frames from both tracks."""
        return shape_flicker(restored, degraded)
