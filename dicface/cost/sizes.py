"""How many clips and frames a run works on: as they lie on disk, or as is known of their sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dicface.base.errors import ClipError
from dicface.data.datasets.layouts import read_layout
from dicface.data.datasets.layouts.text import nominal_frames
from dicface.data.datasets.layouts.vfhq import NUM_TEST_CLIPS
from dicface.video.clips import list_clips
from dicface.video.sources import look
from dicface.workflow.plan import Plan

#: Mean of the frames that the names of 20 clips of VFHQ-Test announce, those that the DicFace
#: release and other public projects name (103 to 290 frames).
FRAMES_OF_A_VFHQ_CLIP = 154
#: The paper of VFHQ: "over 16,000".
NUM_VFHQ_TRAIN_CLIPS = 16_000
NUM_FFHQ_IMAGES = 70_000


@dataclass(frozen=True)
class Count:
    """Clips and frames of a set.

    Attributes:
        clips: How many.
        frames: Of all clips together.
        source: Where the numbers come from.
        assumed: Whether the set is not here.
    """

    clips: int
    frames: int
    source: str
    assumed: bool = False


@dataclass(frozen=True)
class Sizes:
    """The sets of a run, looked at when they are first asked for."""

    plan: Plan

    @cached_property
    def test(self) -> Count:
        """The test set.

        Raises:
            ClipError: Its clips are there and cannot be read.
        """
        config, test = self.plan.config, self.plan.config.data.test
        if not self.plan.run.imports_test_clips:
            clips = test.num_clips + test.photo
            return Count(clips, clips * test.num_frames, "rendered, as the configuration says")
        index = self.plan.run.truth_index
        if index.is_file():
            frames = _column(index, "num_frames")
            return Count(len(frames), sum(frames), str(index))
        folder = Path(config.own_clips or test.folder)
        if not folder.exists() and not config.own_clips:
            return Count(
                NUM_TEST_CLIPS,
                NUM_TEST_CLIPS * min(FRAMES_OF_A_VFHQ_CLIP, test.max_frames or 10**9),
                f"assumed to be VFHQ-Test: {folder} is not here; {NUM_TEST_CLIPS} clips of "
                f"{FRAMES_OF_A_VFHQ_CLIP} frames, the mean over 20 clips' names",
                assumed=True,
            )
        if test.layout and not config.own_clips:
            clips = read_layout(test.layout, folder).require().clips.values()
            paths = [clip.source for clip in clips]
        else:
            paths = list(list_clips(folder).values())
        counts = _counts(paths, drop=test.on_misfit == "drop")
        frames = [min(count, test.max_frames or 10**9) for count in counts]
        return Count(len(frames), sum(frames), f"counted in {folder}")

    @cached_property
    def train(self) -> Count:
        """The training clips; frames of a data set as the clips' names announce them."""
        train = self.plan.config.data.train
        if train.source == "render":
            frames = train.num_clips * train.num_frames
            return Count(train.num_clips, frames, "rendered, as the configuration says")
        folder = Path(train.folder)
        if not folder.exists():
            return Count(
                NUM_VFHQ_TRAIN_CLIPS,
                NUM_VFHQ_TRAIN_CLIPS * FRAMES_OF_A_VFHQ_CLIP,
                f"assumed to be VFHQ: {folder} is not here; {NUM_VFHQ_TRAIN_CLIPS} clips (the "
                f"paper of VFHQ) of {FRAMES_OF_A_VFHQ_CLIP} frames, the mean over 20 test clips' "
                "names",
                assumed=True,
            )
        names = read_layout(train.layout or "aligned", folder).clips
        return Count(len(names), self.frames_by_name(names), f"names of the clips in {folder}")

    @cached_property
    def images(self) -> Count:
        """The faces that stages I to III learn from."""
        images = self.plan.config.data.images
        if images.source == "train":
            return self.train
        folder = Path(images.folder)
        if not folder.exists():
            source = f"assumed to be FFHQ: {folder} is not here; its page says so many images"
            return Count(NUM_FFHQ_IMAGES, NUM_FFHQ_IMAGES, source, assumed=True)
        clips = len(read_layout(images.layout or "aligned", folder).clips)
        return Count(clips, clips, f"counted in {folder}")

    @staticmethod
    def frames_by_name(names: Iterable[str]) -> int:
        """Frames that names of VFHQ announce; where one says nothing, the mean."""
        return sum(nominal_frames(name) or FRAMES_OF_A_VFHQ_CLIP for name in names)

    def shard(self, name: str, shard: str) -> Count:
        """One shard of a training set.

        Args:
            name: The set, "train".
            shard: Its id.
        """
        if shard in self.missing_shards:
            clips = self.missing_shards[shard]
            return Count(clips, clips * FRAMES_OF_A_VFHQ_CLIP, self.train.source, assumed=True)
        names = self.plan.landmark_shards(name)[shard]
        return Count(len(names), self.frames_by_name(names), "names of the clips")

    @cached_property
    def missing_shards(self) -> dict[str, int]:
        """Id -> clips of the shards that no graph can list, as the training set is not here.

        Landmarks of VFHQ's training clips are made one job a shard.
        """
        train = self.plan.config.data.train
        if train.source != "folder" or train.layout != "vfhq_train" or not self.train.assumed:
            return {}
        starts = range(0, self.train.clips, train.shard_size)
        return {
            f"{n:05d}": min(train.shard_size, self.train.clips - start)
            for n, start in enumerate(starts)
        }


def _counts(paths: Iterable[Path], *, drop: bool) -> list[int]:
    """Frames of the clips that can be read; all must, or at least one where misfits are dropped."""
    counts, first = [], None
    for path in paths:
        try:
            counts.append(look(path).num_frames)
        except ClipError as error:
            first = first or error
    if first and not (drop and counts):
        raise ClipError(f"{first} (`dicface data check` looks at all clips)") from first
    return counts


def _column(path: Path, name: str) -> list[int]:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path, columns=[name])[name].to_pylist()
