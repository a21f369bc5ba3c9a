"""An inspection in words: for the screen, and in one sentence for a footnote."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Mapping
from typing import Any

from dicface.base.counts import how_many

MIXTURES = {
    "predicted": "ŵ as predicted",
    "clip_mean": "ŵ averaged over the clip",
    "uniform": "ŵ uniform",
    "top1": "the likeliest code alone",
    "no_skips": "w = 0 (no skips)",
    "input": "the input",
}
"""Key -> what the decoder is given, in the order of tables."""

SCORES = {
    "variance": "predicted variance",
    "entropy": "entropy of ŵ",
    "alpha_sum": "−Σα̂",
}
PSNR_HEAD = "PSNR of the output, dB, and what is lost to the way it restores"
CALIBRATION_HEAD = (
    "Does it know where it errs? Rank correlation with the |error| of a position's pixels, mean "
    "over clips ± standard deviation; risk–coverage, 1 as if sorted by the error, 0 as if by chance"
)
MARKS_HEAD = "Do the codes carry the picture?"
CARRY_CODES, CARRY_DB = 1 / 4, 0.3
"""Codes are said to carry the picture with so many effective ones at most, in shares of N, and
where averaging ŵ over the clip costs so many dB at least."""


def in_one_sentence(found: Mapping[str, Any]) -> str:
    """An inspection as a footnote: the network, its posterior, what each part restores."""
    weights, psnr = found["weights"], found["psnr_db"]
    divergence = "".join(
        f"KL {each['nats_a_position']:.3g} nats a position to α = {each['prior']:g}, "
        for each in found["posterior"]["divergence"][:1]
    )
    parts = ", ".join(
        f"{psnr[name]:.2f} {MIXTURES[name]}"
        for name in MIXTURES
        if name != weights["restores_with"]
    )
    return (
        f"{divergence}{found['posterior']['effective_codes']:.4g} effective codes of "
        f"{weights['codes']} a position; PSNR {psnr[weights['restores_with']]:.2f} dB as it "
        f"restores, {parts}"
    )


def to_screen(found: Mapping[str, Any]) -> str:
    """An inspection as lines for a terminal."""
    first, *others = head(found)
    parts = [[first, *(f"  {line}" for line in others)]]
    parts.append([f"{_wide(name, 32)}{value}" for name, value in posterior(found).items()])
    parts.append([f"{PSNR_HEAD} [95 % interval]"])
    parts[-1] += [f"  {_wide(words, 30)}{value:6.2f}  {cost}" for words, value, cost in psnr(found)]
    parts.append([*textwrap.wrap(CALIBRATION_HEAD, 96)])
    parts[-1] += [
        f"  {_wide(words, 30)}{rank:17}{area}" for words, rank, area in calibration(found)
    ]
    parts[-1].append(f"  {surest(found)}")
    parts.append([MARKS_HEAD])
    parts[-1] += [f"  {'yes' if holds else 'no':5}{words}" for holds, words in marks(found)]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def head(found: Mapping[str, Any]) -> list[str]:
    """What was looked at: the weights, their codes, the clips."""
    weights, clips = found["weights"], found["clips"]
    trained = f"stage {weights['stage']}" if weights["stage"] else "released by its authors"
    is_dicface = weights["network"] == "dicface"
    softmax = "no Dirichlet: the softmax of its logits stands in the place of ŵ"
    mixed = f"mixed by {weights['aggregation']}" if is_dicface else "one taken at each"
    if found["posterior"]["distribution"] != "Dirichlet":
        mixed += f"; {softmax}"
    if not weights["fidelity_w"]:
        mixed += "; no skips"
        mixed += ", which stage II does not train" if weights["stage"] == "codeformer" else ""
    return [
        f"{weights['file']}: {weights['label']}, {trained}, task {weights['task']}, "
        f"{weights['size_px']} px",
        f"{weights['codes']} codes at {weights['positions']} positions, {mixed}",
        f"on {clips['what']}: {how_many(clips['clips'], 'clip')}, "
        f"{how_many(clips['frames'], 'frame')}",
    ]


def posterior(found: Mapping[str, Any]) -> dict[str, str]:
    """Name -> value of what is predicted."""
    numbers, weights = found["posterior"], found["weights"]
    rows = {
        f"KL to Dir({each['prior']:g}) ({each['from']})": (
            f"{each['nats_a_position']:.4g} nats a position, {each['nats_a_frame']:.4g} a frame"
        )
        for each in numbers["divergence"]
    }
    if rows:
        scale = weights["kl_scale"]
        trained = "" if scale is None else f"; KL weighed {scale:g} times that in training"
        spread = numbers["alpha_sum_sd"]
        rows["L1 in the units of eq. 7"] = f"{numbers['l1_a_frame']:.4g} a frame{trained}"
        rows["Σα̂"] = (
            f"{numbers['alpha_sum_mean']:.4g}, standard deviation {spread:.3g} over positions"
        )
    return rows | {
        "effective codes, exp(entropy)": (
            f"{numbers['effective_codes']:.1f} of {weights['codes']} at a position; "
            f"{numbers['effective_codes_of_mean']:.1f} of the mean ŵ"
        ),
        "largest weight": f"{numbers['largest_weight']:.3g} (1/N = {1 / weights['codes']:.3g})",
        "codes used": (
            f"{numbers['codes_used']} are the likeliest one somewhere (perplexity "
            f"{numbers['codes_used_perplexity']:.0f})"
        ),
    }


def psnr(found: Mapping[str, Any]) -> list[tuple[str, float, str]]:
    """What the decoder is given, PSNR in dB, and what is lost to the way it restores."""
    rows = []
    for name, words in MIXTURES.items():
        lost = "as it restores"
        if cost := found["psnr_costs_db"].get(name):
            lost = f"{_signed(cost['mean'])}"
            if cost["low"] is not None:
                lost += f" [{_signed(cost['low'])}, {_signed(cost['high'])}]"
        rows.append((words, found["psnr_db"][name], lost))
    return rows


def calibration(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What may know of errors, its rank correlation with them, and risk–coverage."""
    rows = []
    for name, each in found["calibration"].items():
        spread = "" if each["spearman_sd"] is None else f" ± {each['spearman_sd']:.2f}"
        rank, area = _signed(each["spearman"]), _signed(each["risk_coverage_gain"])
        rows.append((SCORES[name], f"{rank}{spread}", area))
    return rows


def surest(found: Mapping[str, Any]) -> str:
    """The error of the positions that the network is surest of."""
    errors = found["calibration"]["variance"]["error_at_coverage"]
    kept = ", ".join(f"{float(share):.0%}: {value:.2f}" for share, value in errors.items())
    return f"|error| of the surest positions by variance, grey levels: {kept}"


def marks(found: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """Whether the codes carry the picture, by three marks."""
    values, weights = found["psnr_db"], found["weights"]
    codes = found["posterior"]["effective_codes"]
    cost = values[weights["restores_with"]] - values["clip_mean"]
    above = values["no_skips"] - values["input"]
    return [
        (codes <= CARRY_CODES * weights["codes"], f"at most N/4 effective codes ({codes:.1f})"),
        (
            cost >= CARRY_DB,
            f"averaging ŵ over the clip costs {CARRY_DB} dB or more ({_signed(cost)})",
        ),
        (above > 0, f"without skips the picture is above the input ({_signed(above)} dB)"),
    ]


def _wide(words: str, width: int) -> str:
    """Words with spaces up to a width; the hat of α̂ takes no room on a screen."""
    return words + " " * (width - sum(not unicodedata.combining(letter) for letter in words))


def _signed(value: float | None) -> str:
    """Two digits with a sign; none for a zero.

    >>> _signed(-0.001), _signed(0.3), _signed(None)
    ('0.00', '+0.30', '–')
    """
    if value is None:
        return "–"
    return "0.00" if abs(value) < 0.005 else f"{value:+.2f}"
