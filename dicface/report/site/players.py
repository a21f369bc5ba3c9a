"""What the player of a clip is given: its files, its methods, scores frame by frame, its face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicface.base.names import INPUT, controlled
from dicface.metrics import MetricFacts
from dicface.metrics.facts import FACE_SIZE
from dicface.report.figures.landmarks import five_points, read_landmarks, scored_clips
from dicface.report.looks import Look
from dicface.report.site import clip_scores
from dicface.report.site.contents import TRUTH, System, TaskResults
from dicface.report.site.grids import metric_head
from dicface.report.site.marks import drawn
from dicface.report.site.media import Media

STEADY_FRAMES = 4.0
"""Standard deviation, in frames, of what smooths the face's place: a view that trembles with the
landmarks would look like flicker."""


@dataclass(frozen=True, kw_only=True)
class Player:
    """One clip for the macro `player` of `templates/player.html`.

    Attributes:
        clip, task: Name of the clip, and of its task for readers.
        video, poster: Files, relative to the report's folder.
        has_input, has_truth: Whether there is one to show.
        data: What the scripts need; JSON values only.
    """

    clip: str
    task: str
    video: str
    poster: str
    has_input: bool
    has_truth: bool
    data: Mapping[str, Any]


def chosen_methods(shown: Sequence[str], preferred: Sequence[str]) -> list[str]:
    """The two methods that a player shows at first: the last preferred ones, no controls.

    Args:
        shown: Methods that have the clip, in order; the input among them is left out.
        preferred: Methods of the first table.
    """
    choices = [method for method in shown if method != INPUT]
    own = [method for method in choices if not controlled(method)]
    first = [method for method in own if method in preferred] or own
    return (first[::-1] + [method for method in choices if method not in first])[:2]


def player_data(
    task: TaskResults,
    clip: str,
    media: Media,
    metrics: Sequence[MetricFacts],
    preferred: Sequence[str],
    looks: Mapping[str, Look],
) -> dict[str, Any]:
    """All that does not depend on where the files lie; JSON values only."""
    shown = [system for system in task.systems if system.id in media.tiles]
    labels = {**{system.id: system.label for system in shown}, TRUTH: "Truth"}
    values = {s.id: clip_scores.frame_values(s, clip, metrics, media.num_frames) for s in shown}
    return {
        "clip": clip,
        "task": task.name,
        "fps": float(media.fps),
        "frames": media.num_frames,
        "truth": TRUTH,
        "posterScale": media.poster_scale,
        "chosen": chosen_methods([system.id for system in shown], preferred),
        "tiles": [
            {
                "id": name,
                "label": labels[name],
                "look": drawn(looks[labels[name]]),
                "x": tile.x,
                "y": tile.y,
                "width": tile.width,
                "height": tile.height,
                "whole": not tile.reduced,
                "frames": tile.num_frames,
                "sliceY": tile.slice_y,
                "sliceHeight": tile.slice_height,
                "column": (tile.column + 0.5) / tile.size[0],
                "ownWidth": tile.size[0],
            }
            for name, tile in media.tiles.items()
        ],
        "metrics": [
            {
                "id": f.id,
                "heading": metric_head(f).markup,
                "digits": f.digits,
                "best": metric_head(f).best,
            }
            for f in metrics
            if any(f.id in of_method for of_method in values.values())
        ],
        "values": values,
        "places": face_places(task.systems, clip, media.num_frames),
    }


def face_places(
    systems: Sequence[System], clip: str, num_frames: int
) -> dict[str, list[list[float]]]:
    """Where face, eyes and mouth are in each frame, by the truth's landmarks.

    Args:
        systems: The first one whose scores kept landmarks of the whole clip gives them.
        clip: Name of the clip.
        num_frames: Frames of the clip.

    Returns:
        "face", "eyes", "mouth" -> (x, y) of each frame as parts of its width and height, steadied
        over time; frames without a face lie between their neighbours. Empty without landmarks.

    Raises:
        MetricError: A file of landmarks cannot be read.
    """
    for path in (s.landmarks for s in systems if s.landmarks is not None):
        if scored_clips(path).get(clip) == num_frames:
            points = five_points(read_landmarks(path, clip).truth)
            known = np.isfinite(points).all(axis=(1, 2))
            if known.any():
                return _places((points + 0.5) / FACE_SIZE, known)
    return {}


def _places(points: NDArray[np.float64], known: NDArray[np.bool_]) -> dict[str, list[list[float]]]:
    frames = np.arange(len(points))
    kernel = np.exp(-0.5 * ((frames[:, None] - frames) / STEADY_FRAMES) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    places = {}
    for name, part in (("face", slice(0, 5)), ("eyes", slice(0, 2)), ("mouth", slice(3, 5))):
        centre = points[:, part].mean(axis=1)
        whole = [np.interp(frames, frames[known], centre[known, axis]) for axis in (0, 1)]
        places[name] = np.round(kernel @ np.stack(whole, axis=1), 4).tolist()
    return places
