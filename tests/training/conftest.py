"""Fixtures: the demo's configuration with networks that train in seconds, and clips to train on."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from dicface.base.seeds import numpy_rng
from dicface.config.settings import STAGES
from dicface.video.clips import write_clip
from tests.models._small import model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def raw() -> dict:
    """The demo's configuration, with networks that train in seconds."""
    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    raw["data"]["size"] = 16
    raw["degradation"] |= {"scale": 2, "kernel_size": 5, "blur_sigma": [0.1, 1.0]}
    raw["model"] = model(16)
    raw["train"]["defaults"] |= {
        "steps": 6,
        "batch_size": 2,
        "save_every": 2,
        "log_every": 2,
        "degraded_versions": 2,
    }
    for stage in STAGES:
        for key in ("steps", "batch_size", "save_every", "log_every", "degraded_versions"):
            raw["train"][stage].pop(key, None)
    raw["train"]["fusion"]["released"] = ""
    return raw


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    for name in ("one", "two"):
        rng = numpy_rng("test", name)
        frames = rng.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
        write_clip(folder / f"{name}.mkv", frames, 25)
    return folder
