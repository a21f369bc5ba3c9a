"""The section on methods: a paragraph a subject, made of sentences that the records bear out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicface.base.counts import how_many
from dicface.base.names import BLIND, FROZEN, MEAN_OF_5, TASKS, TRUTH, controlled
from dicface.methods import method
from dicface.report.citing.references import Reference, of_method, references
from dicface.report.citing.used import Used
from dicface.report.records.shelf import version_of
from dicface.report.run import describe_test_set
from dicface.report.tables.declared import ELSEWHERE, PUBLISHED
from dicface.report.tables.footnotes import DIGEST_LENGTH, sentence
from dicface.report.tables.rows import Row
from dicface.report.tables.statistics import MIN_VERDICT_CLIPS, NUM_RESAMPLES
from dicface.runs.files import read_clip_index
from dicface.runs.results import read_index

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Section:
    """The text, and whom it cites.

    Attributes:
        paragraphs: Subject -> its sentences, with citations as "[@key; @key]".
        cited: Key -> entry, in the order of first mention.
    """

    paragraphs: dict[str, str] = field(default_factory=dict)
    cited: dict[str, Reference] = field(default_factory=dict)

    def cite(self, *things: str, entries: Iterable[Reference] = ()) -> str:
        """Returns what follows a word that stands for things, with a space before it, or nothing.

        Args:
            *things: As `references.bib` has them.
            entries: Further entries.
        """
        found = [each for thing in things for each in references().get(thing, ())]
        keys = {each.key: each for each in (*found, *entries)}
        self.cited |= {key: each for key, each in keys.items() if key not in self.cited}
        return f" [{'; '.join(f'@{key}' for key in keys)}]" if keys else ""


def describe(used: Used) -> Section:
    """Writes the section on the methods of some tables of a run.

    Raises:
        DicfaceError: A file that it reads is damaged.
    """
    section = Section()
    parts = {
        "Data": _data,
        "Inputs": _inputs,
        "Methods": _methods,
        "Metrics": _metrics,
        "Statistics": _statistics,
        "Software": _software,
    }
    for subject, write in parts.items():
        if text := " ".join(sentence(each) for each in write(used, section)):
            section.paragraphs[subject] = text
    return section


def _data(used: Used, section: Section) -> Iterator[str]:
    run = used.run
    clips = max(table.num_clips for table in used.tables)
    rendered = not run.is_wild and not run.imports_test_clips
    cited = section.cite("suite" if rendered else run.config.data.test.layout)
    yield f"Results are on {how_many(clips, 'clip')}, {describe_test_set(run.config)}{cited}"
    if not run.is_wild and run.truth_index.is_file():
        index = read_clip_index(run.truth)
        yield (
            f"They have {how_many(index['num_frames'].sum(), 'frame')} in all, "
            f"{_span(index['num_frames'])} a clip, at {_span(index['fps'])} frames a second"
        )
        photographs = int((index["source"] == "photograph").sum()) if "source" in index else 0
        if photographs:
            yield f"{photographs} of them shows a photograph under camera motion"
    learnt = (made.manifest["settings"]["clips"] for made in used.trained)
    for clips in {str(each): each for each in learnt}.values():
        cited = section.cite(clips.get("layout", ""))
        yield f"Networks were trained on {_training_clips(clips)}{cited}"


def _training_clips(settings: Mapping[str, Any]) -> str:
    source, frames = settings["source"], settings["num_frames"]
    if source == "render":
        clips = how_many(settings["num_clips"], "rendered clip")
        return f"{clips} of {how_many(frames, 'frame')}, of other people"
    if source == "stills":
        return f"{how_many(frames, 'rendered single frame')} of other people"
    layout = settings.get("layout")
    named = f", read as {layout}" if layout else ""
    return f"clips of the folder “{Path(settings['folder']).name}”{named}"


def _inputs(used: Used, section: Section) -> Iterator[str]:
    for made in used.of_kind("inputs"):
        settings = made.manifest["settings"]
        task = TASKS[settings["task"]]
        seed = f"; seed “{settings['seed']}”" if settings.get("seed") else ""
        if settings.get("test_set"):
            cited = section.cite("degradation")
            yield f"{task.title}: inputs are those that the authors of DicFace released{cited}"
        elif task is BLIND:
            yield f"{_degraded(settings, section.cite('degradation'))}{seed}"
        else:
            ranges = {key: value for key, value in settings.items() if isinstance(value, list)}
            drawn = [f"{key.replace('_', ' ')} {_range(value)}" for key, value in ranges.items()]
            yield f"{task.sentence}{f' ({_listed(drawn)})' if drawn else ''}{seed}"


def _degraded(settings: Mapping[str, Any], cited: str) -> str:
    blur, noise, crf = (_range(settings[key]) for key in ("blur_sigma", "noise_sigma", "crf"))
    return (
        f"Inputs were made as in the release of DicFace{cited}: Gaussian blur, drawn for a clip "
        f"(kernel of {settings['kernel_size']} px, σ {blur} px, isotropic with probability "
        f"{settings['iso_prob']}), reduction to 1/{settings['scale']} of the side, Gaussian noise "
        f"of each frame (σ {noise} grey levels, grey with probability {settings['grey_prob']}), "
        f"H.264 (rate factor {crf}), and enlargement to the first size"
    )


def _methods(used: Used, section: Section) -> Iterator[str]:
    rows = {
        key: row
        for key, row in used.rows.items()
        if row.method != TRUTH and not controlled(row.method)
    }
    for task in dict.fromkeys(task for task, _ in rows):
        lines = [_row(used, section, task, row) for key, row in rows.items() if key[0] == task]
        yield f"{TASKS[task].title}: {'; '.join(lines)}"
    files = {
        name.partition("/")[2]: facts["sha256"]
        for made in used.of_kind("network")
        for name, facts in made.manifest["outside"].items()
        if name.startswith("weights/")
    }
    for file, digest in files.items():
        yield f"{file} has the sha256 {digest[:DIGEST_LENGTH]}…"
    words = {MEAN_OF_5: "the plain mean of five frames", FROZEN: "the first frame, repeated,"}
    for kind, what in words.items():
        of = [used.rows.get((t, controlled(name))) for t, name in used.rows if name.endswith(kind)]
        labels = dict.fromkeys(row.label for row in of if row)
        if labels:
            yield f"Controls are {what} of what each of these gives: {'; '.join(labels)}"


def _row(used: Used, section: Section, task: str, row: Row) -> str:
    """A row's label, whom to cite, with what weights it ran, and where it departs from others."""
    if row.group in (ELSEWHERE, PUBLISHED):
        how = "made elsewhere" if row.group == ELSEWHERE else ""
        return _joined(row.label, how, *row.notes)
    name = used.method_of(row)
    facts = method(name).facts
    cited = section.cite(entries=of_method(name, facts.label, facts.citation))
    package = version_of(name)
    known = package.partition(" ")[0] in ("", "dicface", "baselines")
    return _joined(
        f"{row.label}{cited}",
        "" if known else f"package {package}",
        f"inference as in {facts.source}" if facts.source else "",
        _differing(used, row.method),
        *(row.notes[:1] if facts.trained else _weights(used, task, row)),
    )


def _weights(used: Used, task: str, row: Row) -> Iterator[str]:
    index = read_index(used.run.results(task, row.method).folder)
    for file, digest in (index.get("weights") or {}).items():
        yield f"weights {file} (sha256 {digest[:DIGEST_LENGTH]}…)"
    yield from row.notes


def _differing(used: Used, name: str) -> str:
    """In what a variant is another one than what it is a variant of."""
    variant = used.run.raw["variants"].get(name)
    if variant is None:
        return ""
    changed = [
        f"{'.'.join(keys)} = {value}"
        for section in ("model", "train", "restore")
        for keys, value in _flat(variant.get(section) or {}, section)
    ]
    return f"a variant of {variant['of']} with {', '.join(changed)}" if changed else ""


def _metrics(used: Used, section: Section) -> Iterator[str]:
    by_network: dict[str, list[str]] = {}
    shown, unlike = {}, {}
    for name, (facts, backbone) in used.metrics.items():
        by_network.setdefault(backbone.name, []).append(f"{facts.name}{section.cite(name)}")
        shown[backbone.name] = backbone
        if not backbone.official:
            unlike[facts.name] = None
    protocols = dict.fromkeys(one.protocol for one in used.scores)
    yield f"The suite's protocol {' and '.join(protocols)} measures on uint8 RGB frames"
    for network, names in by_network.items():
        verb, sha = "are" if len(names) > 1 else "is", shown[network].sha256
        cited = section.cite(network)
        by = f"by {network}{cited} (sha256 {sha[:DIGEST_LENGTH]}…)" if sha else "on pixels"
        yield f"{_listed(names)} {verb} computed {by}"
    if unlike:
        yield (
            f"{_listed(list(unlike))} {'stand' if len(unlike) > 1 else 'stands'} on other networks "
            "than the paper's, and compare rows of one table only"
        )


def _statistics(used: Used, section: Section) -> Iterator[str]:
    levels = {facts.level for facts, _ in used.metrics.values()}
    resamples = f"{NUM_RESAMPLES:,}".replace(",", " ")
    yield (
        "Values are means over clips; intervals of 95 % are of a bootstrap over clips, paired "
        f"between rows ({resamples} resamples, expanded percentiles{section.cite('bootstrap')})"
    )
    if "set" in levels:
        sets = [facts.name for facts, _ in used.metrics.values() if facts.level == "set"]
        yield f"{_listed(sets)}: one value for the set, with the interval of a jackknife over clips"
    if any(not table.differences.empty for table in used.tables):
        yield (
            "Differences are tested clip by clip by flipping signs, corrected for the number of "
            f"differences of a metric by Holm's method{section.cite('tests')} at 5 %, and called "
            f"better or worse over at least {MIN_VERDICT_CLIPS} clips"
        )
    counts = {1 + len(row.replicates) for row in used.rows.values() if row.replicates}
    if counts:
        yield (
            f"Rows of {_listed(sorted(map(str, counts)))} trainings show their mean; intervals and "
            "tests hold the spreads of clips and of trainings (Student's t, degrees of freedom of "
            f"Satterthwaite{section.cite('trainings')})"
        )
    elif used.trained:
        yield (
            "Each network was trained once: intervals hold the spread of clips, and nothing of "
            "what another seed of the training would give"
        )


def _software(used: Used, section: Section) -> Iterator[str]:
    commits = [each[:DIGEST_LENGTH] for each in used.recorded("code", "commit")]
    changed = " with changes of our own" if "True" in used.recorded("code", "changed") else ""
    version = " and ".join(used.recorded("code", "version"))
    made_by = f" (commit {' and '.join(commits)}{changed})" if commits else ""
    yield f"All was computed by dicface {version}{made_by}{section.cite('suite')}"
    python = " and ".join(used.recorded("python"))
    packages = [f"{text}{section.cite(name)}" for name, text in used.packages.items()]
    yield f"Versions: Python {python}, {', '.join(packages)}"
    where = used.recorded("machine", "gpus") or used.recorded("machine", "cpu")
    devices = used.recorded("machine", "device")
    on = f"; networks ran on {_listed(devices)}" if devices else ""
    yield f"Machine: {' and '.join(where)}{on}"
    yield f"Seeds are made of names that begin with “{used.run.config.seed_name}”"


def _flat(settings: Mapping[str, Any], *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, *above, key)
        else:
            yield (*above, key), value


def _joined(*parts: str) -> str:
    """Parts of what stands between two semicolons."""
    return ", ".join(part.rstrip(".").replace("; ", ", ") for part in parts if part)


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _range(ends: Any) -> str:  # noqa: ANN401 - two numbers, or one
    low, high = ends if isinstance(ends, list) else (ends, ends)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _span(column: pd.Series) -> str:
    return _range([column.min(), column.max()])
