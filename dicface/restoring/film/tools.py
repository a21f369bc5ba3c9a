"""What finds people in a film and pastes their restored faces; tests put simpler ones here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.base.reading import Own, read_jsonl, said, saved
from dicface.faces.blend import Blender
from dicface.faces.detect import Face, default_detector
from dicface.faces.dlib_models import Box
from dicface.faces.paste import parsenet_parser
from dicface.faces.people import Found, PeopleFinder, Track
from dicface.restoring.film.settings import FilmSettings
from dicface.weights import registry


class Finder(Protocol):
    """Finds shots and people in frames that are given in order; see `PeopleFinder`."""

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Takes the next frame."""

    def finish(self) -> Found:
        """Says what was found."""


class Paster(Protocol):
    """Pastes the faces of one track, in order; see `Blender`."""

    def observe(self, aligned_input: NDArray, restored: NDArray, frame_index: int) -> None:
        """Takes a face without pasting it."""

    def paste(
        self,
        frame: NDArray,
        aligned_input: NDArray,
        restored: NDArray,
        frame_index: int,
        corner: tuple[int, int] = (0, 0),
    ) -> NDArray:
        """Returns the frame, or the part of it that begins at a corner, with the restored face."""


_LOG = Own("faces seen in each picture of a film", "Nothing is lost but time.", error=ClipError)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a film is restored with, beside the method.

    Attributes:
        finder: Makes what finds people; it gets a file that remembers what a detector saw.
        paster: Makes what pastes the faces of a track.
        memory: Frames that a paster looks back.
        facts: What decides the result, values of JSON.
    """

    finder: Callable[[Path], Finder]
    paster: Callable[[Track], Paster]
    memory: int
    facts: Mapping[str, Any]


def default_tools(settings: FilmSettings, task: str = "bfr") -> Tools:
    """The tools that settings ask for.

    Args:
        settings: Of the film.
        task: Of the method: one that gives colours keeps its own, and one that fills in covers what
            stands before a face.

    Raises:
        ConfigError: There is no detector of that name.
        WeightsError: Its weights are missing or damaged.
    """
    detector = default_detector(settings.detector)
    parser = parsenet_parser() if registry.find("parsenet") else None
    return Tools(
        finder=lambda log: PeopleFinder(Remembering(detector, log)),
        paster=lambda track: Blender(
            track,
            parser=parser,
            strength=settings.strength,
            match_colours=task != "colorization",
            keep_occluders=task != "inpainting",
        ),
        memory=Blender.memory,
        facts={
            "detector": detector.name,
            "detector_sha256": detector.sha256,
            "mask": "parsenet" if parser else "landmarks",
        },
    )


class Remembering:
    """A detector that writes down what it saw, and after a restart reads it instead of looking.

    Detecting is most of the work of finding people. Pictures must come in the same order again.

    Args:
        detector: What looks.
        log: The file; one line for each picture.
    """

    def __init__(self, detector: Any, log: Path) -> None:  # noqa: ANN401 - see Detector
        self._detector = detector
        self.name, self.sha256 = detector.name, detector.sha256
        # A line that was not written to its end is looked for again.
        self._known = saved(log, lambda: _read_log(log)) or []
        lines = (f"{_line(faces)}\n" for faces in self._known)
        log.write_text("".join(lines), encoding="utf-8")
        self._known.reverse()
        self._file = log.open("a", encoding="utf-8")

    def detect(self, frame: NDArray[np.uint8]) -> list[Face]:
        """All faces of a picture; see `Detector.detect`."""
        return self._remembered(lambda: self._detector.detect(frame))

    def search(self, frame: NDArray[np.uint8], scale: float) -> list[Face]:
        """All faces of a picture at a scale; see `Detector.search`."""
        return self._remembered(lambda: self._detector.search(frame, scale))

    def _remembered(self, look: Callable[[], list[Face]]) -> list[Face]:
        if self._known:
            return self._known.pop()
        faces = look()
        self._file.write(f"{_line(faces)}\n")
        self._file.flush()
        return faces


def _read_log(log: Path) -> list[list[Face]]:
    lines = read_jsonl(log, _LOG, list, cut=True)
    with said(log, _LOG):
        return [[_face(values) for values in line] for line in lines]


def _line(faces: Sequence[Face]) -> str:
    return json.dumps([_values(face) for face in faces])


def _values(face: Face) -> dict[str, Any]:
    box = {name: float(value) for name, value in dataclasses.asdict(face.box).items()}
    return {"box": box, "score": float(face.score), "points": np.asarray(face.points).tolist()}


def _face(values: Mapping[str, Any]) -> Face:
    return Face(box=Box(**values["box"]), score=values["score"], points=np.array(values["points"]))
