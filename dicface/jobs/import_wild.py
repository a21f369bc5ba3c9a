"""Aligns the user's degraded videos, which are inputs as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.files import stamp_of_folder
from dicface.base.names import BLIND
from dicface.jobs.files import clips_of
from dicface.jobs.job import Job
from dicface.video.clips import list_clips


@dataclass(frozen=True, kw_only=True)
class ImportWild(Job):
    """Align the clips of wild_clips, by the faces in them; nothing is degraded."""

    name = "import_wild"
    kind = "inputs"
    leaves = ("index.parquet", "*.mkv", "faces.parquet", "left_out.json")

    def waits_for(self) -> list[Path]:
        """The user's clips, so that a new or changed video is noticed.

        Raises:
            ClipError: `wild_clips` names no folder with clips.
        """
        return list(list_clips(self.run.config.wild_clips).values())

    def writes(self) -> list[Path]:
        """The index of the inputs, which stand where a truth is asked for."""
        return [self.run.inputs(BLIND.id) / "index.parquet"]

    def depends_on(self) -> dict[str, Any]:
        """Which clips, their size and length, and what finds faces."""
        config = self.run.config
        return {
            "wild_clips": config.wild_clips,
            "files": stamp_of_folder(config.wild_clips),
            "size": config.data.size,
            "detector": config.data.detector,
            "choice": config.data.choice,
            "smoothing_ends": config.data.smoothing_ends,
            "max_frames": config.data.test.max_frames,
            "min_frames": config.data.test.min_frames,
        }

    def work(self) -> None:
        """See `import_wild_clips`."""
        from dicface.data.prepare import import_wild_clips

        import_wild_clips(self.run.config, self.run.inputs(BLIND.id))

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """The clips as they are."""
        return {"source": clips_of(Path(self.run.config.wild_clips))}
