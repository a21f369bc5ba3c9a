"""The demo's two splits: rendered talking heads, and one photograph in the test split.

Names carry the split, so that no identity is in both.
"""

from __future__ import annotations

from pathlib import Path

from dicface.config import Config
from dicface.data.photo import astronaut_clip
from dicface.data.render import render_set


def render_split(folder: str | Path, config: Config, split: str, *, workers: int = 1) -> None:
    """Renders a split into `folder`, one identity a clip (see `render_set`); resumable.

    Args:
        folder: Where clips, landmarks and index go.
        config: The run; its seed name makes the people.
        split: "train" or "test".
        workers: Processes.
    """
    data = config.data
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
