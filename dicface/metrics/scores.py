"""`dicface.score`: clips against their truth in one call, with nothing kept on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dicface.base.device import require_device
from dicface.base.errors import ClipError, MetricError
from dicface.metrics import METRICS, features_of
from dicface.metrics.clip_scorer import measure
from dicface.metrics.matching import match_folders
from dicface.metrics.outputs import join, metrics_table
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.scorer import set_value
from dicface.video.arrays import check_alike, check_same, path_of, read_given
from dicface.video.formats import clip_name, has_frames

if TYPE_CHECKING:
    from dicface.metrics.backbones import Prefer

MEAN = "mean"
"""Label of the last row of `Scores.frame`."""

Clip = Path | NDArray[np.uint8]
"""A video, a folder of frames, or frames (T, S, S, 3) uint8 RGB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Scores of clips against their truth.

    Attributes:
        table: One row a clip and metric, the columns of a run's `metrics.parquet`: clip, metric,
            value, num_frames, num_missing (frames without a face), backbone, backbone_sha256,
            official (whether the network is of the paper's kind), protocol, note.
        mean: Metric -> mean over the clips that have a value; of a set-level metric, as FVD, the
            value of all clips together. NaN where there is none.
    """

    table: pd.DataFrame
    mean: Mapping[str, float]

    @property
    def backbones(self) -> dict[str, str]:
        """Metric -> name of the network that it was computed with; "pixels" for none."""
        return dict(zip(self.table["metric"], self.table["backbone"], strict=True))

    def frame(self) -> pd.DataFrame:
        """One row a clip and, last, the mean; one column a metric."""
        by_clip = self.table.pivot(index="clip", columns="metric", values="value")
        return pd.concat([by_clip[list(self.mean)], pd.DataFrame(self.mean, index=[MEAN])])

    def __str__(self) -> str:
        measured = ", ".join(f"{metric} by {name}" for metric, name in self.backbones.items())
        return f"{self.frame().to_string(float_format='%.4g')}\n{measured}"


def score(
    restored: Any,  # noqa: ANN401 - see below
    truth: Any,  # noqa: ANN401
    *,
    metrics: Sequence[str] | None = None,
    backbones: Prefer = "auto",
    device: str = "auto",
) -> Scores:
    """Scores restored clips against their truth with the metrics of the paper's tables.

    `dicface score` on the command line also keeps what it found, resumes, and makes a page.

    Args:
        restored: A clip: (T, S, S, 3) uint8 RGB, (T, 3, S, S) floats in [0, 1] (rounded to 8 bits),
            one such frame, the path of a video or of a folder of frames; or several: a dictionary
            of clips by name, or the path of a folder of clips. Frames show one aligned face.
        truth: The same of the true clips, named alike.
        metrics: Names of `dicface.metrics.METRICS`; None for all.
        backbones: "auto" takes the official network of each metric whose file is on this machine
            and an offline one elsewhere; "official" makes that an error; "offline" and "random"
            never look.
        device: "auto" (a GPU where there is one), "cpu", "cuda:0", … for the networks.

    Returns:
        The scores, with the networks they were computed with. A clip of a folder that does not fit
        its truth has no values and a note that says why.

    Raises:
        ClipError: Frames are of another kind, shape or range; a clip cannot be read.
        MetricError: There is no such metric, clips cannot be compared, or frames are not square.
        WeightsError: An official file is damaged, or missing although it was asked for.
    """
    names = list(METRICS if metrics is None else metrics)
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise MetricError(
            f"metrics: found {', '.join(unknown) or 'none'}; expected some of {', '.join(METRICS)}."
        )
    pairs = _pairs(restored, truth)
    device = require_device(device)
    protocol = EvaluationProtocol.resolve(backbones, device=device, metrics=names)
    scores = {
        clip: measure(clip, *sides, protocol, metrics=names) for clip, sides in pairs.clips.items()
    }
    table = metrics_table(
        scores, protocol, unusable=pairs.unusable, notes=pairs.notes, metrics=names
    )
    means = table.groupby("metric")["value"].mean().to_dict()
    for name in names:
        if METRICS[name].level == "set":
            features = join(each.features[features_of(name)] for each in scores.values())
            means[name] = set_value(name, features)
    return Scores(table=table, mean={name: means[name] for name in names})


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pairs:
    """Name -> restored and true clip; what is wrong with others; remarks on these."""

    clips: Mapping[str, tuple[Clip, Clip]]
    unusable: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


def _pairs(restored: object, truth: object) -> _Pairs:
    kinds = _kind(restored), _kind(truth)
    if kinds[0] != kinds[1]:
        raise ClipError(
            f"found {kinds[0]} (restored) and {kinds[1]} (truth); expected the same on both sides."
        )
    if isinstance(restored, Mapping) and isinstance(truth, Mapping):
        listed = (", ".join(sorted(map(str, clips))) for clips in (restored, truth))
        check_same("names of clips", **dict(zip(("restored", "truth"), listed, strict=True)))
        return _Pairs(clips={name: _pair(restored[name], truth[name]) for name in truth})
    path = path_of(truth)
    if kinds[1] == _FOLDER:
        match = match_folders(path_of(restored), path)
        pairs = {clip: (ours, match.truths[clip]) for clip, ours in match.restored.items()}
        return _Pairs(clips=pairs, unusable=match.unusable, notes=match.notes)
    return _Pairs(clips={clip_name(path) if path else "clip": _pair(restored, truth)})


_FOLDER = "a folder of clips"


def _kind(clips: object) -> str:
    """One clip, a dictionary of clips, or a folder of them: one that holds no frames itself."""
    if isinstance(clips, Mapping):
        return "a dictionary of clips"
    path = path_of(clips)
    return _FOLDER if path and path.is_dir() and not has_frames(path) else "one clip"


def _pair(restored: object, truth: object) -> tuple[Clip, Clip]:
    """Checks two clips; of those in files the scorer says what differs."""
    paths = path_of(restored), path_of(truth)
    if paths[0] is not None and paths[1] is not None:
        return paths[0], paths[1]
    ours, true = read_given(restored, "restored"), read_given(truth, "truth")
    check_alike(ours, true)
    return ours.arrays(), true.arrays()
