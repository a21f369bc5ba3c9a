"""One clip: camera, light, background, and the loop over frames."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from dicface.base.errors import ClipError
from dicface.base.seeds import numpy_rng
from dicface.data.render import light, parts, raster, shading
from dicface.data.render.head import build_head
from dicface.data.render.identity import Identity, identity
from dicface.data.render.landmarks import Tracker
from dicface.data.render.motion import Motion, motion

VIRTUAL = 512
"""Side of the virtual camera image, px."""
TEMPLATE = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
"""Five points (eyes, nose tip, mouth corners) of an aligned 512-px face, px."""
_CAMERA = 85.0
_FOCAL = 14.6 * (_CAMERA - 8.0)
_PIVOT = np.array([0.0, -8.0, -1.5])
_SHADOW_SIDE, _SHADOW_HALF = 176, 22.0
_SMOOTHING = 5.0
_SAMPLES_A_SIDE = 192


@dataclass(frozen=True)
class RenderedClip:
    """A rendered talking head.

    Attributes:
        frames: (T, S, S, 3) uint8 RGB.
        landmarks: (T, 68, 2) float64, iBUG order, px of the S-frame; an integer is the centre of a
            pixel, as in OpenCV.
        identity: name of the person.
    """

    frames: np.ndarray
    landmarks: np.ndarray
    identity: str


def _rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    cr, sr = np.cos(roll), np.sin(roll)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    lean = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return lean @ nod @ turn


def _project(points: np.ndarray) -> np.ndarray:
    """(…, 2) px of the virtual image (integer = pixel centre) of view-space points (…, 3)."""
    scale = _FOCAL / (_CAMERA - points[..., 2])
    middle = (VIRTUAL - 1) / 2
    x = middle + points[..., 0] * scale
    y = middle - (points[..., 1] + 2.0) * scale
    return np.stack([x, y], axis=-1)


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """(…, 5, 2) eye centres, nose tip and mouth corners of (…, 68, 2) landmarks."""
    return np.stack(
        [
            landmarks[..., 36:42, :].mean(-2),
            landmarks[..., 42:48, :].mean(-2),
            landmarks[..., 30, :],
            landmarks[..., 48, :],
            landmarks[..., 54, :],
        ],
        axis=-2,
    )


def _alignment(landmarks: np.ndarray) -> np.ndarray:
    """Similarities (T, 2, 3) from the virtual image to the aligned 512-px face."""
    smooth = gaussian_filter1d(five_points(landmarks), sigma=_SMOOTHING, axis=0)
    return np.stack([cv2.estimateAffinePartial2D(p, TEMPLATE, method=cv2.LMEDS)[0] for p in smooth])


def _to_size(affine: np.ndarray, size: float) -> np.ndarray:
    """The similarity into a frame of `size` px instead of 512, with pixel centres kept."""
    scale = size / VIRTUAL
    out = affine * scale
    out[..., 2] += 0.5 * scale - 0.5
    return out


def _unit(x: float, y: float, z: float) -> np.ndarray:
    v = np.array([x, y, z])
    return v / np.linalg.norm(v)


def _lights(rng: np.random.Generator) -> np.ndarray:
    """Key, fill and rim light and the ambient sky and ground of a clip; see `light`."""
    side = rng.choice([-1.0, 1.0])
    out = np.zeros((8, 3))
    out[light.KEY_DIR] = _unit(side * rng.uniform(0.35, 0.85), rng.uniform(0.45, 0.8), 1.0)
    out[light.FILL_DIR] = _unit(-side * rng.uniform(0.6, 1.0), rng.uniform(-0.1, 0.2), 0.8)
    out[light.RIM_DIR] = _unit(-side * rng.uniform(0.8, 1.2), rng.uniform(0.3, 0.6), -0.75)
    warm = rng.uniform(-0.06, 0.12)
    power = rng.uniform(1.15, 1.45)
    out[light.KEY] = power * np.array([1 + warm, 1.0, 1 - 1.2 * warm])
    out[light.FILL] = rng.uniform(0.20, 0.34) * np.array([1 - warm, 1.0, 1 + warm])
    out[light.RIM] = rng.uniform(0.5, 1.1) * np.array([1 - warm, 1.0, 1 + 1.2 * warm])
    out[light.SKY] = rng.uniform(0.22, 0.32) * np.array([0.95, 1.0, 1.08])
    out[light.GROUND] = rng.uniform(0.10, 0.17) * np.array([1.12, 1.0, 0.9])
    return out


def _scenery(rng: np.random.Generator) -> np.ndarray:
    """A blurred room (128, 128, 3), display-linear; spans twice the virtual image."""
    grid = np.linspace(0, 1, 128)
    x, y = np.meshgrid(grid, grid)
    base = rng.uniform(0.06, 0.30) * (1 + 0.45 * (rng.random(3) - 0.5))
    image = base * (1.0 + 0.5 * (0.5 - y[..., None]))
    for _ in range(rng.integers(5, 9)):
        cx, cy, w, h = rng.uniform(0, 1), rng.uniform(0, 1), *rng.uniform(0.03, 0.22, 2)
        soft = rng.uniform(0.012, 0.05)
        box = 1 / (
            (1 + np.exp((np.abs(x - cx) - w) / soft)) * (1 + np.exp((np.abs(y - cy) - h) / soft))
        )
        colour = base * rng.uniform(0.4, 2.2) * (1 + 0.5 * (rng.random(3) - 0.5))
        image += box[..., None] * rng.uniform(0.3, 0.8) * (colour - image)
    for _ in range(rng.integers(0, 5)):
        d = np.hypot(x - rng.random(), y - rng.random())
        disc = 1 / (1 + np.exp((d - rng.uniform(0.015, 0.04)) / 0.006))
        image += disc[..., None] * rng.uniform(0.05, 0.25) * rng.uniform(0.6, 1.0, 3)
    return np.clip(image, 0.0, 1.0).astype(np.float32)


def _backdrop(scenery: np.ndarray, affine: np.ndarray, side: int) -> np.ndarray:
    """The room behind a frame: `affine` maps virtual px to supersample px."""
    scale = scenery.shape[0] / (2.0 * VIRTUAL)
    to_frame = np.vstack([affine, [0.0, 0.0, 1.0]])
    shift = VIRTUAL / 2
    from_room = np.array([[1 / scale, 0, -shift], [0, 1 / scale, -shift], [0, 0, 1.0]])
    matrix = (to_frame @ from_room)[:2]
    return cv2.warpAffine(
        scenery, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    ).astype(np.float64)


def _check(num_frames: int, size: int, supersample: int) -> None:
    if num_frames < 1 or size < 16 or supersample < 1:
        raise ClipError(
            f"render_clip: found num_frames={num_frames}, size={size}, supersample={supersample}; "
            "expected at least 1 frame, 16 px and 1 sample a side; correct the settings"
        )


def render_clip(
    identity_name: str,
    clip_name: str,
    *,
    num_frames: int,
    size: int,
    fps: float = 25,
    aligned: bool = True,
    supersample: int | None = None,
) -> RenderedClip:
    """Render a clip of a talking head.

    Args:
        identity_name: person; the same name is the same person.
        clip_name: names motion, light and background.
        num_frames: T.
        size: S, px a side.
        fps: frames a second.
        aligned: render in the coordinates of the aligned face (see `TEMPLATE`), as if the camera
            had followed; otherwise a loosely framed head.
        supersample: samples a pixel and side; by default 2, and more where a frame would have
            fewer than 192 samples a side, or hair would flicker.

    Returns:
        Frames and exact landmarks; the same bytes on every run on one machine.

    Raises:
        ClipError: for an impossible size or count.
    """
    if supersample is None:
        supersample = max(2, -(-_SAMPLES_A_SIDE // max(size, 1)))
    _check(num_frames, size, supersample)
    person = identity(identity_name)
    return _Stage(person, clip_name).shoot(num_frames, size, fps, aligned, supersample)


class _Stage:
    """A person before a camera: what does not change within a clip."""

    def __init__(self, person: Identity, clip_name: str) -> None:
        self.person, self.clip_name = person, clip_name
        self.head = build_head(person)
        self.model = parts.assemble(person, self.head)
        self.tracker = Tracker(person, self.head)
        self.lights = _lights(numpy_rng("light", clip_name))
        self.scenery = _scenery(numpy_rng("scenery", clip_name))
        key = self.lights[light.KEY_DIR]
        right = np.cross([0.0, 1.0, 0.0], key)
        right /= np.linalg.norm(right)
        self.axes = np.stack([right, np.cross(key, right), key])
        solid = self.model.material
        levels = self.model.coords[self.model.tris[:, 0]]
        casts = (solid == parts.SKIN) | (solid == parts.EAR) | (solid == parts.BODY)
        # Hair casts from its outermost shell, well inside the hairline.
        casts |= (solid == parts.HAIR) & (levels[:, 3] > 0.35) & (levels[:, 4] > 0.6)
        self.casters = np.ascontiguousarray(self.model.tris[casts])

    def pose(self, moves: Motion, t: int) -> tuple[np.ndarray, np.ndarray]:
        """View-space points (N, 3) and the head's rotation (3, 3) at frame `t`."""
        rest = self.model.rest + np.tensordot(moves.blends[t], self.model.moves, axes=1)
        turn = _rotation(*moves.angles[t])
        calm = _rotation(*(moves.angles[t] * np.array([0.35, 0.15, 0.1])))
        centred = rest - _PIVOT
        posed = np.where(self.model.body[:, None], centred @ calm.T, centred @ turn.T)
        return posed + _PIVOT + moves.shift[t], turn

    def shoot(
        self, num_frames: int, size: int, fps: float, aligned: bool, supersample: int
    ) -> RenderedClip:
        """Render all frames; arguments as in `render_clip`."""
        moves = motion(self.clip_name, num_frames, fps)
        count = len(self.head.rest)
        marks = np.empty((num_frames, 68, 2))
        for t in range(num_frames):
            posed, _ = self.pose(moves, t)
            outline = _project(posed[:count])[:, 0]
            marks[t] = _project(self.tracker.points(posed[:count], moves.lids[t], outline))
        if aligned:
            affines = _alignment(marks)
        else:
            affines = np.repeat(np.eye(2, 3)[None], num_frames, axis=0)
        frames = np.empty((num_frames, size, size, 3), np.uint8)
        for t in range(num_frames):
            frames[t] = self._frame(moves, t, affines[t], size, supersample)
        final = _to_size(affines, size)
        landmarks = np.einsum("tij,tnj->tni", final[..., :2], marks) + final[:, None, :, 2]
        return RenderedClip(frames, landmarks, self.person.name)

    def _frame(
        self, moves: Motion, t: int, affine: np.ndarray, size: int, supersample: int
    ) -> np.ndarray:
        model, look = self.model, self.person.look
        side = size * supersample
        fine = _to_size(affine, side)
        posed, turn = self.pose(moves, t)
        flat = _project(posed) @ fine[:, :2].T + fine[:, 2]
        screen = np.concatenate([flat, posed[:, 2:]], axis=1)
        lids = moves.lids[t]
        index, weights = raster.rasterise(
            screen, model.tris, model.material, model.coords, look, lids, side
        )
        depth = raster.shadow_map(posed, self.casters, self.axes, _SHADOW_SIDE, _SHADOW_HALF)
        normals = raster.vertex_normals(posed, model.tris)
        detail = float(np.hypot(fine[0, 0], fine[1, 0]) * _FOCAL / (_CAMERA - 8.0))
        paint, slope = shading.paint_skin(
            index, weights, model.tris, model.material, model.coords, look, lids, detail
        )
        linear = shading.shade(
            shading.Layer(index, weights, paint, slope),
            shading.Scene(model.tris, model.material, posed, normals, model.coords),
            look,
            lids,
            turn,
            light.Light(self.lights, depth, self.axes, _SHADOW_HALF),
            _CAMERA,
            detail,
            _backdrop(self.scenery, fine, side),
        )
        mean = linear.reshape(size, supersample, size, supersample, 3).mean(axis=(1, 3))
        return np.round(255.0 * np.clip(mean, 0.0, 1.0) ** (1 / 2.2)).astype(np.uint8)
