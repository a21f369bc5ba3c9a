"""A clip whose every pixel says which frame of which method it is, and its report.

Differences between methods and between neighbouring frames are other ones in each frame, so that
they name it, too. At `BLOCK` all frames are white; at `RED` beta has more red than the truth.
"""

import io

import numpy as np
import pandas as pd
from PIL import Image

from dicface.report.site import Contents, write_pages
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.provenance import read_provenance
from dicface.video.clips import write_clip

CLIP, SIDE, NUM_FRAMES = "burnt & <b>", 64, 8
BLOCK = (0.8125, 0.1875)
"""Centre of the white square, an eighth of the frame wide; the landmarks' eyes are there."""
MOUTH = (0.5, 0.75)
RED = (0.25, 0.375)
MORE_RED = 48
PLAIN = (0.3, 0.7)
"""Where nothing but the level is."""
METHODS = {"input": "Degraded input", "alpha": "Alpha", "beta": "Beta", "/truth": "Truth"}
WORST_FIRST = (5, 2, 6, 0, 7, 1, 4, 3)
"""Frames of beta by the scores that the test gives it."""


def level(method: str, frame: int) -> int:
    """Grey of a method's frame: the truth's steps from frame to frame grow by 7."""
    truth = 10 + 7 * frame * (frame + 1) // 2
    return {
        "input": 250 - truth,
        "alpha": truth + 6 * (NUM_FRAMES - 1 - frame),
        "beta": truth + 6 * frame,
        "/truth": truth,
    }[method]


def box(centre: tuple[float, float]) -> tuple[slice, slice]:
    """Rows and columns of the eighth of a frame about a place."""
    x, y = (round(part * SIDE) for part in centre)
    return slice(y - SIDE // 16, y + SIDE // 16), slice(x - SIDE // 16, x + SIDE // 16)


def frames(method: str) -> list[np.ndarray]:
    found = []
    for index in range(NUM_FRAMES):
        frame = np.full((SIDE, SIDE, 3), level(method, index), np.uint8)
        frame[box(BLOCK)] = 255
        if method == "beta":
            frame[(*box(RED), 0)] = level("/truth", index) + MORE_RED
            frame[(*box(RED), slice(1, 3))] = level("/truth", index)
        found.append(frame)
    return found


def landmarks(path) -> None:
    points = np.zeros((NUM_FRAMES, 68, 2), np.float32)
    for place, which in ((BLOCK, slice(0, 48)), (MOUTH, slice(48, 68))):
        points[:, which] = np.array(place) * 512 - 0.5
    facts = {"clips": np.array([CLIP]), "frame_clip": np.zeros(NUM_FRAMES, int)}
    np.savez(path, restored=points, truth=points, **facts)


def make_report(folder):
    """Writes the report of the one clip, and returns its `index.html`."""
    clips = {name: folder / f"{name.strip('/')}.mkv" for name in METHODS}
    for name, path in clips.items():
        write_clip(path, frames(name), 25)
    landmarks(folder / "landmarks.npz")
    rank = np.argsort(WORST_FIRST)
    columns = {"clip": CLIP, "metric": "psnr", "frame": range(NUM_FRAMES)}
    systems = [
        System(
            id=name,
            label=METHODS[name],
            clips={CLIP: clips[name]},
            missing={},
            scores=pd.DataFrame({"clip": [CLIP], "metric": "psnr", "value": 20.0, "note": ""}),
            frames=pd.DataFrame(columns | {"value": 20.0 + (rank if name == "beta" else -rank)}),
            landmarks=folder / "landmarks.npz" if name == "alpha" else None,
        )
        for name in METHODS
        if name != "/truth"
    ]
    task = TaskResults(
        id="bfr", truths={CLIP: clips["/truth"]}, systems=tuple(systems), absent={}, remarks=()
    )
    contents = Contents(
        title="Burnt", tables=(), tasks=(task,), provenance=read_provenance(folder / "none")
    )
    return write_pages(contents, folder / "report")


def page_of(index):
    return index.parent / "clips" / "bfr" / f"{CLIP}.html"


def place_in(browser, pane, at=PLAIN):
    """Place in the window of a part (0 to 1) of a pane, px."""
    left, top, width, height = browser.run(
        f"(() => {{ const b = document.querySelector('canvas[data-shows=\"{pane}\"]')"
        ".getBoundingClientRect(); return [b.left, b.top, b.width, b.height] })()"
    )
    return left + width * at[0], top + height * at[1]


def colours(browser, *panes, at=PLAIN):
    """Colour of each pane at one place of it, as it stands on the screen."""
    picture = np.asarray(Image.open(io.BytesIO(browser.picture())).convert("RGB"))
    return [picture[int(y), int(x)] for x, y in (place_in(browser, p, at) for p in panes)]


def shows(browser, expected, at=PLAIN, tolerance=4):
    """Asserts the grey (or the colour) of panes: pane -> level."""
    found = dict(zip(expected, colours(browser, *expected, at=at), strict=True))
    for pane, wanted in expected.items():
        assert np.abs(found[pane].astype(int) - wanted).max() <= tolerance, (found, expected)


def levels(frame, a="beta", b="alpha"):
    """What the four panes show in a frame."""
    shown = {"input": "input", "a": a, "b": b, "truth": "/truth"}
    return {pane: level(method, frame) for pane, method in shown.items()}


def settle(browser, frame, pane="a"):
    """Waits until a pane names the frame and the page was drawn."""
    browser.wait(
        f"document.querySelector('canvas[data-shows=\"{pane}\"]').dataset.frame === '{frame}'"
    )
    browser.run("new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")


def choose(browser, name, value):
    """Chooses by a control, as a reader does."""
    browser.run(
        f"(() => {{ const c = document.getElementById('{name}'); c.value = '{value}';"
        "c.dispatchEvent(new Event('change', {bubbles: true})) })()"
    )
