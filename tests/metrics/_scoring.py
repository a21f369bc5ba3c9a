"""Cheap networks and small clips to score."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.faces.dlib_models import Box
from dicface.metrics import analysis, needed_backbones
from dicface.metrics.backbones import BackboneInfo, Backbones
from dicface.metrics.matching import match_names
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.scorer import SetScore, score_set
from dicface.metrics.tracks import track
from dicface.video.clips import list_clips, write_clip

SIDE = 32
NUM_FRAMES = 20
TRUTH = {"a": list(range(50, 50 + NUM_FRAMES)), "b": [90] * 5, "c": [120] * 17}


@dataclass
class Fake:
    """All four backbones at once: cheap, and each answer follows from the picture."""

    info: BackboneInfo = field(
        default_factory=lambda: BackboneInfo(name="fake", sha256="0", official=False, reason="")
    )
    calls: list[str] = field(default_factory=list)

    def distance(self, restored: np.ndarray, truth: np.ndarray) -> np.ndarray:
        self.calls += ["lpips"] * len(truth)
        return np.abs(restored.astype(float) - truth).mean(axis=(1, 2, 3))

    def locate(self, face: np.ndarray, box: Box) -> np.ndarray:
        """Landmarks move right by one px for every grey level of the first pixel."""
        self.calls.append("locate")
        assert face.shape == (512, 512, 3)
        return np.full((68, 2), box.left) + [float(face[0, 0, 0]), 0]

    def embed(self, face: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        self.calls.append("embed")
        return np.array([1.0, face[0, 0, 0] / 100])

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        return frame

    def features(self, window: np.ndarray) -> np.ndarray:
        assert window.shape[0] == 16
        return window.reshape(16, -1).mean(axis=1).astype(np.float32)


@pytest.fixture
def fake(monkeypatch) -> Fake:
    fake = Fake()
    backbones = Backbones(networks=dict.fromkeys(needed_backbones(), fake))
    monkeypatch.setattr(Backbones, "resolve", classmethod(lambda cls, *_, **__: backbones))
    find_everywhere(monkeypatch, lambda face: Box(100, 100, 300, 300))
    return fake


def find_everywhere(monkeypatch, detect: Callable[[np.ndarray], Box | None]) -> None:
    monkeypatch.setattr(analysis, "track", lambda frames: track(frames, detect))


def grey(levels: list[int]) -> list[np.ndarray]:
    return [np.full((SIDE, SIDE, 3), level, np.uint8) for level in levels]


@pytest.fixture
def folders(tmp_path) -> dict[str, Path]:
    for clip, levels in TRUTH.items():
        write_clip(tmp_path / "truth" / f"{clip}.mkv", grey(levels), 25)
        jitter = [level + 3 * (frame % 2) for frame, level in enumerate(levels)]
        write_clip(tmp_path / "restored" / f"{clip}.mkv", grey(jitter), 25)
    return {name: tmp_path / name for name in ("truth", "restored", "out", "analysis")}


def protocol(identity_stride: int = 1) -> EvaluationProtocol:
    return EvaluationProtocol(backbones=Backbones.resolve(), identity_stride=identity_stride)


def score(folders: dict[str, Path], identity_stride: int = 1) -> SetScore:
    return score_set(
        "bfr",
        "mine",
        match_names(list_clips(folders["restored"]), list_clips(folders["truth"])),
        folders["out"],
        analysis_folder=folders["analysis"],
        protocol=protocol(identity_stride),
    )


def metrics_of(folders: dict[str, Path]) -> pd.DataFrame:
    return pd.read_parquet(folders["out"] / "metrics.parquet")
