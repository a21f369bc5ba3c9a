"""The pages of a report: the first page, and for every clip its media and its page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from tqdm import tqdm

from dicface.base.names import INPUT, controlled
from dicface.metrics import MetricFacts
from dicface.report.site import clip_scores
from dicface.report.site.contents import TRUTH, TaskResults, task_name
from dicface.report.site.grids import Grid, metric_head, prose
from dicface.report.site.media import LARGEST, Media, write_media


class Pages:
    """Renders pages into a folder and knows where the pages of clips lie."""

    def __init__(
        self,
        title: str,
        folder: Path,
        tasks: Sequence[TaskResults],
        preferred: Sequence[str],
        metrics: Sequence[MetricFacts],
    ) -> None:
        self.folder, self.tasks, self.metrics = folder, tasks, metrics
        self.preferred = preferred
        self.num_pages = 0
        self.environment = Environment(
            loader=PackageLoader("dicface.report.site"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self.environment.filters |= {"address": quote, "prose": prose, "task_name": task_name}
        self.environment.globals |= {"title": title, "tasks": tasks}

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
            elif chosen := self._chosen(list(clips)):
                # The last one stands in the small picture.
                clips[chosen[0]] = clips.pop(chosen[0])
            files = {}
            for kind, suffix in (("media", "mp4"), ("slices", "png"), ("thumbs", "png")):
                files[kind] = f"{kind}/{task.id}/{clip}.{suffix}"
                (self.folder / files[kind]).parent.mkdir(parents=True, exist_ok=True)
            media = write_media(clips, *(self.folder / path for path in files.values()), crf=crf)
            self._write_clip(task, clip, media, files)

    def _write_clip(
        self, task: TaskResults, clip: str, media: Media, files: dict[str, str]
    ) -> None:
        place = task.clips.index(clip)
        root = "../../"
        remarks = _remarks(task, media, TRUTH if task.has_truth else INPUT)
        self.write(
            "clip.html",
            f"clips/{task.id}/{clip}.html",
            root=root,
            task=task,
            clip=clip,
            before=task.clips[place - 1] if place else None,
            after=task.clips[place + 1] if place + 1 < len(task.clips) else None,
            absent={
                **task.absent,
                **{s.label: s.missing[clip] for s in task.systems if clip in s.missing},
            },
            remarks=remarks,
            scores=clip_scores.clip_grid(task, clip, clip_scores.shown_metrics(task, self.metrics)),
            video=root + quote(files["media"]),
            data=self._data(task, clip, media, root + quote(files["slices"])),
            has_input=INPUT in media.tiles,
        )
        self.num_pages += 1

    def _chosen(self, shown: Sequence[str]) -> list[str]:
        """The two methods that a page shows at first: the last of the first table, no controls."""
        choices = [method for method in shown if method != INPUT]
        own = [method for method in choices if not controlled(method)]
        first = [method for method in own if method in self.preferred] or own
        return (first[::-1] + [method for method in choices if method not in first])[:2]

    def _data(self, task: TaskResults, clip: str, media: Media, slices: str) -> dict[str, object]:
        """What the page's script needs; JSON values only."""
        shown = [system for system in task.systems if system.id in media.tiles]
        labels = {**{system.id: system.label for system in shown}, TRUTH: "Truth"}
        values = {
            s.id: clip_scores.frame_values(s, clip, self.metrics, media.num_frames) for s in shown
        }
        return {
            "fps": float(media.fps),
            "frames": media.num_frames,
            "truth": TRUTH,
            "slices": slices,
            "chosen": self._chosen([system.id for system in shown]),
            "tiles": [
                {
                    "id": name,
                    "label": labels[name],
                    "x": tile.x,
                    "y": tile.y,
                    "width": tile.width,
                    "height": tile.height,
                    "whole": not tile.reduced,
                    "frames": tile.num_frames,
                    "sliceY": tile.slice_y,
                    "sliceHeight": tile.slice_height,
                    "column": (tile.column + 0.5) / tile.size[0],
                }
                for name, tile in media.tiles.items()
            ],
            "metrics": [
                {"id": f.id, "heading": metric_head(f).markup, "digits": f.digits}
                for f in self.metrics
                if any(f.id in of_method for of_method in values.values())
            ],
            "values": values,
        }


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
            parts.append(f"{tile.num_frames} frames, the {word} {truth.num_frames}")
        if tile.fps and truth.fps and tile.fps != truth.fps:
            parts.append(
                f"{float(tile.fps):g} frames a second, the {word} {float(truth.fps):g}; "
                f"shown frame by frame at the {word}'s"
            )
        if parts:
            remarks.append(f"{labels.get(name, name)}: {'; '.join(parts)}.")
    return remarks
