"""The demo's two splits: rendered talking heads, and one photograph in the test split.

Names carry the split and the run's seed, so that no identity is in both splits, and another seed
has other people.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dicface.base.files import atomic_path, write_json
from dicface.config.settings import Config
from dicface.data.photo import astronaut_clip
from dicface.data.render import render_set
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
    )
    if split == "test" and data.test.photo:
        # Says that the photograph's clip is ours, for `forget_others`: it has no landmarks.
        write_json(folder / ".photograph" / f"{PHOTO}.json", {"source": "photograph"})
        frames = astronaut_clip(clips.num_frames, data.size, fps=data.fps)
        write_clip(folder / f"{PHOTO}.mkv", frames, data.fps)
        index = pd.read_parquet(folder / "index.parquet")
        index = index[index["clip"] != PHOTO]
        photo = index.iloc[[0]].assign(clip=PHOTO, identity=PHOTO, source="photograph")
        index = pd.concat([index, photo], ignore_index=True).sort_values("clip")
        with atomic_path(folder / "index.parquet") as temporary:
            index.to_parquet(temporary, index=False)
