"""The card of weights that ship: how they were made, what they reach, and a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicface.base.counts import how_many
from dicface.base.errors import WeightsError
from dicface.base.reading import Own, read_json
from dicface.runs.files import read_steps, read_training

NUMBERS = "numbers.json"
"""Beside the file: what was measured."""
_NUMBERS = Own("what the weights reach", "Ship the weights again.", error=WeightsError)
LIMIT_MB = 8.0
STAGES = ("vqgan", "codeformer", "fusion")
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

Check = tuple[str, str, str, bool]
"""What was asked for, what was found, what was expected, whether it holds."""


def checks(numbers: Mapping[str, float], size: int) -> list[Check]:
    """What the weights must reach.

    Args:
        numbers: As `measure` leaves them.
        size: N, codes of the codebook.
    """
    n = numbers

    def pair(box: str, kind: str) -> Check:
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


def weights_card(folder: Path, manifest: Mapping[str, Any]) -> str:
    """The card in Markdown.

    Args:
        folder: With the file, its numbers and its pictures.
        manifest: Of the file.
    """
    numbers = read_json(folder / NUMBERS, _NUMBERS, dict[str, float])
    settings, code, machine = manifest["settings"], manifest["code"], manifest["machine"]
    networks = {stage: folder.parent.parent / settings["networks"][stage] for stage in STAGES}
    size, file = settings["settings"]["codebook_size"], manifest["artefact"]["file"]
    commit = f"{code['commit'] or code['note']}{' with changes' if code['changed'] else ''}"
    asked = checks(numbers, size)
    lines = [
        f"# CodeFormer of the demo, N = {size} codes",
        "",
        "Made by this project: stages I to III of CodeFormer's recipe, trained on rendered faces",
        "alone. It holds encoder, Transformer, codebook, decoder and fusion.",
        "",
        f"- file: `{file}`, {numbers['megabytes']:.2f} MB in 16 bits, sha256 "
        f"`{manifest['artefact']['sha256']}`",
        f"- parameters: {numbers['parameters']:,}",
        "- licence: Apache-2.0, as the code that made it",
        f"- code: dicface {code['version']}, commit {commit}; made by `snakemake demo_weights`",
        f"- seed: `{settings['seed']}`; data: {settings['images']['num_frames']} rendered frames, "
        "2 a person",
        f"- machine: {machine['cpu']}, {how_many(machine['torch_threads'], 'thread')}",
        f"- 16 against 32 bits: {numbers['psnr_16_32']} dB, at most "
        f"{numbers['levels_16_32']} levels",
        "",
        "![truth; autoencoder; restored with w = 1; through codes alone; input](faces.png)",
        "",
        f"Rows: truth, autoencoder, restored (w = 1), codes alone (w = 0), input; "
        f"{numbers['faces']} unseen people were measured, twelve are shown; `faces_4x.png` "
        "enlarges truth and restored.",
        "",
        "## Training",
        "",
        "| stage | steps | frames seen | hours |",
        "|---|---|---|---|",
    ]
    for stage, network in networks.items():
        made = read_training(network / "training.json")
        hours = made["seconds"] / 3600
        lines.append(f"| {stage} | {made['steps']} | {made['frames_seen']} | {hours:.2f} |")
    lines += [
        "",
        "## What was asked",
        "",
        "| what | found | expected | holds |",
        "|---|---|---|---|",
    ]
    for what, found, wanted, holds in asked:
        lines.append(f"| {what} | {found} | {wanted} | {'yes' if holds else '**no**'} |")
    lines += ["", "## Numbers", "", "| number | " + " | ".join(STAGES) + " |", "|---|---|---|---|"]
    for name in [key.removeprefix("vqgan_") for key in numbers if key.startswith("vqgan_")]:
        values = [f"{numbers[f'{stage}_{name}']:.3f}" for stage in STAGES]
        lines.append(f"| {name} | {' | '.join(values)} |")
    truth = numbers["truth_eye_landmarks_px"]
    lines += ["", f"dlib on the truth itself is {truth:.1f} px off the exact eyes.", ""]
    lines += ["## On the way", ""]
    for stage, network in networks.items():
        lines += [f"{stage}:", "", *_curve(network / "validation.jsonl"), ""]
    lines += [
        "## Limits",
        "",
        "They know rendered faces alone, frontal to half profile, and no photograph. Stage III",
        f"saw single frames, degraded so: `{json.dumps(settings['degradation'], sort_keys=True)}`.",
        "",
    ]
    return "\n".join(lines)


def _curve(path: Path) -> list[str]:
    """A table of at most twelve looks."""
    if not path.is_file():
        return ["no look was taken"]
    looks = read_steps(path)
    last = len(looks) - 1
    shown = [looks[i] for i in sorted({round(n * last / 11) for n in range(12)})]
    heads = [head for head in _CURVE if head in shown[-1]]
    rows = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for look in shown:
        values = (f"{look.get(head, float('nan')):.5g}" for head in heads)
        rows.append(f"| {' | '.join(values)} |")
    return rows
