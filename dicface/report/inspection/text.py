"""An inspection in words: for the screen, and in one sentence for a footnote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    parts = (_head(found), _posterior(found), _psnr(found), _calibration(found), _carry(found))
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _head(found: Mapping[str, Any]) -> list[str]:
    weights, clips = found["weights"], found["clips"]
    trained = f"stage {weights['stage']}" if weights["stage"] else "released by its authors"
    kind = (
        f"{weights['aggregation']}"
        if weights["network"] == "dicface"
        else "no Dirichlet: the softmax of its logits stands in the place of ŵ"
    )
    skips = "" if weights["fidelity_w"] else "; no skips, which stage II does not train"
    return [
        f"{weights['file']}: {weights['label']}, {trained}, task {weights['task']}, "
        f"{weights['size_px']} px",
        f"  {weights['codes']} codes at {weights['positions']} positions; {kind}{skips}",
        f"  on {clips['what']}: {clips['clips']} clips, {clips['frames']} frames",
    ]


def _posterior(found: Mapping[str, Any]) -> list[str]:
    posterior, weights = found["posterior"], found["weights"]
    rows = {
        f"KL to Dir({each['prior']:g}) ({each['from']})": (
            f"{each['nats_a_position']:.4g} nats a position, {each['nats_a_frame']:.4g} a frame"
        )
        for each in posterior["divergence"]
    }
    if rows:
        scale = weights["kl_scale"]
        trained = "" if scale is None else f"; KL weighed {scale:g} times that in training"
        spread = posterior["alpha_sum_sd"]
        rows["L1 in the units of eq. 7"] = f"{posterior['l1_a_frame']:.4g} a frame{trained}"
        rows["Σα̂"] = (
            f"{posterior['alpha_sum_mean']:.4g}, standard deviation {spread:.3g} over positions"
        )
    rows |= {
        "effective codes, exp(entropy)": (
            f"{posterior['effective_codes']:.1f} of {weights['codes']} at a position; "
            f"{posterior['effective_codes_of_mean']:.1f} of the mean ŵ"
        ),
        "largest weight": (f"{posterior['largest_weight']:.3g} (1/N = {1 / weights['codes']:.3g})"),
        "codes used": (
            f"{posterior['codes_used']} are the likeliest one somewhere (perplexity "
            f"{posterior['codes_used_perplexity']:.0f})"
        ),
    }
    return [f"{name:32}{value}" for name, value in rows.items()]


def _psnr(found: Mapping[str, Any]) -> list[str]:
    reference = found["weights"]["restores_with"]
    lines = ["PSNR of the output, dB, and what is lost to the way it restores [95 % interval]"]
    for name, words in MIXTURES.items():
        value = f"  {words:30}{found['psnr_db'][name]:6.2f}"
        cost = found["psnr_costs_db"].get(name)
        if cost is None:
            lines.append(f"{value}   as it restores")
            continue
        ends = "" if cost["low"] is None else f" [{cost['low']:.2f}, {cost['high']:.2f}]"
        lines.append(f"{value}{cost['mean']:+8.2f}{ends}")
    if reference == "top1":
        lines.append("  ŵ is the softmax here, of which CodeFormer takes the likeliest code")
    return lines


def _calibration(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "Does it know where it errs? Rank correlation with the |error| of a position's pixels,",
        "mean over clips ± standard deviation; risk–coverage: 1 as if sorted by error, 0 chance",
    ]
    for name, each in found["calibration"].items():
        lines.append(
            f"  {SCORES[name]:30}{_number(each['spearman'])} ± {_number(each['spearman_sd'], '')}"
            f"   {_number(each['risk_coverage_gain'])}"
        )
    error = found["calibration"]["variance"]["error_at_coverage"]
    kept = ", ".join(f"{float(share):.0%}: {value:.2f}" for share, value in error.items())
    lines.append(f"  |error| of the surest positions by variance, grey levels: {kept}")
    return lines


def _carry(found: Mapping[str, Any]) -> list[str]:
    """Whether the codes carry the picture, by three marks."""
    psnr, weights = found["psnr_db"], found["weights"]
    codes = found["posterior"]["effective_codes"]
    cost = psnr[weights["restores_with"]] - psnr["clip_mean"]
    marks = (
        (codes <= CARRY_CODES * weights["codes"], f"at most N/4 effective codes ({codes:.1f})"),
        (cost >= CARRY_DB, f"averaging ŵ over the clip costs {CARRY_DB} dB or more ({cost:.2f})"),
        (
            psnr["no_skips"] > psnr["input"],
            f"without skips it is above the input ({psnr['no_skips'] - psnr['input']:+.2f} dB)",
        ),
    )
    return ["Do the codes carry the picture?"] + [
        f"  {'yes' if holds else 'no ':3}  {words}" for holds, words in marks
    ]


def _number(value: float | None, sign: str = "+") -> str:
    return "–" if value is None else f"{value:{sign}.2f}"
