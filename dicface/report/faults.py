"""What explains the bad scores of a result, clip by clip, and its PSNR at the best shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dicface.base.files import atomic_path
from dicface.base.names import INPUT
from dicface.metrics.diagnosis import Diagnosis, diagnose_clip
from dicface.report.entries import Entry
from dicface.report.render.cells import number
from dicface.video.clips import named

FILE = "diagnosis.csv"


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What was found on the clips of every result.

    Attributes:
        labels: Name of a result -> what tables call it.
        found: Name of a result -> clip -> what was found.
        losing: Names of the results whose mean PSNR is below the input's, over common clips.
    """

    labels: Mapping[str, str]
    found: Mapping[str, Mapping[str, Diagnosis]]
    losing: Sequence[str]

    def sentences(self, name: str) -> list[str]:
        """What is wrong with the clips of a result; nothing where nothing was found."""
        by_words: dict[str, list[str]] = {}
        for clip, diagnosis in self.found[name].items():
            if diagnosis.fault:
                by_words.setdefault(diagnosis.fault.words, []).append(clip)
        total, said = len(self.found[name]), []
        for words, clips in by_words.items():
            faults = [self.found[name][clip].fault for clip in clips]
            gain = sum(fault.gain for fault in faults if fault) / len(clips)
            which = f"all {total} clips" if 1 < len(clips) == total else named(clips)
            said.append(f"{which}: it {words}; undone, PSNR gains {gain:.1f} dB")
        if name in self.losing:
            reason = "see why below" if said else "no shift, delay, colour or crop explains it"
            said.insert(0, f"its PSNR is below its input's; {reason}")
        return said

    def notes(self) -> list[str]:
        """PSNR as it is and at the best shift, of every result."""
        texts = []
        for name, found in self.found.items():
            plain, best = (
                sum(values) / len(values)
                for values in (
                    [each.psnr for each in found.values()],
                    [each.psnr_at_best_shift for each in found.values()],
                )
            )
            texts.append(f"{self.labels[name]} {number(plain, 2)} → {number(best, 2)} dB")
        return [
            "PSNR as it is → with each clip moved to where it fits its truth best, of a few frames "
            f"a clip: {'; '.join(texts)}."
        ]

    def write(self, folder: Path) -> dict[str, Path]:
        """Writes `diagnosis.csv`, a line a result and clip."""
        lines = [
            {
                "method": name,
                "clip": clip,
                "psnr": diagnosis.psnr,
                "psnr_at_best_shift": diagnosis.psnr_at_best_shift,
                "right_px": diagnosis.best_shift[0],
                "down_px": diagnosis.best_shift[1],
                "fault": diagnosis.fault.words if diagnosis.fault else "",
                "gain_db": diagnosis.fault.gain if diagnosis.fault else 0.0,
            }
            for name, found in self.found.items()
            for clip, diagnosis in found.items()
        ]
        path = folder / FILE
        with atomic_path(path) as temporary:
            pd.DataFrame(lines).to_csv(
                temporary, index=False, float_format="%.6g", lineterminator="\n"
            )
        return {"diagnosis": path}


def find_faults(entries: Sequence[Entry]) -> Faults:
    """Looks at every scored clip of every result.

    Args:
        entries: Those that were scored.

    Raises:
        ClipError: A clip cannot be read.
    """
    found = {
        entry.name: {
            clip: diagnose_clip(path, entry.match.truths[clip])
            for clip, path in entry.match.restored.items()
        }
        for entry in entries
    }
    return Faults(
        labels={entry.name: entry.label for entry in entries},
        found=found,
        losing=[name for name in found if name != INPUT and _loses(found, name)],
    )


def _loses(found: Mapping[str, Mapping[str, Diagnosis]], name: str) -> bool:
    """Whether a result is less like the truth than the input is, over the clips that both have."""
    common = found[name].keys() & found.get(INPUT, {}).keys()
    return sum(found[name][clip].psnr - found[INPUT][clip].psnr for clip in common) < 0
