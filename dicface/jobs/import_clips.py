"""Aligns the user's test clips, or those of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.errors import ClipError
from dicface.base.files import digest_of_names, stamp_of_folder
from dicface.data.datasets.layouts import read_layout
from dicface.jobs.files import clips_of
from dicface.jobs.job import Job
from dicface.provenance.cards import clips_card
from dicface.video.clips import list_clips
from dicface.workflow.plan import Plan


@dataclass(frozen=True, kw_only=True)
class ImportClips(Job):
    """Align the clips of a folder or data set, by the faces in them or released landmarks."""

    name = "import_clips"
    kind = "clips"
    leaves = ("index.parquet", "*.mkv", "faces.parquet", "landmarks.parquet", "left_out.json")
    card = staticmethod(clips_card)

    @property
    def source(self) -> tuple[str, Path]:
        """Layout ("" for a folder of clips) and folder of what is imported."""
        config = self.run.config
        if config.test_clips:
            return "", Path(config.test_clips)
        return config.data.test.layout, Path(config.data.test.folder)

    @classmethod
    def require(cls, plan: Plan) -> None:
        """The data set is there, and the released one has the inputs of every task of the run.

        Raises:
            ClipError: It is not, or has another layout, or two clips have one name.
        """
        config, test = plan.config, plan.config.data.test
        if config.test_clips or not test.layout:
            return
        data_set = read_layout(test.layout, test.folder).require()
        tasks = {"bfr", *config.table2} if config.takes_released_inputs else set()
        if missing := sorted(tasks - set(data_set.inputs)):
            raise ClipError(
                f"{test.folder}: found no inputs of {', '.join(missing)}; expected their "
                "folders (docs/datasets.md), or data.test.test_set: regenerated"
            )

    def waits_for(self) -> list[Path]:
        """The user's clips, so that a new or changed video is noticed.

        Those of a data set are noticed by their names (`depends_on`): their frames are too many to
        look at. A folder may be missing while a run is only planned; `require` says so when it
        starts.

        Raises:
            ClipError: `test_clips` names no folder with clips, or `data.test.folder` is there and
                holds none.
        """
        layout, folder = self.source
        planned = not self.run.config.test_clips and (layout or not folder.exists())
        if not self.run.imports_test_clips or planned:
            return []
        return list(list_clips(folder).values())

    def writes(self) -> list[Path]:
        """The index of the set."""
        return [self.run.folder / "clips/own/index.parquet"]

    def depends_on(self) -> dict[str, Any]:
        """Which clips, their size and length, and what finds faces."""
        config, test = self.run.config, self.run.config.data.test
        facts = {
            "test_clips": config.test_clips,
            "size": config.data.size,
            "detector": config.data.detector,
            "choice": config.data.choice,
            "smoothing_ends": config.data.smoothing_ends,
            "max_frames": test.max_frames,
            "min_frames": test.min_frames,
            "on_misfit": test.on_misfit,
        }
        if config.test_clips:
            return {**facts, "files": stamp_of_folder(config.test_clips)}
        facts |= {"folder": test.folder, "layout": test.layout, "test_set": test.test_set}
        if test.source == "folder" and test.layout:
            facts["clips"] = digest_of_names(read_layout(test.layout, test.folder).clips)
        return facts

    def work(self) -> None:
        """See `import_test_clips`."""
        from dicface.data.prepare import import_test_clips

        import_test_clips(self.run.config, self.run.truth)

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """The clips as they are."""
        layout, folder = self.source
        return {"source": clips_of(folder, layout)}
