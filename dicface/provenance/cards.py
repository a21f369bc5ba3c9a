"""Cards: what a trained network, a set of clips or a task's inputs is, from the files on disk.

A card is Markdown that `dicface.provenance.manifest.recorded` writes as `README.md` beside the
artefact. It says nothing that is not in the folder or in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicface.base.counts import how_many
from dicface.base.names import BLIND, INPAINTING, TASKS
from dicface.base.reading import is_there
from dicface.config.networks import METHOD_OF_STAGE
from dicface.runs.files import (
    read_clip_index,
    read_degradation,
    read_network_settings,
    read_steps,
    read_training,
    read_training_index,
)

if TYPE_CHECKING:
    import pandas as pd

Manifest = Mapping[str, Any]

STAGES = {
    "vqgan": "autoencoder with a codebook (stage I)",
    "codeformer": "CodeFormer's code prediction (stage II)",
    "fusion": "CodeFormer with its feature fusion (stage III)",
    "dicface": "DicFace: Dirichlet-weighted codes over a window of frames",
}
OWN_LICENCE = "Apache-2.0, as the code that made it."
MAX_CLIPS = 20
"""Clips of a card's table; beyond, the index and the manifest list them."""


def network_card(folder: Path, manifest: Manifest) -> str:
    """Model card of a trained network.

    Args:
        folder: Of the network, as `dicface job train` left it.
        manifest: Of its weights.
    """
    settings = read_network_settings(folder / "settings.json")
    training = read_training(folder / "training.json")
    stage, released = settings["stage"], settings.get("released")
    made = "taken from a released file" if released else "trained in this run"
    parts = [
        f"# Network `{folder.name}`",
        f"{STAGES[stage]}, {made}"
        + (f", for the task {settings['task']}" if settings.get("task") else "")
        + ". The file is `weights.safetensors`, sha256 "
        f"`{manifest['artefact']['sha256']}` ({manifest['artefact']['bytes'] / 1e6:.2f} MB).",
        "## Use",
        _use(stage, settings.get("task", BLIND.id)),
        "## Made",
        _list(_made_of(manifest, settings, training)),
        "## Limits",
        _network_limits(manifest, training, released),
        "## Architecture",
        f"{training['parameters']:,} parameters. Settings of `dicface.models.build`:",
        _table(("setting", "value"), sorted(settings["settings"].items())),
    ]
    losses = _final_losses(folder / "stats.jsonl")
    if losses:
        step = losses.pop("step")
        parts += [f"## Losses at step {step}", _table(("term", "mean since the last line"), losses)]
    if settings.get("inputs"):
        parts += ["## Degradation of the inputs", _table(("setting", "value"), settings["inputs"])]
    licence = (
        f"That of the released file ({released['file']}): see `dicface weights list`."
        if released
        else OWN_LICENCE
    )
    own = "" if _is_rendered(manifest) or released else f" {_OF_THE_CLIPS}"
    return _text([*parts, "## Licence", licence + own])


def clips_card(folder: Path, manifest: Manifest) -> str:
    """Data card of a folder of true clips.

    Args:
        folder: With `index.parquet` and one lossless file a clip.
        manifest: Of its index.
    """
    index = read_clip_index(folder)
    settings = manifest["settings"]
    kinds = _kinds(index)
    drawn = "source" in index and set(index["source"]) <= {"rendered", "photograph"}
    made = [
        ("source", "; ".join(f"{number} × {kind}" for kind, number in kinds.items())),
        ("frames", f"{index['num_frames'].sum()}, {_span(index['num_frames'])} a clip"),
        ("size", f"{settings['size']} × {settings['size']} px, aligned to the FFHQ template"),
        ("frames a second", _span(index["fps"])),
        ("index", f"`index.parquet`, sha256 `{manifest['artefact']['sha256']}`"),
        *_common(manifest),
    ]
    if drawn:
        made.insert(1, ("drawn by", "`dicface.data.render` (docs/demo_clips.md)"))
        limits = (
            "Rendered heads are no photographs: results on them rank methods by what they do to "
            "drawn faces, and at this size and number say nothing about real video."
        )
        licence = "Rendered clips: Apache-2.0, as the code that drew them; they show nobody."
        if "photograph" in kinds:
            licence += (
                " Photograph: NASA's portrait of Eileen Collins, public domain, as shipped with "
                "scikit-image."
            )
    else:
        found_by = ", ".join(sorted(set(index["detector"]))) if "detector" in index else "unknown"
        made.insert(1, ("landmarks by", found_by))
        if "num_interpolated" in index:
            made.insert(2, ("frames without a face", str(index["num_interpolated"].sum())))
        limits = (
            "Frames are resampled by the alignment, and outside the source frame they are filled; "
            "who is in a clip, and whether one person is in several, is not known."
        )
        licence = _OF_THE_CLIPS
    return _text(
        [
            f"# Clips `{folder.name}`",
            f"{how_many(len(index), 'clip')}, one lossless file each (FFV1 in RGB, `.mkv`): the "
            "truth that inputs are made from and results are compared with.",
            "## Made",
            _list(made),
            *_clip_table(index, manifest),
            "## Limits",
            limits,
            "## Licence",
            licence,
        ]
    )


def index_card(folder: Path, manifest: Manifest) -> str:
    """Data card of a training set that is read where it lies.

    Args:
        folder: With `index.parquet` and the landmarks.
        manifest: Of its index.
    """
    index = read_training_index(folder / "index.parquet")
    settings = manifest["settings"]
    used = index[index["left_out"] == ""]
    made = [
        ("source", f"the folder `{settings['folder']}`, read as the layout `{settings['layout']}`"),
        ("clips", f"{len(used)}, and {len(index) - len(used)} that are left out (`left_out`)"),
        ("frames", f"{used['num_frames'].sum()}, {_span(used['num_frames'])} a clip"),
        ("frames without a face", f"{used['num_interpolated'].sum()}; interpolated landmarks"),
        ("index", f"`index.parquet`, sha256 `{manifest['artefact']['sha256']}`"),
        *_common(manifest),
    ]
    return _text(
        [
            f"# Training clips `{folder.name}`",
            "An index of clips and their landmarks; training reads the clips where they lie and "
            "aligns them on the fly. The clips themselves have no digest here.",
            "## Made",
            _list(made),
            "## Limits",
            "Landmarks are found and smoothed here, not the authors', who released none.",
            "## Licence",
            _OF_THE_CLIPS,
        ]
    )


_BESIDE_INPUTS = {
    BLIND.id: [("`low_resolution/`", "the codec's own frames, which methods that enlarge read")],
    INPAINTING.id: [("`masks/`", "white where pixels are missing, one frame for all or one each")],
}
"""Task -> what lies beside its inputs."""


def inputs_card(folder: Path, manifest: Manifest) -> str:
    """Data card of a task's inputs.

    Args:
        folder: With `degradation.parquet` and one file a clip.
        manifest: Of that record.
    """
    records = read_degradation(folder)
    named = ("algorithm", "seed")
    settings = {key: value for key, value in manifest["settings"].items() if key not in named}
    task = settings.pop("task")
    released = settings.pop("test_set", "") == "released"
    drawn = [
        (column, _drawn(records[column]))
        for column in records.columns
        if not column.startswith("setting_")
        and column not in ("clip", "seed_names", "seed", "source", "source_sha256")
    ]
    parts = [
        f"# Inputs of the task `{task}`",
        f"{TASKS[task].sentence}. {how_many(len(records), 'clip')}, each of the size, length and "
        "frame rate of its truth, one lossless file each (`.mkv`).",
        "## Made",
        _list(
            [
                (
                    "source",
                    "the DicFace authors' released inputs, aligned like the truth"
                    if released
                    else "the true clips of the run, degraded here (docs/degradation.md)",
                ),
                ("record", f"`degradation.parquet`, sha256 `{manifest['artefact']['sha256']}`"),
                *(() if released and task == BLIND.id else _BESIDE_INPUTS.get(task, ())),
                *_common(manifest),
            ]
        ),
    ]
    if settings:
        parts += ["## Settings", _table(("setting", "value"), settings)]
    if drawn:
        parts += ["## Drawn, a clip", _table(("what", "over all clips"), drawn)]
    limits = (
        "Real recordings are damaged in ways that these settings do not draw."
        if task == BLIND.id
        else "Nothing but the named change is made: real footage would be compressed and noisy too."
    )
    licence = "That of the true clips." + (
        " The released inputs have the terms of their authors." if released else ""
    )
    return _text(
        [*parts, *_clip_table(records, manifest), "## Limits", limits, "## Licence", licence]
    )


_OF_THE_CLIPS = (
    "Terms of the source clips hold, which this suite does not know; ask whoever gave them."
)


def _use(stage: str, task: str) -> str:
    lines = [
        "",
        "```python",
        "from dicface.models.checkpoint import load_network",
        "",
        'network, facts = load_network("weights.safetensors")',
        "```",
    ]
    method = METHOD_OF_STAGE.get(stage)
    if method is None:
        return "\n".join(["For training what starts from it; it restores nothing alone.", *lines])
    words = f"--method {method} --weights weights.safetensors --task {task} --input … --out …"
    return "\n".join(
        ["For research on face-video restoration, on faces aligned as in training.", *lines]
        + ["", f"Or `dicface restore {words}`."]
    )


def _made_of(manifest: Manifest, settings: dict, training: dict) -> Iterable[tuple[str, str]]:
    released = settings.get("released")
    if released:
        yield "from", f"{released['file']} ({released['name']}), sha256 `{released['sha256']}`"
    for path, facts in manifest["inputs"].items():
        if path.endswith("weights.safetensors"):
            yield "starts from", f"`{Path(path).parent.name}`, sha256 `{facts['sha256']}`"
    if not released:
        train = settings["train"]
        yield "clips", _training_clips(manifest)
        yield "steps", f"{training['steps']}; batch size {train['batch_size']}"
        yield "frames seen", f"{training['frames_seen']:,}"
        rates = f"{train['learning_rate']:g} to {train['final_learning_rate']:g}"
        yield "learning rate", f"{rates}, Adam; average of decay {train['ema_decay']}"
        yield "precision", train["precision"]
        count = training.get("processes", 1)
        several = f" in {count} processes" if count > 1 else ""
        yield "time", f"{training['seconds']:.1f} s{several}"
    yield from _common(manifest)


def _training_clips(manifest: Manifest) -> str:
    clips = [path for path in manifest["inputs"] if path.endswith(".mkv")]
    about = manifest["settings"].get("clips") or {}
    if about.get("source") == "render":
        where = Path(clips[0]).parent.as_posix() if clips else "a folder that is gone"
        return (
            f"{len(clips)} rendered ones of {how_many(about['num_frames'], 'frame')}, in `{where}`"
        )
    layout = f", as the layout `{about['layout']}` finds them" if about.get("layout") else ""
    return f"those of the folder `{about.get('folder', '')}`{layout}"


def _network_limits(manifest: Manifest, training: dict, released: dict | None) -> str:
    side = manifest["settings"]["settings"]["resolution"]
    limits = [f"It takes frames of {side} × {side} px with one aligned face."]
    if not released and _is_rendered(manifest):
        limits.append(
            f"It was trained on rendered heads alone, {training['steps']} steps: that shows that "
            "the training works, not how the system does on real faces. Not for use on people."
        )
    elif not released:
        limits.append("It has learnt the faces of its training clips and may invent features.")
    else:
        limits.append("It may invent features; see its authors' paper.")
    limits.append("A restored face is a guess: no evidence of who somebody is or how they looked.")
    return " ".join(limits)


def _is_rendered(manifest: Manifest) -> bool:
    return (manifest["settings"].get("clips") or {}).get("source") == "render"


def _common(manifest: Manifest) -> Iterable[tuple[str, str]]:
    machine, code = manifest["machine"], manifest["code"]
    if manifest["seeds"]:
        yield "seeds", ", ".join(f"`{name}`" for name in manifest["seeds"])
    where = [machine["cpu"], f"{machine['cores']} cores", *machine["gpus"]]
    where += [f"networks on {device}"] if (device := machine.get("device")) else []
    yield "machine", ", ".join(map(str, where))
    commit = code["commit"] or code["note"]
    yield "code", f"dicface {code['version']}, {commit}{' with changes' if code['changed'] else ''}"
    yield "written", manifest["ended"]


def _kinds(index: pd.DataFrame) -> dict[str, int]:
    """What clips are -> how many; the paths of imported ones are nobody's business."""
    sources = index["source"].where(index["source"].isin(["rendered", "photograph"]), "video")
    return {str(kind): int(number) for kind, number in sources.value_counts().items()}


def _clip_table(table: pd.DataFrame, manifest: Manifest) -> list[str]:
    # What lies deeper, as masks do, belongs to a clip of that name: the clip itself comes last.
    outputs = sorted(manifest["outputs"].items(), key=lambda each: -len(Path(each[0]).parts))
    sha = {Path(name).stem: facts["sha256"] for name, facts in outputs}
    columns = [name for name in ("clip", "num_frames", "identity") if name in table]
    rows = [
        (*row, f"`{sha.get(row[0], '')[:16]}`") for row in table[columns].itertuples(index=False)
    ]
    more = len(rows) - MAX_CLIPS
    note = [f"And {more} more, in the manifest beside this card."] if more > 0 else []
    heads = (*(name.replace("num_", "") for name in columns), "sha256, first 16 digits")
    return ["## Clips", _table(heads, rows[:MAX_CLIPS]), *note]


def _drawn(column: pd.Series) -> str:
    if column.dtype.kind in "iuf":
        return _span(column)
    counts = column.value_counts().sort_index()
    if len(counts) > MAX_CLIPS:
        return f"{len(counts)} values"
    return ", ".join(f"{number} × {value}" for value, number in counts.items())


def _span(column: pd.Series) -> str:
    low, high = (f"{value:.4g}" for value in (column.min(), column.max()))
    return low if low == high else f"{low} to {high}"


def _final_losses(path: Path) -> dict[str, Any]:
    steps = read_steps(path) if is_there(path) else []
    last = steps[-1] if steps else {}
    return {key: f"{v:.4g}" if isinstance(v, float) else v for key, v in last.items()}


def _list(facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts)


def _table(heads: Sequence[str], rows: Mapping[str, object] | Iterable[Sequence[object]]) -> str:
    rows = rows.items() if isinstance(rows, Mapping) else rows
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _text(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"
