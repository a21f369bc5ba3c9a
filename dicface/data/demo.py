"""The demo's two splits: rendered talking heads, and one photograph in the test split.

Names carry the split and the run's seed, so that no identity is in both splits, and another seed
has other people.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dicface.base.files import write_parquet
from dicface.config.settings import Config
from dicface.data.photo import MOTION, astronaut_clip
from dicface.data.render import render_set
from dicface.provenance.kept import kept
from dicface.runs.files import read_clip_index
from dicface.video.clips import write_clip

PHOTO = "astronaut"


def render_split(folder: str | Path, config: Config, split: str, *, workers: int = 1) -> None:
    """Renders a split into `folder`, one identity a clip (see `render_set`); resumable.

    Clips of an earlier call that are not of the split any more are removed, the photograph too.

    Args:
        folder: Where clips, landmarks and index go.
        config: The run.
        split: "train" or "test"; the latter also gets the photograph, where the run has it.
        workers: Processes.
    """
    folder, data = Path(folder), config.data
    clips = data.train if split == "train" else data.test
    with_photo = split == "test" and data.test.photo
    render_set(
        folder,
        clips=[
            (f"{split}_{i:03d}", f"{config.seed_name}-{split}-{i:03d}")
            for i in range(clips.num_clips)
        ],
        num_frames=clips.num_frames,
        size=data.size,
        fps=data.fps,
        workers=workers,
        beside=[PHOTO] if with_photo else [],
    )
    if with_photo:
        settings = {"num_frames": clips.num_frames, "size": data.size, "fps": data.fps}
        with kept(folder, PHOTO, {"motion": MOTION, **settings}, f"{PHOTO}.mkv") as piece:
            if piece.todo:
                write_clip(folder / f"{PHOTO}.mkv", astronaut_clip(**settings), data.fps)
        index = read_clip_index(folder)
        photo = index.iloc[[0]].assign(clip=PHOTO, identity=PHOTO, source="photograph")
        index = pd.concat([index, photo], ignore_index=True).sort_values("clip")
        write_parquet(folder / "index.parquet", index)
