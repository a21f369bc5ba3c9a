"""What the intervals and tests of the tables are worth, on sets whose answer is known.

    python benchmarks/simulated_statistics.py [coverage fvd bias ties trainings] [--write]

Prints the simulated tables of docs/tables.md, all or those that are named; `--write` puts them
there. Every draw is seeded by the table's name.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dicface.base.files import atomic_path
from dicface.base.seeds import numpy_rng
from dicface.metrics.fvd import frechet_distance
from dicface.report.tables.replicates import replicated_difference, replicated_mean
from dicface.report.tables.statistics import (
    SIGNIFICANCE,
    FeatureSet,
    bootstrap_counts,
    holm,
    mean_interval,
    set_interval,
    sign_flip_test,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tables.md"
Rows = list[Sequence[str]]

SPREADS_DB = (
    (0.3, 0.22, 0.1),
    (0.6, 0.22, 0.1),
    (0.1, 0.22, 0.1),
    (0.3, 0.05, 0.1),
    (0.3, 0.0, 0.1),
)
"""Standard deviations of clips, trainings and rest. 0.22 dB is what three trainings of the demo at
64 px scattered by, 0.3 to 0.6 dB the spread of clip-wise differences of its rows."""


def coverage(rng: np.random.Generator, trials: int = 1000) -> Rows:
    """Means over clips: plain percentile interval and ours, normal and skewed values."""
    rows: Rows = [
        ("clips", "normal, plain", "normal, ours", "skewed (exponential), plain", "skewed, ours")
    ]
    for num_clips in (6, 12, 50):
        counts = bootstrap_counts([str(i) for i in range(num_clips)], num_resamples=2000)
        cells = []
        for draw, mean in ((rng.normal, 0.0), (rng.exponential, 1.0)):
            plain = ours = 0
            for _ in range(trials):
                values = draw(size=num_clips)
                low, high = np.quantile(counts @ values / num_clips, [0.025, 0.975])
                plain += low < mean < high
                found = mean_interval(values, counts)
                ours += found.low < mean < found.high
            cells += [_share(plain, trials), _share(ours, trials)]
        rows.append((str(num_clips), *cells))
    return rows


def fvd(rng: np.random.Generator, trials: int = 100, resamples: int = 40) -> Rows:
    """Fréchet distances over clips: the jackknife, and why there is no bootstrap."""
    rows: Rows = [
        (
            "clips × windows",
            "jackknife holds the expected value",
            "bootstrap holds it",
            "mean of the resamples / value",
        )
    ]
    for num_clips, windows in ((12, 1), (12, 4), (50, 4)):
        clips = tuple(f"{i:02d}" for i in range(num_clips))
        sets = [_features(rng, clips, windows) for _ in range(trials)]
        expected = np.mean([each.whole for each in sets])
        jackknife = bootstrap = 0
        ratios = []
        for each in sets:
            found = set_interval(each)
            jackknife += found.low < expected < found.high
            values = [_resampled(rng, each, windows) for _ in range(resamples)]
            low, high = np.quantile(values, [0.025, 0.975])
            bootstrap += low < expected < high
            ratios.append(np.mean(values) / each.whole)
        cells = (_share(jackknife, trials), _share(bootstrap, trials), f"{np.mean(ratios):.2f}")
        rows.append((f"{num_clips} × {windows}", *cells))
    return rows


def bias(rng: np.random.Generator, draws: int = 2) -> Rows:
    """Fréchet distance of two draws of one distribution, 400 features: the right answer is 0."""
    sizes = (32, 64, 128, 200, 401, 801, 1600)
    found = [
        np.mean([frechet_distance(*rng.normal(size=(2, size, 400))) for _ in range(draws)])
        for size in sizes
    ]
    head = ("windows of each set", *map(str, sizes))
    return [head, (f"distance (mean of {draws} draws)", *(f"{each:.0f}" for each in found))]


def ties(rng: np.random.Generator, trials: int = 300) -> Rows:
    """How often a row is told apart from the best where all are equal."""
    rows: Rows = [("rows", "clips", "columns in which a row lacks ≈")]
    for num_rows, num_clips in ((3, 10), (10, 10), (10, 50)):
        wrong = 0
        for trial in range(trials):
            values = rng.normal(size=num_clips) + rng.normal(size=(num_rows, num_clips))
            best = values[values.mean(axis=1).argmax()]
            p = {
                str(i): sign_flip_test(best - row, str(trial))
                for i, row in enumerate(values)
                if row is not best and (row != best).any()
            }
            wrong += min(holm(p).values()) < SIGNIFICANCE
        rows.append((str(num_rows), str(num_clips), _share(wrong, trials)))
    return rows


def trainings(rng: np.random.Generator, trials: int = 3000) -> Rows:
    """Rows of several trainings: ours, and a percentile bootstrap over trainings and clips."""
    rows: Rows = [
        (
            "trainings × clips",
            "spread of clips / trainings / rest, dB",
            "a mean, ours",
            "a difference, ours",
            "a mean, bootstrap",
        )
    ]
    for num_trainings, num_clips in ((2, 20), (3, 20), (5, 20), (3, 50)):
        for spread in SPREADS_DB if (num_trainings, num_clips) == (3, 20) else SPREADS_DB[:1]:
            size = num_trainings, num_clips
            ours = differences = bootstrap = 0
            for trial in range(trials):
                values, others = _values(rng, size, spread), _values(rng, size, spread)
                found = replicated_mean(values)
                ours += found.low < 0 < found.high
                found, _ = replicated_difference(values, others)
                differences += found.low < 0 < found.high
                if trial < trials // 4:
                    bootstrap += _bootstrap_holds_zero(rng, values)
            cells = [_share(found, trials) for found in (ours, differences)]
            name = f"{num_trainings} × {num_clips}", " / ".join(map(str, spread))
            rows.append((*name, *cells, _share(bootstrap, trials // 4)))
    return rows


TABLES: dict[str, Callable[[np.random.Generator], Rows]] = {
    "coverage": coverage,
    "fvd": fvd,
    "bias": bias,
    "ties": ties,
    "trainings": trainings,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables, and writes them into the page where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"{', '.join(TABLES)} (all)")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    options = parser.parse_args(arguments)
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"found {', '.join(sorted(unknown))}, expected some of {', '.join(TABLES)}")
    for name in options.tables or TABLES:
        text = markdown(TABLES[name](numpy_rng("benchmarks", "statistics", name)))
        sys.stdout.write(f"{name}\n\n{text}\n")
        sys.stdout.flush()
        if options.write:
            written = put(PAGE.read_text(encoding="utf-8"), name, text)
            with atomic_path(PAGE) as temporary:
                temporary.write_text(written, encoding="utf-8")


def markdown(rows: Rows) -> str:
    """Rows as a table, the first its head."""
    head, *others = (f"| {' | '.join(row)} |\n" for row in rows)
    return head + "|" + "---|" * len(rows[0]) + "\n" + "".join(others)


def put(page: str, name: str, text: str) -> str:
    """The page with a table in the place between its marks."""
    first = f"<!-- written by benchmarks/simulated_statistics.py {name} -->\n"
    pattern = re.compile(f"({re.escape(first)}).*?(<!-- end of {name} -->)", re.DOTALL)
    written, number = pattern.subn(lambda found: f"{found[1]}\n{text}\n{found[2]}", page)
    if number != 1:
        raise SystemExit(f"{PAGE}: found {number} places for the table '{name}', expected one.")
    return written


def _share(found: int, trials: int) -> str:
    return f"{100 * found / trials:.0f} %"


def _features(rng: np.random.Generator, clips: tuple[str, ...], windows: int) -> FeatureSet:
    """64 features of windows that a clip has in common, and restored ones beside them."""
    truth = np.repeat(rng.normal(size=(len(clips), 64)), windows, axis=0)
    truth = truth + rng.normal(size=truth.shape)
    return FeatureSet(
        clips=clips,
        restored=truth + 0.5 + rng.normal(0, 0.5, size=truth.shape),
        truth=truth,
        window_clip=np.repeat(clips, windows),
        distance=frechet_distance,
    )


def _resampled(rng: np.random.Generator, features: FeatureSet, windows: int) -> float:
    drawn = rng.integers(len(features.clips), size=len(features.clips))
    chosen = (drawn[:, None] * windows + np.arange(windows)).ravel()
    return frechet_distance(features.restored[chosen], features.truth[chosen])


def _values(
    rng: np.random.Generator, size: tuple[int, int], spread: tuple[float, float, float]
) -> np.ndarray:
    of_clips, of_trainings, rest = spread
    num_trainings, num_clips = size
    clips, between = rng.normal(size=num_clips), rng.normal(size=(num_trainings, 1))
    return of_clips * clips + of_trainings * between + rest * rng.normal(size=size)


def _bootstrap_holds_zero(rng: np.random.Generator, values: np.ndarray) -> bool:
    num_trainings, num_clips = values.shape
    rows = rng.multinomial(num_trainings, np.full(num_trainings, 1 / num_trainings), size=1000)
    columns = rng.multinomial(num_clips, np.full(num_clips, 1 / num_clips), size=1000)
    means = np.einsum("bs,sc,bc->b", rows, values, columns, optimize=True) / values.size
    low, high = np.quantile(means, [0.025, 0.975])
    return bool(low < 0 < high)


if __name__ == "__main__":
    main()
