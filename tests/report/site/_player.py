"""What the player of a clip's page shows, read from its pixels, and what it says that it shows."""

import io

import numpy as np
from PIL import Image

from tests.report.site._report_run import NUM_FRAMES, grey

PANES = ("input", "a", "b", "truth")


def seen(browser, panes=PANES):
    """Frame number that each pane shows, read from its pixels."""
    picture = np.asarray(Image.open(io.BytesIO(browser.picture())).convert("RGB"))
    levels = []
    for name in panes:
        box = browser.run(
            f"(() => {{ const b = document.querySelector('canvas[data-shows={name}]')"
            ".getBoundingClientRect(); return [b.left, b.top, b.width, b.height] })()"
        )
        x, y = int(box[0] + box[2] * 0.7), int(box[1] + box[3] * 0.7)
        levels.append(float(picture[y, x].mean()))
    known = np.array([grey(index) for index in range(NUM_FRAMES)])
    found = [int(np.abs(known - level).argmin()) for level in levels]
    assert np.abs(known[found] - levels).max() <= 6, levels
    return found


def named(browser):
    """Frame number that each pane, the slider, the readout and the cursor say they show."""
    panes = [
        int(browser.run(f"document.querySelector('canvas[data-shows={name}]').dataset.frame"))
        for name in PANES
    ]
    at = browser.run(
        "getComputedStyle(document.getElementById('timeline')).getPropertyValue('--at')"
    )
    slider = int(browser.run("document.getElementById('slider').value"))
    readout = browser.run("document.getElementById('readout').textContent")
    spoken = browser.run("document.getElementById('slider').getAttribute('aria-valuetext')")
    number, said = readout.split(" ")[1], f"of 0–{NUM_FRAMES - 1}"
    assert readout.startswith(f"Frame {number} {said}, ")
    assert spoken == f"frame {number} {said}"
    return [*panes, slider, int(number), round(float(at) * NUM_FRAMES - 0.5)]


def settle(browser, frame):
    browser.wait(f"document.querySelector('canvas[data-shows=a]').dataset.frame === '{frame}'")
    # A frame is on the screen once the page was drawn twice.
    browser.run("new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")
