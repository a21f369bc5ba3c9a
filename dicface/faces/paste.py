"""Pasting a restored face back into its frame (DicFace release, inference)."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dicface.base.errors import FaceError, WeightsError
from dicface.weights import registry
from dicface.weights.load import load_into

NON_FACE_CLASSES = (0, 14, 16, 17, 18)
"""ParseNet's classes outside the face: background, neck, cloth, hair and hat."""

Parser = Callable[[NDArray[np.uint8]], NDArray[np.integer]]
"""Maps a (512, 512, 3) uint8 RGB face to its (512, 512) class map of 19 classes."""


def inverse_affine(affine: NDArray[np.floating], upscale: int = 1) -> NDArray[np.float64]:
    """Aligned px → px of the `upscale` times enlarged frame, (2, 3).

    The release adds half an output pixel per unit of scale, but only when it enlarges.
    """
    inverse = cv2.invertAffineTransform(np.asarray(affine, dtype=np.float64)) * upscale
    if upscale > 1:
        inverse[:, 2] += 0.5 * upscale
    return inverse


def paste_face(
    frame: NDArray[np.uint8],
    face: NDArray[np.uint8],
    affine: NDArray[np.floating],
    *,
    upscale: int = 1,
    parser: Parser | None = None,
    background: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Blends a restored face into its frame through a soft mask.

    Args:
        frame: (H, W, 3) uint8 RGB, the frame the face was aligned from.
        face: (S, S, 3) uint8 RGB, the restored aligned face.
        affine: (2, 3), frame px → aligned px.
        upscale: Whole number of times that the output is enlarged.
        parser: Gives a class map of the face, to keep hair and background of the frame; None
            blends the whole square.
        background: (H·upscale, W·upscale, 3) uint8 RGB to paste into, such as a restored
            background; by default the frame, enlarged bilinearly.

    Returns:
        (H·upscale, W·upscale, 3) uint8 RGB, truncated, not rounded.

    Raises:
        FaceError: Face or background have another shape.
    """
    height, width = frame.shape[0] * upscale, frame.shape[1] * upscale
    if background is None:
        background = cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)
    if background.shape != (height, width, 3) or face.shape[0] != face.shape[1]:
        raise FaceError(
            f"pasting: found a background of shape {background.shape} and a face of shape "
            f"{face.shape}, expected {(height, width, 3)} and a square"
        )
    inverse = inverse_affine(affine, upscale)
    pasted = cv2.warpAffine(face, inverse, (width, height))
    mask = cv2.warpAffine(np.ones(face.shape[:2], np.float32), inverse, (width, height))
    # Without it the black border of the warped face would shine through at the seam.
    mask = cv2.erode(mask, np.ones((2 * upscale, 2 * upscale), np.uint8))
    pasted = mask[..., None] * pasted
    soft = _feathered(mask)
    if parser is not None:
        parsed = _parse_mask(face, parser)
        soft = np.minimum(soft, cv2.warpAffine(parsed, inverse, (width, height)))
    soft = soft[..., None]
    return (soft * pasted + (1 - soft) * background).astype(np.uint8)


def _feathered(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shrinks the mask by a twentieth of the face's side and blurs it by as much."""
    edge = int(mask.sum() ** 0.5) // 20
    if edge == 0:
        return mask
    centre = cv2.erode(mask, np.ones((2 * edge, 2 * edge), np.uint8))
    return cv2.GaussianBlur(centre, (2 * edge + 1, 2 * edge + 1), 0)


def _parse_mask(face: NDArray[np.uint8], parser: Parser) -> NDArray[np.floating]:
    """(S, S) float, 1 inside the face and 0 outside, blurred and zero at the rim."""
    classes = parser(cv2.resize(face, (512, 512), interpolation=cv2.INTER_LINEAR))
    mask = np.where(np.isin(classes, NON_FACE_CLASSES), 0.0, 255.0)
    for _ in range(2):
        mask = cv2.GaussianBlur(mask, (101, 101), 11)
    rim = 10
    inside = np.zeros_like(mask)
    inside[rim:-rim, rim:-rim] = mask[rim:-rim, rim:-rim] / 255
    return cv2.resize(inside, face.shape[:2])


def parsenet_parser() -> Parser:
    """The face parser of the release: facexlib's ParseNet with its released weights.

    Raises:
        WeightsError: The weights are missing or damaged.
    """
    path = registry.find("parsenet")
    if path is None:
        raise WeightsError(f"parse mask: {registry.where_to_get('parsenet')}")
    # facexlib pulls in numba: seconds that only those pay who have the weights.
    from facexlib.parsing.parsenet import ParseNet

    network = ParseNet(in_size=512, out_size=512, parsing_ch=19)
    load_into(network, path, label="ParseNet")
    network.eval()

    def parse(face: NDArray[np.uint8]) -> NDArray[np.integer]:
        signed = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            return network(signed)[0].argmax(dim=1)[0].numpy()

    return parse
