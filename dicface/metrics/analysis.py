"""What is found once on a true clip and used for every method: boxes, landmarks, identities.

Shapes: T frames, W windows, D features.
"""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.base.files import atomic_path, sha256_of
from dicface.faces.dlib_models import Box
from dicface.metrics._pool import map_clips
from dicface.metrics.backbones import Backbones, Prefer
from dicface.metrics.backbones.landmarks import NUM_POINTS
from dicface.metrics.fvd import WindowBuffer
from dicface.metrics.tracks import FILLED, MISSING, face_frame, track
from dicface.video.clips import list_clips, read_frames

PROTOCOL = "dicface-1"

_log = logging.getLogger(__name__)


def protocol_id(identity_stride: int) -> str:
    """Names the evaluation protocol: definitions, and how many frames IDS looks at.

    >>> protocol_id(1), protocol_id(4)
    ('dicface-1', 'dicface-1, IDS every 4 frames')
    """
    if identity_stride < 1:
        raise MetricError(f"identity_stride is {identity_stride}; expected 1 or more.")
    return PROTOCOL if identity_stride == 1 else f"{PROTOCOL}, IDS every {identity_stride} frames"


@dataclass(frozen=True, kw_only=True, eq=False)
class TruthAnalysis:
    """One true clip, as the face and video metrics need it.

    Attributes:
        key: What it was made from (clip digest, backbones, protocol), JSON.
        size: Side S of the frames, px.
        source: (T,) where each box comes from: MISSING, DETECTED or FILLED.
        boxes: (T, 4) left, top, right, bottom, px of the 512-px face; NaN where there is no face.
        landmarks: (T, 68, 2) x and y, px of the 512-px face; NaN where there is no face.
        embeddings: (T, D) identity; NaN where there is no face or the frame is not looked at.
        features: (W, D) video features of the windows.
    """

    key: str
    size: int
    source: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    embeddings: NDArray[np.float64]
    features: NDArray[np.float32]

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.source)

    @property
    def num_missing(self) -> int:
        """How many frames have no face."""
        return int((self.source == MISSING).sum())

    @property
    def num_filled(self) -> int:
        """How many frames have the box of their neighbours."""
        return int((self.source == FILLED).sum())

    def box(self, frame: int) -> Box | None:
        """Box of a frame, px of the 512-px face; None where there is no face."""
        return None if self.source[frame] == MISSING else Box(*self.boxes[frame].tolist())

    def save(self, path: Path) -> None:
        """Writes everything into one .npz, atomically."""
        with atomic_path(path) as temporary:
            np.savez(temporary, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path, key: str) -> TruthAnalysis | None:
        """Reads an analysis; None if there is none, it is damaged or made from other things."""
        stored = load_npz(path, key)
        if stored is None:
            return None
        size = int(stored.pop("size"))
        return cls(**{**stored, "key": key, "size": size})


def load_npz(path: Path, key: str) -> dict[str, NDArray] | None:
    """Reads an .npz whose "key" must be `key`; None where it has to be made again."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                _log.info("%s was made from other inputs or backbones and is made again", path)
                return None
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("%s is damaged (%s) and is made again", path, error)
        return None


def clip_digest(path: Path) -> str:
    """sha256 of a clip: of its file, or of names and digests of a folder's frames."""
    if path.is_file():
        return sha256_of(path)
    names = sorted(file for file in path.iterdir() if file.is_file())
    return json.dumps([[file.name, sha256_of(file)] for file in names])


def analysis_key(truth: Path, backbones: Backbones, identity_stride: int) -> str:
    """Says from what an analysis is made: if it differs, the analysis is made again."""
    used = {kind: name for kind, name in backbones.digests().items() if kind != "perceptual"}
    facts = {"truth": clip_digest(truth), "protocol": protocol_id(identity_stride), **used}
    return json.dumps(facts, sort_keys=True)


def analyse_truth(truth: Path, backbones: Backbones, *, identity_stride: int = 1) -> TruthAnalysis:
    """Analyses a true clip in one pass with bounded memory.

    Args:
        truth: A clip of square aligned frames.
        backbones: What measures.
        identity_stride: Every how many frames an identity is embedded.

    Raises:
        ClipError: The clip cannot be read.
        MetricError: Its frames are not square.
    """
    buffer, features, sizes = WindowBuffer(), [], set()

    def faces() -> Iterator[NDArray[np.uint8]]:
        for frame in read_frames(truth):
            sizes.add(frame.shape[0])
            for window in buffer.push(backbones.video.prepare(frame)):
                features.append(backbones.video.features(window))
            yield face_frame(frame)

    boxes, source, landmarks, embeddings = [], [], [], []
    for number, (face, box, where_from) in enumerate(track(faces())):
        points, embedding = None, None
        if box is not None:
            points = backbones.landmarks.locate(face, box)
            if number % identity_stride == 0:
                embedding = backbones.identity.embed(face, points)
        source.append(where_from)
        boxes.append(None if box is None else (box.left, box.top, box.right, box.bottom))
        landmarks.append(points)
        embeddings.append(embedding)
    features += [backbones.video.features(window) for window in buffer.flush()]
    if MISSING in source or FILLED in source:
        _log.warning(
            "%s: no face found in %d of %d frames; %d of them take the box of their neighbours, "
            "%d are left out of IDS, AKD and TLME",
            truth,
            sum(s in (MISSING, FILLED) for s in source),
            len(source),
            source.count(FILLED),
            source.count(MISSING),
        )
    return TruthAnalysis(
        key=analysis_key(truth, backbones, identity_stride),
        size=sizes.pop(),
        source=np.array(source, np.uint8),
        boxes=_stack(boxes, (4,)),
        landmarks=_stack(landmarks, (NUM_POINTS, 2)),
        embeddings=_stack(embeddings, None),
        features=np.stack(features),
    )


def truth_analysis(
    truth: Path, path: Path, backbones: Backbones, *, identity_stride: int = 1
) -> TruthAnalysis:
    """Reads the analysis of a true clip from `path`, or makes it and writes it there."""
    stored = TruthAnalysis.load(path, analysis_key(truth, backbones, identity_stride))
    if stored is not None:
        return stored
    made = analyse_truth(truth, backbones, identity_stride=identity_stride)
    made.save(path)
    return made


@dataclass(frozen=True, kw_only=True)
class _Job:
    clip: str
    truth: Path
    path: Path
    identity_stride: int


def _analyse(job: _Job, backbones: Backbones) -> None:
    truth_analysis(job.truth, job.path, backbones, identity_stride=job.identity_stride)


def analyse_set(
    truth_folder: str | Path,
    analysis_folder: str | Path,
    *,
    prefer: Prefer = "auto",
    identity_stride: int = 1,
    workers: int = 1,
    device: str = "cpu",
) -> None:
    """Analyses all clips of a folder into `<analysis_folder>/<clip>.npz`; done ones are kept.

    Args:
        truth_folder: True clips.
        analysis_folder: Where the analyses go.
        prefer: Which backbones, see `Backbones.resolve`.
        identity_stride: Every how many frames an identity is embedded; part of the protocol id.
        workers: Processes.
        device: torch device of the networks.

    Raises:
        ClipError: The folder holds no clip, or one cannot be read.
        MetricError: Frames are not square.
    """
    backbones = Backbones.resolve(prefer, device=device)
    jobs = []
    for clip, truth in list_clips(truth_folder).items():
        path = Path(analysis_folder) / f"{clip}.npz"
        key = analysis_key(truth, backbones, identity_stride)
        if TruthAnalysis.load(path, key) is None:
            jobs.append(_Job(clip=clip, truth=truth, path=path, identity_stride=identity_stride))
    map_clips(_analyse, jobs, "analyse truth", backbones, prefer, device, workers)


def _stack(rows: list, shape: tuple[int, ...] | None) -> NDArray[np.float64]:
    """Stacks rows; None becomes NaN of `shape`, or of the shape of the others."""
    if shape is None:
        shape = next((row.shape for row in rows if row is not None), (0,))
    return np.stack([np.full(shape, np.nan) if row is None else np.asarray(row) for row in rows])
