"""Measures the report's pages in headless Chromium: size, what the first screen shows, speed.

    python benchmarks/report.py results/demo/report
    python benchmarks/report.py results/demo/report --pictures shots   # also whole pages as PNG

Prints a Markdown table: where the first picture ends and how many screens the page has at three
sizes, with all tables folded; seconds until it is complete, opened from disk; the worst contrast of
text in both themes; frames a second of scrubbing with four panes of 512 px; bytes of scripts and of
the report as one ZIP file. The browser draws on the processor, without a GPU: where that is slow,
frames a second say more about the machine than about the page.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from dicface.report.site import Contents, write_bundle, write_pages
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.provenance import read_provenance
from dicface.video.clips import write_clip
from tests.report.site._browser import CHROMIUM, Browser

SIZES = ((1400, 900), (1280, 800), (390, 844))
NUM_OPENED = 5
SIDE, NUM_FRAMES = 512, 48
FIRST_PICTURE = """
(() => {
  const shown = [...document.querySelectorAll("main img, main canvas")]
    .map((each) => each.getBoundingClientRect())
    .filter(({ width, height }) => width > 40 && height > 40)
    .sort((one, other) => one.top - other.top);
  return shown.length ? [shown[0].top, shown[0].bottom] : null;
})()
"""
EAGER = """
Promise.all([...document.images].map((each) => {
  each.loading = "eager";
  return each.decode().catch(() => null);
})).then(() => null)
"""
BEYOND = "document.documentElement.scrollWidth - innerWidth"
CONTRAST = """
(() => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const rgb = (colour, below = [255, 255, 255]) => {
    context.fillStyle = `rgb(${below})`;
    context.fillRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (parts) => {
    const [r, g, b] = parts.map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const stack = [];
    for (let each = element; each; each = each.parentElement) {
      stack.push(getComputedStyle(each).backgroundColor);
    }
    return stack.reverse().reduce((below, colour) => rgb(colour, below), [255, 255, 255]);
  };
  let worst = [99, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, style, .unseen")) continue;
    const below = ground(element);
    const one = light(rgb(getComputedStyle(element).color, below));
    const other = light(below);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < worst[0]) worst = [ratio, text.data.trim().slice(0, 40)];
  }
  return worst;
})()
"""
SCRUB = """
(async () => {
  const slider = document.getElementById("slider");
  const pane = document.querySelector('canvas[data-shows="b"]');
  const shown = async (frame) => {
    const started = performance.now();
    slider.value = frame;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    while (pane.dataset.frame !== String(frame)) {
      if (performance.now() - started > 5000) throw new Error(`frame ${frame} never came`);
      await new Promise((done) => setTimeout(done, 1));
    }
    return performance.now() - started;
  };
  await shown(1);
  const took = [];
  for (let round = 0; round < 2; round += 1) {
    for (let frame = 0; frame <= Number(slider.max); frame += 1) took.push(await shown(frame));
  }
  took.sort((one, other) => one - other);
  return [took[took.length >> 1], took[Math.floor(took.length * 0.95)]];
})()
"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path, help="folder of a report")
    parser.add_argument("--pictures", type=Path, help="gets the whole page at every size and theme")
    options = parser.parse_args()
    if not CHROMIUM:
        sys.exit("found no `chromium` on the path; name one in DICFACE_CHROMIUM.")
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(Path(folder) / "profile")
        try:
            print("| what | found |\n|---|---|")
            for what, found in measured(browser, options.report, Path(folder), options.pictures):
                print(f"| {what} | {found} |", flush=True)
        finally:
            browser.close()


def measured(
    browser: Browser, report: Path, folder: Path, pictures: Path | None
) -> Iterator[tuple[str, str]]:
    """What is measured, and what was found, in words."""
    address = (report / "index.html").resolve().as_uri()
    yield from first_page(browser, address, pictures)
    browser.resize(*SIZES[0])
    took = [opened(browser, address) for _ in range(NUM_OPENED)]
    yield f"complete, opened from disk, median of {NUM_OPENED}", f"{np.median(took):.2f} s"
    median, slow = scrubbed(browser, folder)
    yield (
        f"scrubbing, four panes of {SIDE} px, {NUM_FRAMES} frames",
        f"{1000 / median:.0f} frames a second; {1000 / slow:.0f} at the slowest twentieth",
    )
    scripts = sum(path.stat().st_size for path in (report / "assets").rglob("*.js"))
    yield "scripts", f"{scripts / 1000:.1f} kB"
    bundle = write_bundle(report, folder / "bundle.zip").stat().st_size
    yield "as one ZIP file", f"{bundle / 1e6:.1f} MB"


def first_page(browser: Browser, address: str, pictures: Path | None) -> Iterator[tuple[str, str]]:
    """Sizes and contrast of the first page."""
    for width, height in SIZES:
        for scheme in ("light", "dark"):
            browser.resize(width, height, scheme)
            browser.open(address)
            time.sleep(1)
            name = f"{width}×{height}, {scheme}"
            if scheme == "light":
                top, bottom = browser.run(FIRST_PICTURE)
                whole = browser.run("document.documentElement.scrollHeight")
                beyond = browser.run(BEYOND)
                yield f"{name}: first picture", f"{top:.0f} to {bottom:.0f} px"
                yield f"{name}: height", f"{whole / height:.1f} screens; {beyond} px cut off"
            if pictures:
                browser.run(EAGER)
                pictures.mkdir(parents=True, exist_ok=True)
                picture = pictures / f"{width}_{scheme}.png"
                picture.write_bytes(browser.picture(whole=True))
            browser.run("document.querySelectorAll('details').forEach((d) => (d.open = true))")
            ratio, text = browser.run(CONTRAST)
            yield f"{name}: worst contrast, unfolded", f'{ratio:.2f} ("{text}")'


def opened(browser: Browser, address: str) -> float:
    """Seconds from the start of the navigation until the page is complete."""
    browser.open(address)
    return browser.run("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000


def scrubbed(browser: Browser, folder: Path) -> tuple[float, float]:
    """Median and 95th percentile of the milliseconds until a pane shows the frame sought."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    ground = ground.repeat(8, axis=0).repeat(8, axis=1)
    names = ("input", "a", "b", "truth")
    for number, name in enumerate(names):
        frames = [np.roll(ground, 3 * n + number, axis=1) for n in range(NUM_FRAMES)]
        write_clip(folder / f"{name}.mkv", frames, Fraction(25))
    none = pd.DataFrame(columns=["clip", "metric", "value", "note", "frame"])
    systems = tuple(
        System(
            id=name,
            label=name,
            clips={"clip": folder / f"{name}.mkv"},
            missing={},
            scores=none,
            frames=none,
        )
        for name in names[:-1]
    )
    truths = {"clip": folder / "truth.mkv"}
    task = TaskResults(id="bfr", truths=truths, systems=systems, absent={}, remarks=())
    provenance = read_provenance(folder / "none")
    contents = Contents(title="Scrub", tables=(), tasks=(task,), provenance=provenance)
    index = write_pages(contents, folder / "report")
    browser.resize(2200, 1000)
    browser.open((index.parent / "clips" / "bfr" / "clip.html").as_uri())
    browser.wait("document.querySelector('canvas[data-shows=\"b\"]').dataset.frame === '0'")
    return tuple(browser.run(SCRUB))


if __name__ == "__main__":
    main()
