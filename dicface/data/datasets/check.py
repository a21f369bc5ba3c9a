"""What must be known of a data set before anything long starts."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from dicface.base.counts import how_many
from dicface.base.errors import ClipError, DicfaceError, FaceError
from dicface.data.datasets.expected import crop_of, expected_frames
from dicface.data.datasets.layouts import Layout, Problem, SourceClip
from dicface.data.datasets.layouts.text import read_landmarks, read_meta
from dicface.data.datasets.shard_landmarks import read_header
from dicface.video.clips import probe
from dicface.video.formats import is_frame
from dicface.video.sources import SourceInfo, look, remarks

LOSSLESS_SHARE = 0.25
"""Bytes of a lossless face clip (FFV1) by those of its raw frames; see docs/datasets.md."""

LANDMARK_BYTES_A_FRAME = 140
"""Bytes that the landmarks of a frame take on disk; see docs/datasets.md."""

_THREADS = 16
_MANY_INTERPOLATED = 0.2
_FEW_EQUAL = 20


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """What is asked of a check.

    Attributes:
        full: Whether to decode every frame instead of reading headers.
        num_expected: Clips that must be there, instead of what is known of the set; 0 keeps that.
        landmarks: Folder of a run's training data, whose landmarks are checked too.
        out: Where results will go; its disk is checked.
        size: S of the clips that a run writes, px.
        num_tasks: Number of tasks of the run, from which the disk space is reckoned.
        num_methods: Number of methods of the run, likewise.
    """

    full: bool = False
    num_expected: int = 0
    landmarks: Path | None = None
    out: Path | None = None
    size: int = 512
    num_tasks: int = 3
    num_methods: int = 9


@dataclass(kw_only=True)
class Report:
    """What a check found.

    Attributes:
        layout: The data set.
        num_found: Number of clips found.
        num_expected: Number of clips expected; 0 if that is not known.
        num_readable: Clips whose headers (with `full`: frames) can be read.
        num_frames: Frames in the readable clips.
        needed_bytes: Bytes that a run writes for this set.
        free_bytes: Free bytes where a run writes; -1 if that was not asked.
        problems: What was found wrong, errors first.
    """

    layout: Layout
    num_found: int
    num_expected: int
    num_readable: int = 0
    num_frames: int = 0
    needed_bytes: int = 0
    free_bytes: int = -1
    problems: list[Problem] = field(default_factory=list)

    @property
    def must_be_fixed(self) -> bool:
        """Whether a run would fail."""
        return any(problem.severity == "error" for problem in self.problems)

    def as_text(self) -> str:
        """The report as lines of text."""
        expected = f"{self.num_expected} expected" if self.num_expected else "none expected by name"
        said_by = f" (by {self.layout.expected_from})" if self.layout.expected_from else ""
        free = f", {_gb(self.free_bytes)} free" if self.free_bytes >= 0 else ""
        lines = [
            f"{self.layout.kind}: {self.layout.folder}",
            f"clips: {self.num_found} found, {expected}{said_by}, {self.num_readable} readable",
            f"frames: {self.num_frames}",
            f"disk: about {_gb(self.needed_bytes)} needed{free}",
        ]
        shown, counts = [], {}
        for problem in self.problems:
            kind = (problem.severity, problem.message[:40])
            counts[kind] = counts.get(kind, 0) + 1
            if counts[kind] <= _FEW_EQUAL:
                shown.append(str(problem))
        hidden = len(self.problems) - len(shown)
        if hidden:
            shown.append(f"… and {hidden} more of the same kinds")
        verdict = "must be fixed" if self.must_be_fixed else "ready"
        return "\n".join([*lines, *shown, f"result: {verdict}"]) + "\n"


def check(
    layout: Layout, settings: CheckSettings | None = None, *, progress: bool = True
) -> Report:
    """Checks a data set: clips, frame counts, files, landmarks and disk.

    Only headers are read, in threads: a listing and two images of a folder of frames, both ends of
    a video. Nothing is raised for what is wrong with the data; it stands in the report.

    Args:
        layout: What `dicface.data.datasets.layouts.read_layout` returned.
        settings: What is asked of the check.
        progress: Whether to show a bar.
    """
    settings = settings or CheckSettings()
    report = Report(
        layout=layout,
        num_found=len(layout.clips),
        num_expected=settings.num_expected or layout.num_expected,
        problems=list(layout.problems),
    )
    report.problems += _numbers(report, layout)
    infos = _look_at_all(layout, settings, report, progress)
    report.num_readable = len(infos)
    report.num_frames = sum(info.num_frames for info in infos.values())
    for task, clips in layout.inputs.items():
        report.problems += _inputs(task, clips, infos, settings)
    if settings.landmarks is not None:
        report.problems += _landmarks_made(layout, settings.landmarks, infos)
    report.needed_bytes = needed_bytes(layout, report.num_frames, settings)
    if settings.out is not None:
        report.free_bytes, problems = _disk(settings.out, report.needed_bytes)
        report.problems += problems
    report.problems.sort(key=lambda problem: problem.severity != "error")
    return report


def needed_bytes(layout: Layout, num_frames: int, settings: CheckSettings) -> int:
    """What a run writes: lossless clips of a test set, landmarks of a training set."""
    if not layout.for_test:
        return 0 if layout.aligned else num_frames * LANDMARK_BYTES_A_FRAME
    clips = 1 + settings.num_tasks * (1 + settings.num_methods)
    return int(num_frames * settings.size**2 * 3 * LOSSLESS_SHARE * clips)


def _numbers(report: Report, layout: Layout) -> Iterator[Problem]:
    found, expected = report.num_found, report.num_expected
    if not expected or found == expected or not found:
        return
    severity = "error" if layout.for_test and found < expected else "warning"
    names = ""
    if layout.missing:
        some = ", ".join(layout.missing[:3])
        names = f" ({some}{', …' if len(layout.missing) > 3 else ''})"
    yield Problem(
        severity,
        str(layout.clips_folder),
        f"found {found} clips, expected {expected}{names}; extract the set wholly, or say how many "
        "there should be with --expect",
    )


def _look_at_all(
    layout: Layout, settings: CheckSettings, report: Report, progress: bool
) -> dict[str, SourceInfo]:
    def one(clip: SourceClip) -> tuple[SourceInfo | None, list[Problem]]:
        return _look_at(clip, settings, in_release=layout.kind == "released_test")

    infos = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        clips = layout.clips.values()
        bar = tqdm(pool.map(one, clips), "check", len(clips), unit="clip", disable=not progress)
        for clip, (info, problems) in zip(clips, bar, strict=True):
            report.problems += problems
            if info is not None:
                infos[clip.name] = info
    return infos


def _look_at(
    clip: SourceClip, settings: CheckSettings, *, in_release: bool
) -> tuple[SourceInfo | None, list[Problem]]:
    """Checks one clip by itself."""
    problems = []
    try:
        info = look(clip.source)
        if settings.full:
            decoded = probe(clip.source) if not _is_image(clip) else info
            info = SourceInfo(
                num_frames=decoded.num_frames,
                height=decoded.height,
                width=decoded.width,
                fps=info.fps,
            )
        problems += [Problem("warning", clip.name, said) for said in remarks(clip.source)]
        crop_of(read_meta(clip.meta) if clip.meta else None, info, clip.name)
        expected = expected_frames(clip)
    except ClipError as error:
        return None, [_of_error("error", clip.name, error)]
    slack = max(expected.slack, info.slack)
    if expected.count and abs(info.num_frames - expected.count) > slack:
        problems.append(
            Problem(
                "warning" if expected.slack else "error",
                clip.name,
                f"holds {how_many(info.num_frames, 'frame')}, {expected.said_by} says "
                f"{expected.count}; extract or download it again",
            )
        )
    if clip.landmarks is not None:
        problems += _landmark_file(clip, info, clip.landmarks)
    if in_release and (info.height, info.width) != (512, 512):
        problems.append(
            Problem(
                "error",
                clip.name,
                f"frames are {info.width}×{info.height} px; expected 512×512, whose landmarks the "
                "set holds",
            )
        )
    return info, problems


def _landmark_file(clip: SourceClip, info: SourceInfo, path: Path) -> Iterator[Problem]:
    try:
        points = read_landmarks(path)
    except FaceError as error:
        yield _of_error("error", clip.name, error)
        return
    if abs(len(points) - info.num_frames) > info.slack:
        kind = "shorter than its clip" if len(points) < info.num_frames else "of another clip"
        yield Problem(
            "error",
            clip.name,
            f"{path} is {kind}: {how_many(len(points), 'line')} for "
            f"{how_many(info.num_frames, 'frame')}; replace the landmarks or the clip",
        )
    elif points.min() < -256 or points.max() > 768:
        yield Problem(
            "error", clip.name, f"{path} has points far outside a 512-px frame: of another clip?"
        )


def _inputs(
    task: str, clips: dict[str, SourceClip], truth: dict[str, SourceInfo], settings: CheckSettings
) -> Iterator[Problem]:
    for name, clip in clips.items():
        if name not in truth:
            continue
        try:
            info = look(clip.source)
            found = probe(clip.source).num_frames if settings.full else info.num_frames
        except ClipError as error:
            yield _of_error("error", f"{task}: {name}", error)
            continue
        if abs(found - truth[name].num_frames) > info.slack:
            yield Problem(
                "error",
                f"{task}: {name}",
                f"the input holds {how_many(found, 'frame')}, the truth {truth[name].num_frames}; "
                "extract the archive again",
            )


def _landmarks_made(
    layout: Layout, folder: Path, infos: dict[str, SourceInfo]
) -> Iterator[Problem]:
    """Checks the landmarks that earlier jobs made: faces missing, clips that have changed."""
    seen: set[str] = set()
    for path in sorted((folder / "landmarks").glob("shard_*.parquet")):
        try:
            header = read_header(path)
        except ClipError as error:
            yield _of_error("error", path.name, error)
            continue
        for name, reason in header["left_out"].items():
            seen.add(name)
            yield Problem("warning", name, f"is left out of training: {reason}")
        for name, facts in header["clips"].items():
            seen.add(name)
            where = layout.clips.get(name)
            if where is None or facts["source"] != str(where.source):
                yield Problem(
                    "error", name, f"{path} holds landmarks of another clip ({facts['source']})"
                )
            elif _other_count(infos.get(name), facts["num_frames"]):
                yield Problem(
                    "error",
                    name,
                    f"{path} has landmarks of {how_many(facts['num_frames'], 'frame')}, the clip "
                    f"has {infos[name].num_frames}; delete the file, then run its job again",
                )
            elif facts["num_interpolated"] > _MANY_INTERPOLATED * facts["num_frames"]:
                yield Problem(
                    "warning",
                    name,
                    f"no face in {facts['num_interpolated']} of "
                    f"{how_many(facts['num_frames'], 'frame')}",
                )
    waiting = set(layout.clips) - seen
    if seen and waiting:
        yield Problem(
            "warning",
            str(folder),
            f"landmarks of {how_many(len(waiting), 'clip')} are not made yet",
        )


def _other_count(info: SourceInfo | None, num_frames: int) -> bool:
    return info is not None and abs(info.num_frames - num_frames) > info.slack


def _disk(out: Path, needed: int) -> tuple[int, list[Problem]]:
    """Free bytes where results go, and whether something can be written there."""
    folder = out
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    problems = []
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".dicface-check-") as file:
            file.write(os.urandom(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        problems.append(
            Problem(
                "error",
                str(folder),
                f"cannot be written ({error.strerror}); choose another results folder",
            )
        )
    free = shutil.disk_usage(folder).free
    if free < needed:
        problems.append(
            Problem(
                "error",
                str(folder),
                f"{_gb(free)} are free, about {_gb(needed)} are needed; free some space or choose "
                "another results folder",
            )
        )
    return free, problems


def _is_image(clip: SourceClip) -> bool:
    return is_frame(clip.source) and clip.source.is_file()


def _of_error(severity: str, where: str, error: DicfaceError) -> Problem:
    return Problem(severity, where, str(error))


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
