"""Pictures that are frames: upright, 8-bit RGB, whatever they are coded in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from dicface.base.errors import ClipError

_ENDS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Returns a frame that is a file of its own, (H, W, 3) uint8 RGB.

    It is turned upright as its EXIF tag says. Colours under transparency are as stored; 16 bits are
    rounded to 8.

    Raises:
        ClipError: It is missing or damaged, holds several pictures or values of no known range.
    """
    try:
        with Image.open(path) as image:
            _require_one(path, image)
            if _is_deep_colour(image):
                return _read_deep(path, image.getexif().get(_ORIENTATION, 1))
            upright = ImageOps.exif_transpose(image)
            if image.mode.startswith("I") or image.mode == "F":
                return _grey_of_deep(path, upright, image.format)
            return np.asarray(upright.convert("RGB"))
    except UnidentifiedImageError as error:
        # Pillow knows no TIFF of 16-bit colours; OpenCV does.
        if path.suffix.lower() in (".tif", ".tiff"):
            return _read_deep(path, 1)
        raise _unreadable(path, error) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error


def is_transparent(path: Path) -> bool:
    """Whether a picture has an alpha channel that is not opaque everywhere.

    Raises:
        ClipError: It is missing or damaged.
    """
    try:
        with Image.open(path) as image:
            alpha = image.getchannel("A") if "A" in image.getbands() else None
            return alpha is not None and alpha.getextrema()[0] < 255
    except UnidentifiedImageError:  # a TIFF of 16-bit colours, see `read_picture`
        return False
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width of the upright picture, from the header, if the file also ends as it should.

    Raises:
        ClipError: It is missing, damaged or cut short.
    """
    try:
        with open(path, "rb") as stream:
            with Image.open(stream) as image:
                _require_one(path, image)
                width, height = image.size
                # Pillow changes the sides of a TIFF itself.
                turned = image.getexif().get(_ORIENTATION) in _TURNED and image.format != "TIFF"
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 64))
            tail = stream.read()
    except UnidentifiedImageError:
        height, width = read_picture(path).shape[:2]
        return height, width
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(path, error) from error
    if _is_cut_short(path, tail):
        raise ClipError(f"{path}: the image is cut short; replace it by a whole copy")
    return (width, height) if turned else (height, width)


def _is_cut_short(path: Path, tail: bytes) -> bool:
    """Whether a picture lacks its end; what programs add behind it is no harm.

    Args:
        path: The picture.
        tail: Its last bytes.
    """
    end = _ENDS.get(path.suffix.lower())
    if end is not None and end in tail:
        return False
    if path.suffix.lower() == ".png":  # Pillow does not miss it.
        return end not in path.read_bytes()
    try:
        read_picture(path)
    except ClipError:
        return True
    return False


def _require_one(path: Path, image: Image.Image) -> None:
    """Photographs of phones (MPO) hold a second picture, which no viewer shows."""
    count = getattr(image, "n_frames", 1) if image.format != "MPO" else 1
    if count > 1:
        raise ClipError(
            f"{path}: holds {count} pictures; expected one a file. Save each as a file of its own."
        )


def _is_deep_colour(image: Image.Image) -> bool:
    """Whether Pillow would cut 16 bits a channel off to 8 without rounding."""
    return image.mode in ("RGB", "RGBA", "LA") and any("16" in str(tile[3]) for tile in image.tile)


def _read_deep(path: Path, orientation: int) -> NDArray[np.uint8]:
    import cv2  # Few pictures need it, and planning a run loads this module.

    stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype not in (np.uint8, np.uint16):
        raise _unreadable(path, "expected 8 or 16 bits a channel")
    stored = np.atleast_3d(stored)[..., :3]
    rgb = stored[..., ::-1] if stored.shape[2] == 3 else np.repeat(stored[..., :1], 3, axis=2)
    shown = Image.fromarray(np.ascontiguousarray(_to_8_bits(rgb)))
    if orientation != 1:
        shown.getexif()[_ORIENTATION] = orientation
        shown = ImageOps.exif_transpose(shown)
    return np.asarray(shown)


def _grey_of_deep(path: Path, image: Image.Image, form: str | None) -> NDArray[np.uint8]:
    """Grey of 16 bits; formats that may hold 32 bits or fractions say no range."""
    if not (image.mode.startswith("I;16") or (image.mode == "I" and form in ("PNG", "PPM"))):
        raise ClipError(
            f"{path}: its values are of mode {image.mode} (32 bits or fractions), whose range is "
            "not known. Expected 8 or 16 bits a channel: convert it."
        )
    return np.repeat(_to_8_bits(np.asarray(image).astype(np.uint16))[..., None], 3, axis=2)


def _to_8_bits(values: NDArray) -> NDArray[np.uint8]:
    """Rounds 16 bits to 8: 0 stays 0, 65535 becomes 255."""
    if values.dtype == np.uint8:
        return values
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _unreadable(path: Path, why: object) -> ClipError:
    return ClipError(f"{path}: is no image that can be read ({why}). Replace it by a whole copy.")
