"""The demo's splits: rendered people and the photograph."""

from pathlib import Path

import pandas as pd
import yaml

from dicface.config.fields import overlay
from dicface.data.demo import PHOTO, render_split
from dicface.video.clips import list_clips
from dicface.workflow.plan import Plan

SIZE = 64


def test_clips_that_are_no_longer_wanted_go_and_others_stay(tmp_path):
    settings = Path(__file__).resolve().parents[2] / "config" / "config.yaml"
    raw = yaml.safe_load(settings.read_text())

    def rendered(**test) -> set[str]:
        changed = {"num_frames": 1, **test}
        small = {"size": SIZE, "test": changed}
        skips = {"transformer": {"connect_list": ["16", "32"]}}
        config = Plan.of(overlay(raw, {"data": small, "model": skips})).config
        render_split(tmp_path, config, "test")
        index = set(pd.read_parquet(tmp_path / "index.parquet")["clip"])
        assert set(pd.read_parquet(tmp_path / "landmarks.parquet")["clip"]) == index - {PHOTO}
        assert set(list_clips(tmp_path)) - {"mine", "shard_00000"} == index
        return index

    assert rendered(num_clips=2) == {"test_000", "test_001", PHOTO}
    kept = (tmp_path / "test_000.mkv").stat().st_mtime_ns
    # Clips and landmarks that no job here has made.
    (tmp_path / "mine.mkv").write_bytes(b"mine")
    (tmp_path / "landmarks" / "shard_00000.parquet").write_bytes(b"theirs")
    assert rendered(num_clips=1) == {"test_000", PHOTO}
    assert rendered(num_clips=1, photo=False) == {"test_000"}
    assert (tmp_path / "test_000.mkv").stat().st_mtime_ns == kept
    assert (tmp_path / "mine.mkv").read_bytes() == b"mine"
    landmarks = {path.name for path in (tmp_path / "landmarks").iterdir()}
    assert landmarks == {"test_000.parquet", "shard_00000.parquet"}
