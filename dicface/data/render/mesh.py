"""Meshes of grids: the building bricks of `parts`, `hair` and `wear`."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Part:
    """A mesh: points (N, 3) cm, triangles (M, 3), rest coordinates (N, 5), material, its rig.

    The rig is how much it follows the jaw, or displacements (K, N, 3) as in `head.HeadMesh`.
    """

    points: np.ndarray
    tris: np.ndarray
    coords: np.ndarray
    material: int
    jaw: float = 0.0
    moves: np.ndarray | None = None


def grid_tris(rows: int, cols: int) -> np.ndarray:
    """Triangles of a rows × cols grid of points."""
    n = np.arange(rows * cols, dtype=np.int32).reshape(rows, cols)
    i, j, k, m = n[:-1, :-1].ravel(), n[1:, :-1].ravel(), n[1:, 1:].ravel(), n[:-1, 1:].ravel()
    return np.concatenate([np.stack([i, j, k], 1), np.stack([i, k, m], 1)])


def part(grid: np.ndarray, extra: np.ndarray | None, material: int, **rig: float) -> Part:
    """A part from a grid (rows, cols, 3); `extra` (rows, cols, 2) are its last two coordinates."""
    rows, cols = grid.shape[:2]
    points = grid.reshape(-1, 3)
    more = np.zeros((len(points), 2)) if extra is None else extra.reshape(-1, 2)
    return Part(points, grid_tris(rows, cols), np.concatenate([points, more], 1), material, **rig)
