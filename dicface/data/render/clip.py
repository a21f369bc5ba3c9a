"""One clip: the camera, and the loop over frames."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter, minimum_filter

from dicface.base.errors import ClipError
from dicface.data.render import lens, light, parts, raster, shading
from dicface.data.render.head import build_head
from dicface.data.render.identity import Identity, identity
from dicface.data.render.landmarks import Tracker
from dicface.data.render.motion import Motion, motion
from dicface.data.render.scene import Scene, scene

RENDERER = 3
"""Number of the pictures' version: raised whenever a change alters what is drawn."""
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
_SHADOW_SIDE, _SHADOW_HALF = 224, 22.0
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


def _light_axes(key: np.ndarray) -> np.ndarray:
    """Right, up and towards-the-key unit vectors (3, 3)."""
    right = np.cross([0.0, 1.0, 0.0], key)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(key, right), key])


def samples_a_pixel(size: int, wanted: int | None = None) -> int:
    """Samples a pixel and side: `wanted`, or enough for frames of `size` px."""
    if wanted is not None:
        return wanted
    return max(2 if size >= 256 else 3, -(-_SAMPLES_A_SIDE // max(size, 1)))


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
        supersample: samples a pixel and side; by default 2, 3 below 256 px, and more where a frame
            would have fewer than 192 samples a side, or hair and glasses would flicker.

    Returns:
        Frames and exact landmarks; the same bytes on every run on one machine.

    Raises:
        ClipError: for an impossible size or count.
    """
    supersample = samples_a_pixel(size, supersample)
    _check(num_frames, size, supersample)
    stage = Stage(identity(identity_name))
    moves = motion(clip_name, num_frames, fps)
    return stage.shoot(moves, scene(clip_name), size, aligned=aligned, supersample=supersample)


class Stage:
    """A person before a camera: what does not change from clip to clip."""

    def __init__(self, person: Identity) -> None:
        """Build the meshes of `person`."""
        self.person = person
        self.head = build_head(person)
        self.model = parts.assemble(person, self.head)
        self.tracker = Tracker(person, self.head)
        solid = self.model.material
        levels = self.model.coords[self.model.tris[:, 0]]
        casts = np.isin(solid, (parts.SKIN, parts.EAR, parts.BODY, parts.HAT, parts.FRAME))
        # Hair casts from its outermost shell, well inside the hairline.
        casts |= (solid == parts.HAIR) & (levels[:, 3] > 0.35) & (levels[:, 4] > 0.6)
        self.casters = np.ascontiguousarray(self.model.tris[casts])

    def pose(
        self, moves: Motion, t: int, count: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """View-space points (N, 3), or the first `count`, and the head's rotation (3, 3) at `t`."""
        model = self.model
        turn = _rotation(*moves.angles[t])
        # Of the body, the lower the less turns.
        calm = _rotation(*(moves.angles[t] * np.array([0.35, 0.15, 0.1])))
        posed = raster.pose_points(
            model.rest[:count],
            model.moves,
            moves.blends[t],
            turn,
            calm,
            model.calm,
            _PIVOT,
            moves.shift[t],
        )
        return posed, turn

    def shoot(
        self, moves: Motion, around: Scene, size: int, *, aligned: bool, supersample: int
    ) -> RenderedClip:
        """Render all frames of `moves` in the scene `around`; the rest as in `render_clip`."""
        num_frames = len(moves.angles)
        count = len(self.head.rest)
        marks = np.empty((num_frames, 68, 2))
        for t in range(num_frames):
            posed, _ = self.pose(moves, t, count)
            outline = _project(posed)[:, 0]
            marks[t] = _project(self.tracker.points(posed, moves.lids[t], outline))
        if aligned:
            affines = _alignment(marks)
        else:
            affines = np.repeat(np.eye(2, 3)[None], num_frames, axis=0)
        frames = np.empty((num_frames, size, size, 3), np.uint8)
        for t in range(num_frames):
            frames[t] = self._frame(moves, t, around, affines[t], size, supersample)
        final = _to_size(affines, size)
        landmarks = np.einsum("tij,tnj->tni", final[..., :2], marks) + final[:, None, :, 2]
        return RenderedClip(frames, landmarks, self.person.name)

    def _frame(
        self,
        moves: Motion,
        t: int,
        around: Scene,
        affine: np.ndarray,
        size: int,
        supersample: int,
    ) -> np.ndarray:
        model, look = self.model, self.person.look
        side = size * supersample
        fine = _to_size(affine, side)
        posed, turn = self.pose(moves, t)
        flat = _project(posed) @ fine[:, :2].T + fine[:, 2]
        screen = np.concatenate([flat, posed[:, 2:]], axis=1)
        lids = moves.lids[t]
        # Nearest triangles first: what they hide need not be tested for holes.
        closeness = np.clip(posed[model.first, 2] * -1000.0, -32000.0, 32000.0).astype(np.int16)
        order = np.argsort(closeness, kind="stable")
        index, weights, depth = raster.rasterise(
            screen, order, model.tris, model.material, model.coords, look, lids, side
        )
        axes = _light_axes(around.lights[light.KEY_DIR])
        shadow = raster.shadow_map(posed, self.casters, axes, _SHADOW_SIDE, _SHADOW_HALF)
        # Texels -blur to blur + 1 around a place are averaged.
        window = {"size": 2 * around.blur + 2, "origin": -1}
        lamp = light.Light(
            around.lights,
            shadow,
            maximum_filter(shadow, **window),
            minimum_filter(shadow, **window),
            axes,
            _SHADOW_HALF,
            around.blur,
        )
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
            lamp,
            _CAMERA,
            detail,
            _backdrop(around.backdrop, fine, side),
        )
        glasses = self.person.wardrobe.glasses
        if glasses is not None:
            lens.look_through(
                linear,
                depth,
                screen,
                posed,
                model.lenses,
                glasses.tint,
                glasses.mirror,
                around.lights,
            )
        mean = linear.reshape(size, supersample, size, supersample, 3).mean(axis=(1, 3))
        # As a photographer does, expose dark skin a little longer.
        bright = np.dot(look.skin, (0.30, 0.60, 0.10))
        mean = np.clip(mean * around.gain * (0.33 / bright) ** 0.22, 0.0, 1.0) ** (
            around.contrast / 2.2
        )
        return np.round(255.0 * mean).astype(np.uint8)
