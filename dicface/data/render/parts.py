"""Everything around the head's surface: eyes, teeth, tongue, ears, neck and shirt, and the rest."""

from dataclasses import dataclass

import numpy as np

from dicface.data.render import wear
from dicface.data.render.features import (
    BODY,
    EAR,
    EYE,
    FRAME,
    HAIR,
    HAT,
    LENS,
    MOUTH,
    SKIN,
    TEETH,
)
from dicface.data.render.hair import beard, hair, hair_edge
from dicface.data.render.head import HeadMesh
from dicface.data.render.identity import Identity
from dicface.data.render.mesh import Part, part
from dicface.data.render.raster import vertex_normals
from dicface.data.render.sculpt import lid_surface


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
        out.append(part(grid, extra, EYE))
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
        row = part(np.stack([x, y, z], -1), None, TEETH, jaw=0.0 if upper else 1.0)
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
        out.append(Part(row.points, row.tris, coords, TEETH, jaw=row.jaw))
    a, b = np.meshgrid(np.linspace(-1, 1, 17), np.linspace(0, 1, 11))
    tongue = np.stack(
        [
            1.7 * a * (1 - 0.25 * b),
            look.mouth_y - 0.75 + 0.35 * b - 0.45 * a * a - 0.2 * (1 - b),
            seam_z - 0.95 - 3.0 * b - 0.6 * a * a,
        ],
        -1,
    )
    out.append(part(tongue, np.stack([np.ones(a.shape), b], -1), MOUTH, jaw=1.0))
    x, y = np.meshgrid(np.linspace(-2.6, 2.6, 13), np.linspace(-2.4, 1.4, 11))
    back = np.stack([x, y + look.mouth_y, seam_z - 3.2 - 0.15 * x * x], -1)
    out.append(part(back, None, MOUTH))
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
        out.append(part(grid if side > 0 else grid[:, ::-1], extra, EAR))
    return out


def body(person: Identity) -> Part:
    """Neck and shoulders in one sheet; the shader puts the shirt on."""
    # Its top ends inside the skull, or one would see into it from behind the jaw.
    y = np.concatenate([np.linspace(0.5, -14.0, 28), np.linspace(-14.0, -30.0, 30)[1:]])
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
    front = front - 0.5 * np.maximum(level + 5.0, 0.0)
    reach = np.where(np.cos(theta) > 0, front + 1.2, 6.0 + 0.1 * (-level - 5))
    x = width * np.sign(np.sin(theta)) * np.abs(np.sin(theta)) ** 0.95
    z = -1.2 + reach * np.cos(theta)
    # Two cords from behind the ears to the collarbones, and the larynx.
    along = np.clip((-level - 7.0) / 8.0, 0.0, 1.0)
    cord = np.exp(-(((np.abs(x) - (4.6 - 3.3 * along)) / 0.75) ** 2)) * (np.cos(theta) > 0)
    z = z + 0.35 * cord * (along > 0) * (along < 1.0)
    z = z + 0.4 * n * np.exp(-((x / 0.9) ** 2) - ((level + 11.6) / 1.2) ** 2) * (np.cos(theta) > 0)
    return part(np.stack([x, level, z], -1), None, BODY)


__all__ = ["BODY", "EAR", "FRAME", "HAIR", "HAT", "SKIN", "Model", "assemble"]


@dataclass(frozen=True)
class Model:
    """All meshes of a person in one; see `HeadMesh` and `Part` for the fields.

    `moves` (K, M, 3) is for the first M points; the others keep their place on the head. `lenses`
    (L, 3) are the triangles of glass, seen through; `tris` are all others, and `first` their
    first corners. `calm` (N,) is 0 for points that turn with the head, 1 for the shoulders.
    """

    rest: np.ndarray
    moves: np.ndarray
    tris: np.ndarray
    material: np.ndarray
    lenses: np.ndarray
    coords: np.ndarray
    first: np.ndarray
    calm: np.ndarray


def assemble(person: Identity, head: HeadMesh) -> Model:
    """Join head and parts."""
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
    offset = len(head.rest)
    # Those that move with the face first, the body last.
    parts = [
        *beard(person, head, vertex_normals(head.rest, head.tris)),
        *mouth(person, seam_z),
        *wear.glasses(person, head),
        *eyes(person),
        *([] if person.wardrobe.hat == "scarf" else ears(person)),
        *wear.earrings(person),
        *wear.hat(person),
        *hair(person),
    ]
    torso = body(person)
    for piece in [*parts, torso]:
        rest.append(piece.points)
        tris.append(piece.tris + offset)
        coords.append(piece.coords)
        material.append(np.full(len(piece.tris), piece.material, np.int32))
        if piece.moves is not None:
            moves.append(piece.moves)
        elif piece.material in (TEETH, MOUTH):
            move = np.zeros((head.moves.shape[0], len(piece.points), 3))
            move[0, :, 1] = -0.92 * piece.jaw
            move[0, :, 2] = -0.25 * piece.jaw
            moves.append(move)
        offset += len(piece.points)
    solid = np.concatenate(material)
    calm = np.clip((-6.5 - torso.points[:, 1]) / 6.5, 0.0, 1.0)
    all_tris = np.concatenate(tris).astype(np.int32)
    glass = solid == LENS
    return Model(
        rest=np.concatenate(rest),
        moves=np.concatenate(moves, axis=1),
        tris=np.ascontiguousarray(all_tris[~glass]),
        material=np.ascontiguousarray(solid[~glass]),
        lenses=np.ascontiguousarray(all_tris[glass]),
        coords=np.ascontiguousarray(np.concatenate(coords)),
        first=np.ascontiguousarray(all_tris[~glass, 0]),
        calm=np.concatenate([np.zeros(offset - len(torso.points)), calm]),
    )
