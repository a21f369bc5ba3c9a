"""Looks once at each true clip, for all methods: faces, landmarks, identities, features."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicface.base.files import digest_of
from dicface.metrics.facts import IDENTITY, LANDMARKS, NUM_POINTS, VIDEO, BackboneFacts
from dicface.metrics.fvd import WindowBuffer
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.tracks import DETECTED, FILLED, MISSING, TEMPLATE, face_frame, track
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.workers import map_clips
from dicface.provenance.kept import find, forget_others, kept
from dicface.video.clips import list_clips, read_frames

_log = logging.getLogger(__name__)


def made_from(truth: Path, protocol: EvaluationProtocol) -> dict[str, Any]:
    """Says what decides an analysis: if it differs, the analysis is made again."""
    return {
        "truth": digest_of(truth),
        "protocol": protocol.id,
        "backbones": protocol.backbones.digests(*_needed(protocol)),
    }


def _needed(protocol: EvaluationProtocol) -> list[BackboneFacts]:
    """What an analysis looks with, of the networks that there are."""
    networks = protocol.backbones.networks
    return [facts for facts in (LANDMARKS, IDENTITY, VIDEO) if facts.kind in networks]


def analyse_truth(truth: Path, protocol: EvaluationProtocol) -> TruthAnalysis:
    """Analyses a true clip in one pass with bounded memory.

    Args:
        truth: A clip of square aligned frames.
        protocol: How it is measured.

    Raises:
        ClipError: The clip cannot be read.
        MetricError: Its frames are not square.
    """
    return analyse_frames(str(truth), read_frames(truth), protocol, needed=_needed(protocol))


def analyse_frames(
    clip: str,
    frames: Iterable[NDArray[np.uint8]],
    protocol: EvaluationProtocol,
    *,
    needed: Collection[BackboneFacts] = (LANDMARKS, IDENTITY, VIDEO),
) -> TruthAnalysis:
    """Analyses true frames (S, S, 3) uint8 RGB, see `analyse_truth`; `clip` names them.

    What is not `needed` is not looked for: faces are missing, embeddings and features empty.
    """
    backbones, buffer, features, sizes = protocol.backbones, WindowBuffer(), [], set()

    def looked_at() -> Iterator[NDArray[np.uint8]]:
        for frame in frames:
            sizes.add(frame.shape[0])
            if VIDEO in needed:
                for window in buffer.push(backbones[VIDEO].prepare(frame)):
                    features.append(backbones[VIDEO].features(window))
            yield face_frame(frame) if LANDMARKS in needed else frame

    if LANDMARKS in needed:
        tracked = track(looked_at())
    else:
        tracked = ((frame, None, MISSING) for frame in looked_at())
    boxes, source, landmarks, embeddings = [], [], [], []
    for number, (face, box, where_from) in enumerate(tracked):
        points, embedding = None, None
        if box is not None:
            points = backbones[LANDMARKS].locate(face, box)
            if IDENTITY in needed and number % protocol.identity_stride == 0:
                embedding = backbones[IDENTITY].embed(face, points)
        source.append(where_from)
        boxes.append(None if box is None else (box.left, box.top, box.right, box.bottom))
        landmarks.append(points)
        embeddings.append(embedding)
    features += [backbones[VIDEO].features(window) for window in buffer.flush()]
    if LANDMARKS in needed and DETECTED not in source:
        # A clip in which nobody is ever found may show no face at all.
        nothing = [None] * len(source)
        source, boxes, landmarks, embeddings = [MISSING] * len(source), nothing, nothing, nothing
        _log.warning(
            "%s: no face found in any of its %d frames; it is left out of IDS, AKD and TLME",
            *(clip, len(source)),
        )
    elif LANDMARKS in needed and {FILLED, TEMPLATE} & set(source):
        _log.warning(
            "%s: no face found in %d of %d frames; %d of them take the box of their neighbours, "
            "%d that of an aligned face",
            *(clip, len(source) - source.count(DETECTED), len(source)),
            *(source.count(FILLED), source.count(TEMPLATE)),
        )
    return TruthAnalysis(
        size=sizes.pop(),
        source=np.array(source, np.uint8),
        boxes=_stack(boxes, (4,)),
        landmarks=_stack(landmarks, (NUM_POINTS, 2)),
        embeddings=_stack(embeddings, None),
        features=np.array(features, np.float32),
    )


def truth_analysis(
    clip: str, truth: Path, folder: str | Path, protocol: EvaluationProtocol
) -> TruthAnalysis:
    """Reads a clip's analysis from `<folder>/<clip>.npz`, or makes it and writes it there."""
    path = Path(folder) / f"{clip}.npz"
    with kept(folder, clip, made_from(truth, protocol), path.name) as piece:
        if piece.todo:
            analyse_truth(truth, protocol).save(path)
    return TruthAnalysis.load(path)


@dataclass(frozen=True, kw_only=True)
class _Job:
    clip: str
    truth: Path
    folder: Path


def _analyse(job: _Job, protocol: EvaluationProtocol) -> None:
    truth_analysis(job.clip, job.truth, job.folder, protocol)


def analyse_set(
    truth_folder: str | Path,
    analysis_folder: str | Path,
    protocol: EvaluationProtocol,
    *,
    workers: int = 1,
) -> None:
    """Analyses all clips of a folder into `<analysis_folder>/<clip>.npz`; done ones are kept.

    Analyses of clips that are no longer there are removed.

    Args:
        truth_folder: True clips.
        analysis_folder: Where the analyses go.
        protocol: How they are measured.
        workers: Processes.

    Raises:
        ClipError: The folder holds no clip, or one cannot be read.
        MetricError: Frames are not square.
    """
    truths, folder = list_clips(truth_folder), Path(analysis_folder)
    forget_others(folder, truths)
    jobs = [
        _Job(clip=clip, truth=truth, folder=folder)
        for clip, truth in truths.items()
        if find(folder, clip, made_from(truth, protocol)) is None
    ]
    map_clips(_analyse, jobs, "analyse truth", protocol, workers)


def _stack(rows: list, shape: tuple[int, ...] | None) -> NDArray[np.float64]:
    """Stacks rows; None becomes NaN of `shape`, or of the shape of the others."""
    if shape is None:
        shape = next((row.shape for row in rows if row is not None), (0,))
    return np.stack([np.full(shape, np.nan) if row is None else np.asarray(row) for row in rows])
