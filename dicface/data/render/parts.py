"""Everything around the head's surface: eyes, teeth, tongue, ears, hair shells, neck and shirt."""

from dataclasses import dataclass

import numpy as np

from dicface.data.render.features import BODY, EAR, EYE, HAIR, MOUTH, SKIN, TEETH
from dicface.data.render.head import TOP, HeadMesh, skull
from dicface.data.render.identity import Identity
from dicface.data.render.sculpt import lid_surface


@dataclass(frozen=True)
class Part:
    """A mesh: points (N, 3) cm, triangles (M, 3), rest coordinates (N, 5), material, its rig."""

    points: np.ndarray
    tris: np.ndarray
    coords: np.ndarray
    material: int
    jaw: float = 0.0
    body: bool = False


def grid_tris(rows: int, cols: int) -> np.ndarray:
    """Triangles of a rows × cols grid of points."""
    n = np.arange(rows * cols, dtype=np.int32).reshape(rows, cols)
    i, j, k, m = n[:-1, :-1].ravel(), n[1:, :-1].ravel(), n[1:, 1:].ravel(), n[:-1, 1:].ravel()
    return np.concatenate([np.stack([i, j, k], 1), np.stack([i, k, m], 1)])


def _part(grid: np.ndarray, extra: np.ndarray | None, material: int, **rig: float) -> Part:
    rows, cols = grid.shape[:2]
    points = grid.reshape(-1, 3)
    more = np.zeros((len(points), 2)) if extra is None else extra.reshape(-1, 2)
    return Part(points, grid_tris(rows, cols), np.concatenate([points, more], 1), material, **rig)


def _interp(x: np.ndarray, table: list[tuple[float, float]]) -> np.ndarray:
    knots = np.array(table)
    return np.interp(x, knots[:, 0], knots[:, 1])


def eyes(person: Identity) -> list[Part]:
    """Both eyeballs' visible fronts, just under the lids."""
    out = []
    look = person.look
    for side in (-1.0, 1.0):
        x, y = np.meshgrid(np.linspace(-1.85, 1.85, 25), np.linspace(-1.25, 1.25, 17))
        x = x + side * look.eye_x
        z = lid_surface(person, x, y + look.eye_y) - 0.10
        grid = np.stack([x, y + look.eye_y, z], -1)
        extra = np.stack([np.full(x.shape, float(side > 0)), np.zeros(x.shape)], -1)
        out.append(_part(grid, extra, EYE))
    return out


def mouth(person: Identity, seam_z: float) -> list[Part]:
    """Upper and lower teeth, tongue, and the dark inside."""
    look = person.look
    phi, v = np.meshgrid(np.linspace(-1.25, 1.25, 33), np.linspace(0.0, 1.0, 7))
    out = []
    for upper in (True, False):
        first = look.mouth_y + (1.35 if upper else -1.0)
        edge = look.mouth_y + (-0.17 if upper else -0.36)
        y = first + (edge - first) * v
        x = 2.2 * np.sin(phi) * (1.0 if upper else 0.93)
        z = seam_z - (0.50 if upper else 0.90) - 3.2 * (1 - np.cos(phi)) - 0.12 * v * (1 - v)
        part = _part(np.stack([x, y, z], -1), None, TEETH, jaw=0.0 if upper else 1.0)
        coords = np.stack(
            [
                phi.ravel() * 2.2 / 0.72,
                v.ravel(),
                np.zeros(v.size),
                np.full(v.size, upper),
                np.zeros(v.size),
            ],
            1,
        )
        out.append(Part(part.points, part.tris, coords, TEETH, jaw=part.jaw))
    a, b = np.meshgrid(np.linspace(-1, 1, 17), np.linspace(0, 1, 11))
    tongue = np.stack(
        [
            1.7 * a * (1 - 0.25 * b),
            look.mouth_y - 0.75 + 0.35 * b - 0.45 * a * a - 0.2 * (1 - b),
            seam_z - 0.95 - 3.0 * b - 0.6 * a * a,
        ],
        -1,
    )
    out.append(_part(tongue, np.stack([np.ones(a.shape), b], -1), MOUTH, jaw=1.0))
    x, y = np.meshgrid(np.linspace(-2.6, 2.6, 13), np.linspace(-2.4, 1.4, 11))
    back = np.stack([x, y + look.mouth_y, seam_z - 3.2 - 0.15 * x * x], -1)
    out.append(_part(back, None, MOUTH))
    return out


def ears(person: Identity) -> list[Part]:
    """Both ears: a dished plate with a rolled rim and a lobe."""
    s = person.shape
    phi, r = np.meshgrid(np.linspace(0, 2 * np.pi, 49), np.linspace(0.02, 1.0, 19))
    out = []
    # phi = 0 points backwards, pi/2 up.
    reach_a = np.where(np.cos(phi) > 0, 1.75, 1.15) * (1.0 - 0.22 * np.clip(-np.sin(phi), 0, 1))
    a = r * np.cos(phi) * reach_a
    b = r * np.sin(phi) * np.where(np.sin(phi) > 0, 2.9, 3.1)
    rim = np.exp(-(((r - 0.84) / 0.11) ** 2)) * np.clip(1.05 + 0.9 * np.sin(phi), 0.15, 1.0)
    dish = np.exp(-((a + 0.25) ** 2 / 0.5 + (b + 0.2) ** 2 / 1.2))
    inner = np.exp(-(((r - 0.55) / 0.12) ** 2)) * np.clip(np.cos(phi - 0.5), 0, 1)
    height = 0.30 * rim - 0.55 * dish + 0.22 * inner - 0.5 * np.clip((r - 0.9) / 0.1, 0, 1)
    hollow = np.clip(0.9 * dish + 0.5 * np.exp(-(((r - 0.7) / 0.07) ** 2)), 0, 1)
    flare, tilt = 0.50, 0.18
    scale = 0.93 * s.ear
    a, b = a * np.cos(tilt) + b * np.sin(tilt), b * np.cos(tilt) - a * np.sin(tilt)
    for side in (-1.0, 1.0):
        x = 6.75 * s.width + scale * (0.55 + a * np.sin(flare) + height * np.cos(flare))
        z = 0.3 + scale * (-a * np.cos(flare) + height * np.sin(flare) - 0.9)
        y = -1.0 + scale * b
        grid = np.stack([side * x, y, z], -1)
        extra = np.stack([hollow, np.ones(x.shape)], -1)
        out.append(_part(grid if side > 0 else grid[:, ::-1], extra, EAR))
    return out


def body(person: Identity) -> Part:
    """Neck and shoulders in one sheet; the shader puts the shirt on."""
    y = np.concatenate([np.linspace(-5.0, -14.0, 20), np.linspace(-14.0, -30.0, 30)[1:]])
    t = np.linspace(-np.pi, np.pi, 97)
    theta, level = np.meshgrid(t, y)
    n = person.shape.neck
    width = _interp(
        -level,
        [
            (5, 4.9 * n),
            (9, 4.8 * n),
            (12, 5.0 * n),
            (13.5, 5.7),
            (14.8, 7.4),
            (16, 10.5),
            (17.4, 14.6),
            (19, 18.2),
            (21, 20.2),
            (30, 21.5),
        ],
    )
    front = _interp(
        -level, [(5, 3.4), (9, 3.6), (13, 4.1), (15, 4.6), (17, 5.6), (22, 8.2), (30, 9.5)]
    )
    reach = np.where(np.cos(theta) > 0, front + 1.2, 6.0 + 0.1 * (-level - 5))
    x = width * np.sign(np.sin(theta)) * np.abs(np.sin(theta)) ** 0.95
    z = -1.2 + reach * np.cos(theta)
    # Two cords from behind the ears to the collarbones, and the larynx.
    along = np.clip((-level - 7.0) / 8.0, 0.0, 1.0)
    cord = np.exp(-(((np.abs(x) - (4.6 - 3.3 * along)) / 0.75) ** 2)) * (np.cos(theta) > 0)
    z = z + 0.35 * cord * (along > 0) * (along < 1.0)
    z = z + 0.4 * n * np.exp(-((x / 0.9) ** 2) - ((level + 11.6) / 1.2) ** 2) * (np.cos(theta) > 0)
    return _part(np.stack([x, level, z], -1), None, BODY, body=True)


def _hairline(person: Identity, theta: np.ndarray) -> np.ndarray:
    """Height (cm) of the hair's border around the head."""
    h = person.hair
    f = h.front_y
    turn = np.abs(theta)
    if h.style in ("long", "bob", "sidepart"):
        # Hair falls to both sides of the parting, like a curtain.
        turn = np.abs(theta - 0.11 * h.part * np.clip(1.5 - np.abs(theta), 0.0, 1.0))
    if h.style in ("long", "bob"):
        table = [
            (0, f + 0.9),
            (12, f + 0.45),
            (24, f - 0.3),
            (36, f - 1.4),
            (48, f - 3.0),
            (58, 1.6),
            (66, -0.5),
            (76, -1.3),
        ]
    elif h.style == "fringe":
        table = [(0, f), (35, f - 0.2), (52, f - 0.7), (62, f - 2.0), (72, -1.0)]
    else:
        table = [
            (0, f - 0.15),
            (14, f),
            (30, f + 0.55 * h.recess),
            (42, f + 0.1 + 0.3 * h.recess),
            (52, f - 1.6),
            (60, f - 3.2),
            (66, 2.6),
            (72, 0.6),
            (78, -1.3),
        ]
    table += [(82, -1.5), (86, 1.6), (96, 2.2), (110, 1.0), (120, -2.5), (138, -5.5), (181, -6.5)]
    return _interp(turn, [(np.deg2rad(a), y) for a, y in table])


def hair_edge(person: Identity, points: np.ndarray) -> np.ndarray:
    """Distance (cm) inside the hairline of points on the scalp (N, 3); negative on the face."""
    theta = np.arctan2(points[:, 0], points[:, 2])
    return points[:, 1] - _hairline(person, theta)


def hair(person: Identity) -> list[Part]:
    """Nested shells with strand holes (see `features.hair_is_open`)."""
    h = person.hair
    t = np.concatenate(
        [
            np.linspace(-np.pi, -1.7, 20),
            np.linspace(-1.7, 1.7, 105)[1:-1],
            np.linspace(1.7, np.pi, 20),
        ]
    )
    top = TOP * person.shape.height
    crown = 3.0 + (top - 3.0) * np.sin(np.linspace(np.pi / 2, 0.0, 34))
    curtain = h.style in ("bob", "long", "fringe")
    bottom = h.bottom if curtain else -9.0
    rows = np.concatenate([crown, np.arange(2.7, bottom, -0.3)])
    theta, level = np.meshgrid(t, rows)
    base = skull(person, theta, level)
    lifted = np.maximum(base[..., 1] - 1.5, 0.0)
    out = np.stack([base[..., 0] / 7.6**2, lifted / 9.5**2, (base[..., 2] + 0.5) / 9.6**2], -1)
    out /= np.linalg.norm(out, axis=-1, keepdims=True) + 1e-9
    y = base[..., 1]
    border = _hairline(person, theta)
    slope = np.gradient(_hairline(person, t), t) / 7.5
    edge = (y - border) / np.sqrt(1.0 + slope**2)[None, :]
    x, z = base[..., 0], base[..., 2]
    blend = np.clip((y - 2.0) / 6.5, 0.0, 1.0)
    blend = blend * blend * (3 - 2 * blend)
    thick = h.side + (h.top - h.side) * blend
    if h.style in ("sidepart", "long", "bob"):
        valley = np.exp(-(((x - h.part) / 0.55) ** 2)) * (y > 5.5) * (z > -4.0)
        thick = thick * (1.0 - 0.5 * valley)
        thick = thick + 0.25 * h.top * blend * np.clip(-np.sign(h.part) * x / 5.0, -0.3, 1.0)
    if h.style == "swept":
        thick = thick + 0.8 * np.exp(-(((z - 5.5) / 3.0) ** 2)) * blend
    if curtain:
        opening = h.opening + 0.10 * np.clip((2.0 - level) / 8.0, 0.0, 1.0)
        if h.style == "fringe":
            opening = opening + 0.06
        edge = np.maximum(edge, (np.abs(theta) - opening) * 7.5)
        edge = np.minimum(edge, level - h.bottom)
    taper = np.clip((edge + 0.1) / (2.2 if h.style != "fringe" else 0.9), 0.0, 1.0)
    thick = thick * (0.06 + 0.94 * taper**0.8)
    if h.style == "fringe":
        thick = np.maximum(thick, 0.35)
    outer = base + out * thick[..., None]
    if curtain:
        start = int(np.argmin(np.abs(rows - 1.2)))
        ring = outer[start]
        fall = rows[start:] - rows[start]
        long = h.style == "long"
        for i, drop in zip(range(start, len(rows)), fall, strict=True):
            part = -drop / max(-fall[-1], 1e-6)
            scale = 1.0 + 0.05 * np.sin(np.pi * part) - (0.0 if long else 0.13 * part**3)
            outer[i, :, 0] = ring[:, 0] * scale
            outer[i, :, 1] = rows[i]
            outer[i, :, 2] = ring[:, 2] * scale
            base[i] = outer[i] * np.array([0.90, 1.0, 0.90])
    levels = {"buzz": (0.3, 1.0), "afro": (0.5, 0.72, 0.87, 1.0), "curls": (0.45, 0.7, 0.87, 1.0)}
    parts = []
    for level_h in levels.get(h.style, (0.35, 0.72, 1.0)):
        grid = base + (outer - base) * level_h + out * 0.05
        extra = np.stack([edge, np.full(edge.shape, level_h if level_h > 0.35 else 0.0)], -1)
        parts.append(_part(grid, extra, HAIR))
    if h.style == "bun":
        a, b = np.meshgrid(np.linspace(0, 2 * np.pi, 41), np.linspace(0.02, np.pi - 0.02, 25))
        for radius, level_h in ((2.3, 0.0), (2.5, 0.8)):
            ball = np.stack(
                [
                    radius * np.cos(a) * np.sin(b),
                    top + 0.9 + radius * 0.85 * np.cos(b),
                    -2.6 + radius * np.sin(a) * np.sin(b),
                ],
                -1,
            )
            extra = np.stack([np.full(a.shape, 3.0), np.full(a.shape, level_h)], -1)
            parts.append(_part(ball, extra, HAIR))
    return parts


@dataclass(frozen=True)
class Model:
    """All meshes of a person in one; see `HeadMesh` and `Part` for the fields."""

    rest: np.ndarray
    moves: np.ndarray
    tris: np.ndarray
    material: np.ndarray
    coords: np.ndarray
    body: np.ndarray
    head: HeadMesh


def assemble(person: Identity, head: HeadMesh) -> Model:
    """Join head and parts; near things first, so that the depth test rejects early."""
    centre = np.flatnonzero(
        (np.abs(head.rest[:, 0]) < 0.2)
        & (np.abs(head.rest[:, 1] - person.look.mouth_y) < 0.15)
        & (head.rest[:, 2] > 5.0)
    )
    seam_z = float(head.rest[centre, 2].max())
    coords = np.concatenate(
        [head.rest, head.hollow[:, None], hair_edge(person, head.rest)[:, None]], axis=1
    )
    rest, tris, coords = [head.rest], [head.tris], [coords]
    material = [np.full(len(head.tris), SKIN, np.int32)]
    moves = [head.moves]
    is_body = [np.zeros(len(head.rest), bool)]
    offset = len(head.rest)
    parts = [
        *eyes(person),
        *mouth(person, seam_z),
        *ears(person),
        *reversed(hair(person)),
        body(person),
    ]
    for part in parts:
        rest.append(part.points)
        tris.append(part.tris + offset)
        coords.append(part.coords)
        material.append(np.full(len(part.tris), part.material, np.int32))
        move = np.zeros((head.moves.shape[0], len(part.points), 3))
        move[0, :, 1] = -0.92 * part.jaw
        move[0, :, 2] = -0.25 * part.jaw
        moves.append(move)
        is_body.append(np.full(len(part.points), part.body))
        offset += len(part.points)
    return Model(
        rest=np.concatenate(rest),
        moves=np.concatenate(moves, axis=1),
        tris=np.concatenate(tris).astype(np.int32),
        material=np.concatenate(material),
        coords=np.ascontiguousarray(np.concatenate(coords)),
        body=np.concatenate(is_body),
        head=head,
    )
