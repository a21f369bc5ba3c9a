"""Which networks measure: official ones where their files are at hand, offline ones otherwise.

Truth and restored clips always go through the same backbone, and every score names it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from dicface.base.errors import ConfigError, WeightsError
from dicface.metrics.backbones._info import PIXELS, BackboneInfo
from dicface.metrics.backbones.identity import ArcFaceIdentity, DlibIdentity, Identity
from dicface.metrics.backbones.landmarks import DlibLandmarks, FanLandmarks, Landmarks
from dicface.metrics.backbones.perceptual import (
    OfficialPerceptual,
    Perceptual,
    RandomPerceptual,
)
from dicface.metrics.backbones.video import I3DFeatures, RandomVideoFeatures, VideoFeatures
from dicface.metrics.facts import MetricFacts
from dicface.weights import registry

Prefer = Literal["auto", "official", "offline"]

OFFICIAL_FILES = {
    "perceptual": "vgg16",
    "identity": "arcface_w600k_r50",
    "landmarks": "fan_2dfan4",
    "video": "i3d_torchscript",
}
"""Backbone -> name of its file in the weights registry."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Backbones:
    """The four networks that the metrics need; each is loaded at its first use."""

    perceptual: Perceptual
    identity: Identity
    landmarks: Landmarks
    video: VideoFeatures

    @classmethod
    def resolve(
        cls, prefer: Prefer = "auto", *, device: str = "cpu", lpips_net: str = "vgg"
    ) -> Backbones:
        """Chooses the backbones and logs what was chosen and why.

        Args:
            prefer: "auto": the official network of each metric whose file is at hand, the offline
                one otherwise; "official": official ones, an error where a file is missing;
                "offline": offline ones, whatever is at hand.
            device: torch device of LPIPS, FAN and the video network, "cpu" or "cuda".
            lpips_net: Official LPIPS backbone, "vgg" (the tables' column) or "alex".

        Raises:
            ConfigError: `prefer` or `lpips_net` has another value.
            WeightsError: A file is damaged, or missing although official ones are asked for.
        """
        if prefer not in get_args(Prefer) or lpips_net not in ("vgg", "alex"):
            raise ConfigError(
                f"metrics.backbones is '{prefer}' and the LPIPS network '{lpips_net}'; expected "
                f"one of {', '.join(get_args(Prefer))}, and vgg or alex."
            )
        files = OFFICIAL_FILES | ({"perceptual": "alexnet"} if lpips_net == "alex" else {})
        paths = {kind: _official_file(name, prefer) for kind, name in files.items()}
        why = {kind: _why_offline(name, prefer) for kind, name in files.items()}
        perceptual, identity, landmarks, video = paths.values()
        chosen = cls(
            perceptual=OfficialPerceptual(perceptual, lpips_net, device)
            if perceptual
            else RandomPerceptual(device, why["perceptual"]),
            identity=ArcFaceIdentity(identity) if identity else DlibIdentity(why["identity"]),
            landmarks=FanLandmarks(landmarks, device)
            if landmarks
            else DlibLandmarks(why["landmarks"]),
            video=I3DFeatures(video, device)
            if video
            else RandomVideoFeatures(device, why["video"]),
        )
        for kind in files:
            info = getattr(chosen, kind).info
            _log.info("%s by %s: %s", kind, info.name, info.reason)
        return chosen

    def of(self, facts: MetricFacts) -> BackboneInfo:
        """What a metric is computed with: the last network it needs, or pixels alone."""
        return getattr(self, facts.needs[-1]).info if facts.needs else PIXELS

    def digests(self) -> dict[str, str]:
        """Backbone -> "name sha256", for files that must not be mixed with another choice."""
        infos = {kind: getattr(self, kind).info for kind in OFFICIAL_FILES}
        return {kind: f"{info.name} {info.sha256}" for kind, info in infos.items()}


def _official_file(name: str, prefer: Prefer) -> Path | None:
    if prefer == "offline":
        return None
    path = registry.find(name)
    if path is None and prefer == "official":
        raise WeightsError(
            f"{registry.where_to_get(name)}; or set metrics.backbones to 'auto' to measure with "
            "the offline backbone."
        )
    return path


def _why_offline(name: str, prefer: Prefer) -> str:
    if prefer == "offline":
        return "offline backbones were asked for"
    return f"{registry.entry(name).file} is not at hand"


__all__ = ["OFFICIAL_FILES", "BackboneInfo", "Backbones", "Prefer"]
