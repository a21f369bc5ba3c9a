"""The card of the demo's own weights: how they were made, what they reach, and a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface import __version__
from dicface.base.files import atomic_path, sha256_of, write_json
from dicface.config.settings import Config
from dicface.faces.detect import DlibDetector
from dicface.faces.dlib_models import Box, landmarks_68
from dicface.models.checkpoint import load_network, read_header
from dicface.provenance.manifest import code_version
from dicface.training.demo.weights import (
    LIMIT_MB,
    ROOT,
    STAGES,
    Unseen,
    export,
    look_at,
    write_picture,
)
from dicface.training.loop import WEIGHTS
from dicface.training.lpips import lite_distance

FILE = "stage3.safetensors"
SIDE = 512
"""Landmarks are measured on faces enlarged to so many px, as by the suite's metrics."""
EYES = slice(36, 48)
_CURVE = (
    "step",
    "psnr",
    "distance",
    "eyes_psnr",
    "eyes_distance",
    "sharpness",
    "codes_used",
    "perplexity",
)
"""Numbers of a look that the card prints."""


def write_card(config: Config, out: Path, unseen: Unseen, *, machine: str) -> dict[str, float]:
    """Exports stage III, takes all numbers, and writes `<out>/card/`: README.md, numbers, picture.

    Args:
        config: The run.
        out: Folder of the training.
        unseen: Faces that no training saw; 64 for a card that is published.
        machine: The kind of machine that trained, in words.

    Returns:
        The numbers by name.

    Raises:
        WeightsError: A stage is not trained, or the file would be too large.
    """
    folder = out / "card"
    distance = lite_distance("efficientnet_lite2")
    boxes = face_boxes(unseen.truth, unseen.landmarks)
    rows, numbers = [], {}
    for stage in STAGES:
        net, _ = load_network(out / stage / WEIGHTS)
        found, restored = look_at(net, stage, unseen, distance)
        numbers |= {f"{stage}_{name}": value for name, value in found.items()}
        numbers[f"{stage}_eye_landmarks_px"] = eye_error(restored, unseen.landmarks, boxes)
        rows.append(restored)
    numbers["truth_eye_landmarks_px"] = eye_error(unseen.truth, unseen.landmarks, boxes)
    code = code_version(ROOT)
    facts = {
        "commit": code["commit"],
        "steps": {stage: _training(out, stage)["steps"] for stage in STAGES},
        "numbers": {name: round(value, 4) for name, value in numbers.items()},
    }
    numbers |= export(out, folder / FILE, unseen, facts)
    write_json(folder / "numbers.json", numbers)
    autoencoder, codes, fused = rows
    picture = [unseen.truth, autoencoder, fused, codes, unseen.inputs]
    write_picture(folder / "faces.png", picture)
    write_picture(folder / "faces_4x.png", [unseen.truth, fused], scale=4)
    codebook = config.model.vqgan["codebook_size"]
    text = card_text(out, numbers, checks(numbers, codebook), config, len(unseen.truth), machine)
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text(text)
    return numbers


def eye_error(
    frames: NDArray[np.uint8], landmarks: NDArray[np.floating], boxes: Sequence[Box]
) -> float:
    """Mean distance of dlib's eye landmarks from the exact ones, px of a 512-px face.

    Args:
        frames: (n, S, S, 3) uint8 RGB.
        landmarks: The exact ones, (n, 68, 2) px.
        boxes: Where the faces are, as from `face_boxes`: no face is ever missed.
    """
    errors = []
    for frame, exact, box in zip(frames, landmarks, boxes, strict=True):
        points = (exact + 0.5) * (SIDE / frame.shape[0]) - 0.5
        found = landmarks_68(_enlarged(frame), box)
        errors.append(np.linalg.norm(found[EYES] - points[EYES], axis=1).mean())
    return float(np.mean(errors))


def face_boxes(truth: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> list[Box]:
    """Boxes of the true faces by dlib, px of 512; about the landmarks where it finds none."""
    boxes = []
    for frame, exact in zip(truth, landmarks, strict=True):
        faces = DlibDetector().detect(_enlarged(frame))
        if faces:
            boxes.append(max(faces, key=lambda face: face.score).box)
            continue
        points = exact * (SIDE / frame.shape[0])
        middle, half = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0).max() / 2
        boxes.append(Box(*(middle - half), *(middle + half)))
    return boxes


def _enlarged(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def checks(numbers: Mapping[str, float], size: int) -> list[tuple[str, str, str, bool]]:
    """What the weights must reach: what, found, expected, whether it holds."""
    n = numbers

    def pair(box: str, kind: str) -> tuple[str, str, str, bool]:
        found, blurred = n[f"vqgan_{box}_{kind}"], n[f"vqgan_blurred_{box}_{kind}"]
        better = found > blurred if kind == "psnr" else found < blurred
        sign, unit = (">", " dB") if kind == "psnr" else ("<", "")
        what = f"autoencoder, {box}, {'PSNR' if kind == 'psnr' else 'perceptual distance'}"
        return what, f"{found:.2f}{unit}", f"{sign} {blurred:.2f}{unit} (blurred truth)", better

    used, perplexity = n["vqgan_codes_used"], n["vqgan_perplexity"]
    gain = n["fusion_psnr"] - n["fusion_input_psnr"]
    sharp, eyes = n["vqgan_sharpness"], n["vqgan_eye_landmarks_px"]
    back, megabytes = n["vqgan_background_levels"], n["megabytes"]
    return [
        ("codes used", f"{used:.0f}", f"≥ {math.ceil(0.95 * size)}", used >= 0.95 * size),
        ("perplexity", f"{perplexity:.0f}", f"≥ {size / 2:.0f}", 2 * perplexity >= size),
        *(pair(box, kind) for box in ("eyes", "mouth") for kind in ("psnr", "distance")),
        ("autoencoder, landmarks of the eyes", f"{eyes:.1f} px", "≤ 6 px of 512", eyes <= 6),
        (
            "autoencoder, sharpness of the face",
            f"{sharp:.2f}",
            "0.75 to 1.25",
            abs(sharp - 1) <= 0.25,
        ),
        ("autoencoder, backgrounds' mean colour", f"{back:.1f} levels", "≤ 5 levels", back <= 5),
        ("CodeFormer, w = 1, above its input", f"{gain:.2f} dB", "≥ 3 dB", gain >= 3),
        ("16-bit file", f"{megabytes:.1f} MB", f"≤ {LIMIT_MB:.0f} MB", megabytes <= LIMIT_MB),
    ]


def card_text(
    out: Path,
    numbers: Mapping[str, float],
    checked: list[tuple[str, str, str, bool]],
    config: Config,
    num_faces: int,
    machine: str,
) -> str:
    """The card in Markdown."""
    data = json.loads((out / "data.json").read_text()) if (out / "data.json").is_file() else {}
    training = {stage: _training(out, stage) for stage in STAGES}
    facts = read_header(out / "fusion" / WEIGHTS)
    parameters = sum(t.numel() for t in load_network(out / "fusion" / WEIGHTS)[0].parameters())
    code = code_version(ROOT)
    commit = f"{code['commit'] or code['note']}{' with changes' if code['changed'] else ''}"
    file = out / "card" / FILE
    lines = [
        f"# CodeFormer of the demo, N = {facts['settings']['codebook_size']} codes",
        "",
        "Made by this project: stages I to III of CodeFormer's recipe at 128 px, trained on",
        "rendered faces alone. It holds encoder, Transformer, codebook, decoder and fusion.",
        "",
        f"- file: `{file.name}`, {numbers['megabytes']:.2f} MB in 16 bits, sha256 "
        f"`{sha256_of(file)}`",
        f"- parameters: {parameters:,}",
        "- licence: Apache-2.0, as the code that made it",
        f"- code: dicface {__version__}, commit {commit}; recipe `config/demo_weights.yaml`",
        f"- seed: `{facts['seed']}`; data: {data.get('stills', 'unknown')}, sha256 "
        f"`{data.get('sha256', 'unknown')}`",
        f"- machine: {machine or 'not said'}",
        f"- 16 against 32 bits: {numbers['psnr_16_32']} dB, at most "
        f"{numbers['levels_16_32']} levels",
        "",
        "![truth; autoencoder; restored with w = 1; through codes alone; input](faces.png)",
        "",
        f"Rows: truth, autoencoder, restored (w = 1), codes alone (w = 0), input; {num_faces}",
        "unseen people were measured, twelve are shown; `faces_4x.png` enlarges truth, restored.",
        "",
        "## Training",
        "",
        "| stage | steps | batch | hours |",
        "|---|---|---|---|",
    ]
    for stage, each in training.items():
        hours = f"{each['seconds'] / 3600:.2f}" if each["seconds"] else "?"
        lines.append(f"| {stage} | {each['steps']} | {each['batch']} | {hours} |")
    lines += [
        "",
        "## What was asked",
        "",
        "| what | found | expected | holds |",
        "|---|---|---|---|",
    ]
    for what, found, wanted, holds in checked:
        lines.append(f"| {what} | {found} | {wanted} | {'yes' if holds else '**no**'} |")
    lines += ["", "## Numbers", "", "| number | " + " | ".join(STAGES) + " |", "|---|---|---|---|"]
    for name in [key.removeprefix("vqgan_") for key in numbers if key.startswith("vqgan_")]:
        values = [f"{numbers[f'{stage}_{name}']:.3f}" for stage in STAGES]
        lines.append(f"| {name} | {' | '.join(values)} |")
    truth = numbers["truth_eye_landmarks_px"]
    lines += ["", f"dlib on the truth itself is {truth:.1f} px off the exact eyes.", ""]
    lines += ["## On the way", ""]
    for stage in STAGES:
        lines += [f"{stage}:", "", *_curve(out / stage / "validation.jsonl"), ""]
    lines += [
        "## Limits",
        "",
        config.remark.strip(),
        "Faces of 128 px, frontal to half profile, as the renderer makes them. Stage III saw",
        f"single frames, degraded so: `{json.dumps(asdict(config.degradation), sort_keys=True)}`.",
        "",
    ]
    return "\n".join(lines)


def _curve(path: Path) -> list[str]:
    """A table of at most twelve looks."""
    if not path.is_file():
        return ["no look was taken"]
    looks = [json.loads(line) for line in path.read_text().splitlines()]
    shown = [looks[i] for i in sorted({round(x) for x in np.linspace(0, len(looks) - 1, 12)})]
    heads = [head for head in _CURVE if head in shown[-1]]
    rows = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for look in shown:
        values = (f"{look.get(head, float('nan')):.5g}" for head in heads)
        rows.append(f"| {' | '.join(values)} |")
    return rows


def _training(out: Path, stage: str) -> dict[str, float]:
    """Steps, batch and seconds of a stage; seconds are 0 where nothing says them."""
    folder = out / stage
    facts = read_header(folder / WEIGHTS)["train"]
    seconds = 0.0
    if (folder / "training.json").is_file():
        seconds = json.loads((folder / "training.json").read_text())["seconds"]
    elif (folder / "validation.jsonl").is_file():
        last = (folder / "validation.jsonl").read_text().splitlines()[-1]
        seconds = json.loads(last)["seconds"]
    return {"steps": facts["steps"], "batch": facts["batch_size"], "seconds": seconds}
