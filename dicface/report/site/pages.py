"""The pages of a report: the first page, and for every clip its media and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from tqdm import tqdm

from dicface.base.counts import how_many
from dicface.base.names import INPUT
from dicface.metrics import MetricFacts
from dicface.report.looks import Look
from dicface.report.site import clip_scores
from dicface.report.site.contents import TRUTH, TaskResults, task_name
from dicface.report.site.grids import Grid, metric_head, prose
from dicface.report.site.marks import drawn
from dicface.report.site.media import COPY_BYTES, LARGEST, Media, write_copy, write_media
from dicface.report.site.players import Player, chosen_methods, player_data

MEDIA_FILES = {"media": "mp4", "slices": "png", "thumbs": "png", "posters": "jpg"}
"""Folder -> suffix of what `write_media` writes, in its order."""


class Pages:
    """Renders pages into a folder and knows where the pages of clips lie."""

    def __init__(
        self,
        title: str,
        folder: Path,
        tasks: Sequence[TaskResults],
        preferred: Sequence[str],
        metrics: Sequence[MetricFacts],
        looks: Mapping[str, Look],
    ) -> None:
        self.folder, self.tasks, self.metrics = folder, tasks, metrics
        self.preferred, self.looks = preferred, looks
        self.num_pages = 0
        self._players: dict[tuple[str, str], Player] = {}
        self.environment = Environment(
            loader=PackageLoader("dicface.report.site"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self.environment.filters |= {"address": quote, "prose": prose, "task_name": task_name}
        self.environment.filters |= {"drawn": drawn, "how_many": how_many}
        self.environment.globals |= {"title": title, "tasks": tasks, "looks": looks}
        self.environment.globals["copy_limit_mb"] = COPY_BYTES >> 20

    def write(self, template: str, path: str, **values: object) -> None:
        """Renders a template to a file of the report."""
        text = self.environment.get_template(template).render(**values)
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")

    def extremes(self, task: TaskResults) -> list[tuple[str, list[clip_scores.Extremes]]]:
        """Head of a metric, and worst and best clips by it of every method."""
        shown = clip_scores.shown_metrics(task, self.metrics)
        return [(str(metric_head(f).markup), clip_scores.extremes(task, f)) for f in shown]

    def clip_by_clip(self, task: TaskResults) -> list[tuple[str, Grid]]:
        """Label and scores of every clip, of each method that was scored."""
        shown = clip_scores.shown_metrics(task, self.metrics)
        scored = [system for system in task.systems if not system.scores.empty]
        return [(s.label, clip_scores.method_grid(task, s, shown)) for s in scored]

    def write_clips(self, crf: int) -> None:
        """Writes media and page of every clip."""
        work = [(task, clip) for task in self.tasks for clip in task.clips]
        for task, clip in tqdm(work, unit="clip", desc="report"):
            clips = {s.id: s.clips[clip] for s in task.systems if clip in s.clips}
            if task.has_truth:
                clips[TRUTH] = task.truths[clip]
            elif chosen := chosen_methods(list(clips), self.preferred):
                # The last one stands in the small picture.
                clips[chosen[0]] = clips.pop(chosen[0])
            files = {}
            for kind, suffix in MEDIA_FILES.items():
                files[kind] = f"{kind}/{task.id}/{clip}.{suffix}"
                (self.folder / files[kind]).parent.mkdir(parents=True, exist_ok=True)
            media = write_media(clips, *(self.folder / path for path in files.values()), crf=crf)
            copy = f"media/{task.id}/{clip}.js"
            if write_copy(self.folder / files["media"], self.folder / copy):
                files["copy"] = copy
            self._write_clip(task, clip, media, files)

    def player(self, task: TaskResults, clip: str) -> Player:
        """What `templates/player.html` shows of a clip, on any page, after `write_clips`."""
        return self._players[task.id, clip]

    def _write_clip(
        self, task: TaskResults, clip: str, media: Media, files: dict[str, str]
    ) -> None:
        place = task.clips.index(clip)
        after = task.clips[place + 1] if place + 1 < len(task.clips) else None
        self._players[task.id, clip] = player = Player(
            clip=clip,
            task=task.name,
            video=files["media"],
            poster=files["posters"],
            has_input=INPUT in media.tiles,
            has_truth=task.has_truth,
            data={
                **player_data(task, clip, media, self.metrics, self.preferred, self.looks),
                "page": _page(task, clip),
                "next": _page(task, after) if after else "",
                **{kind: quote(files.get(kind, "")) for kind in ("slices", "posters", "copy")},
            },
        )
        self.write(
            "clip.html",
            f"clips/{task.id}/{clip}.html",
            root="../../",
            task=task,
            clip=clip,
            before=task.clips[place - 1] if place else None,
            after=after,
            absent=task.absent,
            missing={s.label: s.missing[clip] for s in task.systems if clip in s.missing},
            remarks=_remarks(task, media, TRUTH if task.has_truth else INPUT),
            scores=clip_scores.clip_grid(task, clip, clip_scores.shown_metrics(task, self.metrics)),
            shown=player,
        )
        self.num_pages += 1


def _page(task: TaskResults, clip: str) -> str:
    return quote(f"clips/{task.id}/{clip}.html")


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]} px"


def _remarks(task: TaskResults, media: Media, reference: str) -> list[str]:
    """What differs from the truth (size, number of frames, frame rate) or from its own size.

    Args:
        task: The task.
        media: Of the clip.
        reference: Tile of the truth, or of the input where there is none.
    """
    labels = {system.id: system.label for system in task.systems}
    truth, tiles = media.tiles[reference], media.tiles.values()
    word = "truth" if reference == TRUTH else "input"
    remarks = []
    for own, shown in {t.size: (t.width, t.height) for t in tiles if t.reduced}.items():
        remarks.append(
            f"Frames of {_pixels(own)} are shown at {_pixels(shown)}: at full size the video of "
            f"all methods would be larger than {_pixels(LARGEST)}, which many browsers do not "
            "play. Slices, curves and scores are those of the full size."
        )
    for name, tile in media.tiles.items():
        parts = []
        if tile.size != truth.size:
            parts.append(f"{_pixels(tile.size)}, the {word} {_pixels(truth.size)}")
        if tile.num_frames != truth.num_frames:
            parts.append(f"{how_many(tile.num_frames, 'frame')}, the {word} {truth.num_frames}")
        if tile.fps and truth.fps and tile.fps != truth.fps:
            parts.append(
                f"{float(tile.fps):g} frames a second, the {word} {float(truth.fps):g}; "
                f"shown frame by frame at the {word}'s"
            )
        if parts:
            remarks.append(f"{labels.get(name, name)}: {'; '.join(parts)}.")
    return remarks
