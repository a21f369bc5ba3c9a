"""What is said of a film: before it is restored, while, and in the file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from dicface.base import __version__
from dicface.base.counts import how_many
from dicface.restoring.film.finding import NOT_ASKED, Choice, FoundPeople
from dicface.restoring.film.plan import Plan
from dicface.video.film_writer import LOSSLESS_H264

CAUTION = "Restored detail is invented by a network and is no evidence of who a person is."


def comment_of(plan: Plan) -> str:
    """What the film's metadata says."""
    facts = plan.method.facts
    weights = ", ".join(_weights(plan)) or "none"
    return (
        f"Faces restored by dicface {__version__} with {facts.label} (weights: {weights}; licence: "
        f"{facts.licence or 'not stated'}). {CAUTION}"
    )


def readme_of(plan: Plan, found: FoundPeople, choices: Sequence[Choice], files: list[str]) -> str:
    """The text beside a restored film."""
    facts, settings = plan.method.facts, plan.settings
    named = [f"- `{file}`" for file in files]
    asked = [f"- {key}: {value}" for key, value in settings.as_json().items()]
    weights = [f"- `{name}`, sha256 `{sha}`" for name, sha in _weights(plan).items()]
    lines = [
        f"# {plan.name}",
        "",
        f"**{CAUTION}**",
        "",
        f"Made by dicface {__version__} from `{plan.film.path.name}` with {facts.label}:",
        "",
        *named,
        "",
        f"Licence of the weights: {facts.licence or 'not stated'}"
        + ("." if facts.commercial else "; commercial use is not allowed."),
        *([f"Paper: {facts.citation}."] if facts.citation else []),
        "",
        "Weights:",
        "",
        *(weights or ["- none"]),
        "",
        "Settings:",
        "",
        *asked,
        "",
        "Faces:",
        "",
        *(f"- {line}" for line in faces_in_words(plan, found, choices)),
    ]
    return "\n".join(lines) + "\n"


def faces_in_words(plan: Plan, found: FoundPeople, choices: Sequence[Choice]) -> list[str]:
    """A line for each face of a film."""
    lines = []
    for choice in choices:
        track = choice.track
        first, last = (_clock(plan, found, i) for i in (track.frames[0], track.frames[-1]))
        what = f"left alone: {choice.why_not}" if choice.why_not else "restored"
        lines.append(
            f"person {track.person}, face {track.number}, {first} to {last} ({len(track.points)} "
            f"frames), {track.face_px:.0f} px: {what}"
        )
    return lines or ["none"]


def left_alone(plan: Plan, found: FoundPeople, choices: Sequence[Choice]) -> str:
    """One sentence on the faces that are left alone though nobody asked for it; or nothing."""
    left = [c for c in choices if c.why_not and c.why_not != NOT_ASKED]
    if not left:
        return ""
    listed = "; ".join(f"face {c.track.number} ({c.why_not})" for c in left)
    faces = how_many(len(found.tracks), "face")
    return f"{plan.film.path}: left alone: {len(left)} of {faces}: {listed}."


def nothing_to_restore(plan: Plan, found: FoundPeople, choices: Sequence[Choice]) -> str:
    """Why there is nothing to do."""
    frames = f"{plan.film.path}: found no face in its {how_many(len(found.times), 'frame')}"
    if not found.tracks:
        return f"{frames}. No film was written; try another --detector if there is one."
    return (
        f"{left_alone(plan, found, choices)} None is left to restore, and no film was written. "
        "`--dry-run` lists them with their sizes."
    ).strip()


def dry_run(
    plan: Plan, found: FoundPeople, choices: Sequence[Choice], seconds_a_face: float | str
) -> str:
    """What `--dry-run` prints.

    Args:
        plan: Of the film.
        found: Its people.
        choices: What becomes of them.
        seconds_a_face: What the method takes for one; or why it cannot run.
    """
    num = sum(len(c.track.points) for c in choices if not c.why_not)
    lines = [
        f"{plan.film.path}: {how_many(len(found.times), 'frame')} of {found.width}×{found.height} "
        f"px, {how_many(len(found.shots), 'shot')}",
        *(f"  {line}" for line in faces_in_words(plan, found, choices)),
    ]
    if isinstance(seconds_a_face, str):
        lines.append(f"  cannot be restored yet: {seconds_a_face}")
    else:
        took = timedelta(seconds=round(num * seconds_a_face))
        lines.append(
            f"  {how_many(num, 'face')} at {seconds_a_face:.2g} s each with "
            f"{plan.method.facts.label}: {took}, and the time to read and encode the film"
        )
    lines.append(f"  result: {plan.target if plan.has_film else plan.out}{_left_out(plan)}")
    return "\n".join(lines) + "\n"


def container_in_words(plan: Plan) -> str:
    """What is to be said where the result is no MP4, or streams cannot be copied; else nothing."""
    suffix, parts = plan.container.suffix, []
    if suffix != "mp4" and plan.has_film:
        known = not plan.settings.lossless or plan.film.layout in LOSSLESS_H264
        why = "all of its streams" if known else "its pictures without a loss"
        parts.append(f"{plan.target.name} is {suffix.upper()}, for MP4 does not hold {why}")
    if plan.container.left_out and plan.has_film:
        parts.append(f"{', '.join(plan.container.left_out)} cannot be copied and are left out")
    return "; ".join(parts)


def estimate(plan: Plan, frames: int, seconds: float, size: int) -> str:
    """What the whole film will take, from a preview.

    Args:
        plan: Of the preview.
        frames: Of the preview.
        seconds: That it took.
        size: Of its file, which shows two pictures side by side, bytes.
    """
    whole = plan.film.num_frames
    took = timedelta(seconds=round(seconds / frames * whole))
    megabytes = size / 2 / frames * whole / 1e6
    return (
        f"{plan.film.path}: the whole film of {how_many(whole, 'frame')} will take about {took} "
        f"and {megabytes:,.0f} MB, if all of it is like these {frames} frames."
    )


def _left_out(plan: Plan) -> str:
    return f" (without {', '.join(plan.container.left_out)})" if plan.container.left_out else ""


def _weights(plan: Plan) -> dict[str, str]:
    return dict(plan.method.fingerprint().get("weights", {}))


def _clock(plan: Plan, found: FoundPeople, index: int) -> str:
    seconds = float((found.times[index] - found.times[0]) * plan.film.time_base)
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02}:{rest:05.2f}"
