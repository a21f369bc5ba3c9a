"""What one may ask of a film's restoration."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dicface.base.errors import ConfigError
from dicface.video.film_writer import Coding

Precision = Literal["float32", "bf16", "fp16", "auto"]
PRECISIONS = ("float32", "bf16", "fp16", "auto")


@dataclass(frozen=True, kw_only=True)
class FilmSettings:
    """How a film is restored.

    Attributes:
        faces: "all", "largest" (of each shot), or numbers of people, "1,3", as a dry run lists.
        min_face: Smaller faces are left alone: side of the square that is cut out, px.
        max_face: Larger ones are left alone, in the same way; None for no limit.
        force: Restores faces that are larger than the method's network.
        strength: Share of what the method changed that is pasted, 0 to 1.
        upscale: How many times larger the film becomes, 1 to 4; its background is enlarged
            bicubically.
        side_by_side: Puts the input to the left of the restored film.
        only_faces: Writes the restored, aligned faces as clips, and no film.
        mask: A picture of the film's size that is white where faces are to be filled in
            (inpainting).
        preview: Seconds from the start: only the shot at this time is restored, side by side, with
            a clip of each face.
        lossless: Writes the pictures' own format without a loss, so that outside of pasted faces
            each sample is the input's: H.264 where that knows the format, else FFV1 in MKV.
        ten_bit: Writes H.264 in 10 bits.
        precision: Of the network: "float32", "bf16" or "fp16" where sums do not need more, or
            "auto": bf16 on a GPU that has it, else float32.
        detector: Of faces: "auto", "retinaface" or "dlib".

    Raises:
        ConfigError: A setting is out of its range, or two do not go together.
    """

    faces: str = "all"
    min_face: int = 32
    max_face: int | None = None
    force: bool = False
    strength: float = 1.0
    upscale: int = 1
    side_by_side: bool = False
    only_faces: bool = False
    mask: Path | None = None
    preview: float | None = None
    lossless: bool = False
    ten_bit: bool = False
    precision: Precision = "auto"
    detector: str = "auto"

    def __post_init__(self) -> None:
        if self.faces not in ("all", "largest") and not re.fullmatch(r"\d+(,\d+)*", self.faces):
            raise ConfigError(
                f"faces: found '{self.faces}'; expected all, largest, or numbers of people such as "
                "1,3, which a dry run lists."
            )
        if not 0 <= self.strength <= 1:
            raise ConfigError(f"strength: found {self.strength}; expected a number from 0 to 1.")
        if not 1 <= self.upscale <= 4:
            raise ConfigError(f"upscale: found {self.upscale}; expected 1, 2, 3 or 4.")
        if self.max_face is not None and self.max_face < self.min_face:
            raise ConfigError(
                f"max_face: found {self.max_face} px, and min_face is {self.min_face} px; no face "
                "is both. Raise the one or lower the other."
            )
        if self.preview is not None and not self.preview >= 0:
            raise ConfigError(f"preview: found {self.preview}; expected seconds from 0.")
        if self.lossless and self.ten_bit:
            raise ConfigError(
                "found both lossless and ten_bit. Lossless keeps the bits of the film, 10 where it "
                "has them: leave ten_bit away."
            )
        if self.precision not in PRECISIONS:
            raise ConfigError(
                f"precision: found '{self.precision}'; expected one of {', '.join(PRECISIONS)}."
            )

    @property
    def shows_both(self) -> bool:
        """Whether the input is shown beside the result."""
        return self.side_by_side or self.preview is not None

    @property
    def coding(self) -> Coding:
        """How the pictures are encoded."""
        return "lossless" if self.lossless else "h264_10" if self.ten_bit else "h264"

    @property
    def people(self) -> tuple[int, ...] | None:
        """Numbers of the people to restore; None where they are not named."""
        if self.faces in ("all", "largest"):
            return None
        return tuple(int(number) for number in self.faces.split(","))

    def as_json(self) -> dict[str, Any]:
        """All settings as values of JSON."""
        found = dataclasses.asdict(self)
        return found | {"mask": str(self.mask) if self.mask else None}
