"""The player of a clip's page in headless Chromium: it plays in step and says what it shows."""

import io
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicface.report.site import Contents, write_pages
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.provenance import read_provenance
from dicface.video.clips import write_clip
from tests.report.site._browser import CHROMIUM
from tests.report.site._player import named, seen, settle
from tests.report.site._report_run import NUM_FRAMES

pytest_plugins = ("tests.report.site._opened_report",)
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium on this machine (apt-get install chromium)"
)


@pytest.fixture
def clip(browser, report):
    browser.resize(1200, 900)
    browser.open((report / "clips" / "bfr" / "head_2.html").as_uri())
    browser.wait("document.querySelector('canvas[data-shows=truth]').dataset.frame === '0'")
    return browser


def test_steps_show_exactly_the_frame_they_say(clip):
    frame = 0
    steps = [("ArrowRight", 1)] * 3 + [("ArrowLeft", -1), ("End", 99), ("ArrowRight", 1)]
    for key, change in [*steps, ("ArrowLeft", -1), ("Home", -99), ("ArrowLeft", -1)]:
        clip.press(key)
        frame = min(NUM_FRAMES - 1, max(0, frame + change))
        settle(clip, frame)
        assert seen(clip) == [frame] * 4, key
        assert named(clip) == [frame] * 7, key
    assert clip.errors == []


def test_quick_steps_are_all_taken(clip):
    clip.run("for (let i = 0; i < 5; i++) document.getElementById('forward').click()")
    settle(clip, 5)
    assert seen(clip) == [5] * 4
    clip.run(
        "document.getElementById('slider').value = '2';"
        "document.getElementById('slider').dispatchEvent(new Event('input', {bubbles: true}))"
    )
    settle(clip, 2)
    assert seen(clip) == [2] * 4


def test_all_panes_play_in_step_and_stop_on_one_frame(clip):
    clip.run(
        "window.found = []; setInterval(() => window.found.push("
        "[...document.querySelectorAll('canvas[data-shows]')].map(c => c.dataset.frame).join()), 5)"
    )
    clip.press(" ")
    clip.wait("document.getElementById('play').textContent === 'Pause'")
    clip.wait("new Set(window.found).size >= 4")
    clip.press(" ")
    clip.wait(
        "document.getElementById('video').paused && !document.getElementById('video').seeking"
    )
    time.sleep(0.1)
    for line in clip.run("[...new Set(window.found)]"):
        assert len(set(line.split(","))) == 1, line
    frames = set(seen(clip)) | set(named(clip))
    assert len(frames) == 1, frames
    assert clip.errors == []


SPACE = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: ' ', bubbles: true%s}));"


def test_a_pause_sticks_however_soon_it_comes(clip):
    # While it seeks, a play waits, and the pause after it takes it back.
    clip.run("document.getElementById('forward').click();" + SPACE % "" * 6)
    for _ in range(4):
        clip.press(" ")
    clip.press("Home")
    clip.press("ArrowRight")
    settle(clip, 1)
    time.sleep(0.4)
    assert clip.run("document.getElementById('video').paused")
    assert seen(clip) == [1] * 4
    assert named(clip) == [1] * 7
    assert clip.run("document.getElementById('failure').hidden")
    assert clip.errors == []


def test_a_held_space_plays_once(clip):
    clip.run(SPACE % "" + SPACE % ", repeat: true" * 3)
    clip.wait("document.getElementById('play').textContent === 'Pause'")
    assert not clip.run("document.getElementById('video').paused")


@pytest.fixture
def before_load(browser):
    """Runs a script in every page before its own."""
    added = []

    def add(script):
        answer = browser.send("Page.addScriptToEvaluateOnNewDocument", source=script)
        added.append(answer["identifier"])

    yield add
    for identifier in added:
        browser.send("Page.removeScriptToEvaluateOnNewDocument", identifier=identifier)


def test_what_is_set_to_play_before_the_video_is_there_plays(browser, report, before_load):
    before_load(
        "addEventListener('DOMContentLoaded', () => { const v = document.getElementById('video');"
        "v.addEventListener('pause', () => (window.stopped = true));"
        "window.early = v.readyState < 2; document.getElementById('play').click() })"
    )
    browser.open((report / "clips" / "bfr" / "head_2.html").as_uri())
    assert browser.run("window.early")
    browser.wait("Number(document.querySelector('canvas[data-shows=truth]').dataset.frame) > 1")
    assert not browser.run("window.stopped || document.getElementById('video').paused")


def test_a_pane_names_the_frame_that_it_shows_not_the_one_sought(clip):
    named_at_once = clip.run(
        "document.getElementById('forward').click();"
        "document.getElementById('video').dispatchEvent(new Event('seeked'));"
        "document.querySelector('canvas[data-shows=truth]').dataset.frame"
    )
    assert named_at_once == "0"
    settle(clip, 1)
    assert seen(clip) == [1] * 4


def test_a_late_frame_undoes_no_step(browser, report, before_load):
    before_load(
        "const V = HTMLVideoElement.prototype, own = V.requestVideoFrameCallback;"
        "V.requestVideoFrameCallback = function (f) { window.late = f; return own.call(this, f) }"
    )
    browser.resize(1200, 900)
    browser.open((report / "clips" / "bfr" / "head_2.html").as_uri())
    settle(browser, 0)
    browser.press("End")
    settle(browser, NUM_FRAMES - 1)
    browser.run("window.late(0, {mediaTime: 0})")
    browser.press("ArrowLeft")
    settle(browser, NUM_FRAMES - 2)
    assert seen(browser) == [NUM_FRAMES - 2] * 4


@pytest.mark.parametrize(
    "announces", ["delete V.requestVideoFrameCallback", "V.requestVideoFrameCallback = () => 0"]
)
def test_browsers_that_do_not_announce_frames_show_them(browser, report, before_load, announces):
    before_load(f"const V = HTMLVideoElement.prototype; {announces}")
    browser.resize(1200, 900)
    browser.open((report / "clips" / "bfr" / "head_2.html").as_uri())
    settle(browser, 0)
    for _ in range(3):
        browser.press("ArrowRight")
    settle(browser, 3)
    assert seen(browser) == [3] * 4
    assert named(browser) == [3] * 7


def test_the_player_does_not_talk_and_gives_the_arrow_keys_back(clip):
    assert clip.run("document.getElementById('readout').ariaLive") == "off"
    # Its name says what it does: a state beside it would say the opposite.
    assert not clip.run("document.getElementById('play').hasAttribute('aria-pressed')")
    choice = "document.getElementById('method-b')"
    choose = f"{choice}.focus(); {choice}.dispatchEvent(new Event('%s', {{bubbles: true}}));"
    choose += (
        f"{choice}.value = '%s'; {choice}.dispatchEvent(new Event('change', {{bubbles: true}}));"
    )
    clip.run(choose % ("keydown", "beta"))
    assert clip.run("document.activeElement.id") == "method-b"
    clip.run(choose % ("pointerdown", "alpha"))
    assert clip.run("document.activeElement.tagName") == "BODY"
    clip.press("ArrowRight")
    settle(clip, 1)
    assert clip.run(f"{choice}.value") == "alpha"


def test_a_lone_value_is_drawn_in_a_long_clip_too(browser, tmp_path):
    path = tmp_path / "long.mkv"
    write_clip(path, [np.full((16, 16, 3), n, np.uint8) for n in range(100)], 25)
    known = [*range(10), 20, *range(30, 100)]
    columns = {"clip": "long", "metric": "psnr", "frame": known, "value": 20.0}
    scores = pd.DataFrame({"clip": ["long"], "metric": "psnr", "value": 20.0, "note": ""})
    system = System(
        id="mine",
        label="Mine",
        clips={"long": path},
        missing={},
        scores=scores,
        frames=pd.DataFrame(columns),
    )
    task = TaskResults(id="bfr", truths={"long": path}, systems=(system,), absent={}, remarks=())
    provenance = read_provenance(tmp_path / "none")
    contents = Contents(title="Long", tables=(), tasks=(task,), provenance=provenance)
    index = write_pages(contents, tmp_path / "report")
    browser.open((index.parent / "clips" / "bfr" / "long.html").as_uri())
    browser.wait("document.querySelector('#curves path.dots') !== null")
    dots = browser.run("document.querySelector('#curves path.dots').getAttribute('d')")
    assert dots == "M20.5 50.00h0"


def luminance(colour):
    parts = np.asarray(colour, float) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sliders_track_stands_out(clip, scheme):
    clip.resize(1200, 1600, scheme)
    box = clip.run(
        "(() => { const b = document.getElementById('slider').getBoundingClientRect();"
        "return [b.right, b.top, b.bottom] })()"
    )
    picture = np.asarray(Image.open(io.BytesIO(clip.picture())).convert("RGB"))
    column = picture[int(box[1]) : int(box[2]), int(box[0]) - 60]
    levels = [luminance(column[0]), *map(luminance, column)]
    # Between the ground (above the track) and what differs from it most, its border.
    ratios = [(max(x, levels[0]) + 0.05) / (min(x, levels[0]) + 0.05) for x in levels]
    assert max(ratios) >= 3


def test_the_chosen_methods_stand_in_panes_slices_and_curves(clip, report):
    labels = "[...document.querySelectorAll('#slices .row-head')].map(e => e.textContent)"
    assert clip.run(labels) == ["Degraded input", "Beta", "Alpha <i>& Co.</i>", "Truth"]
    clip.run(
        "document.getElementById('method-b').value = 'beta';"
        "document.getElementById('method-b').dispatchEvent(new Event('change'))"
    )
    assert clip.run(labels) == ["Degraded input", "Beta", "Beta", "Truth"]
    clip.open((report / "clips" / "bfr" / "head_2.html").as_uri() + "#alpha")
    clip.wait("document.querySelectorAll('#slices .row').length === 4")
    assert clip.run("document.getElementById('method-a').value") == "alpha"
    # No landmarks on this clip: two curves, and the values at the cursor.
    assert clip.run("document.querySelectorAll('#curves .curve').length") == 2
    assert clip.run("document.querySelector('#curves .value').textContent") == "22.000"


def test_a_press_on_the_time_axis_leads_there(clip):
    box = clip.run(
        "(() => { const plot = document.querySelector('#curves .plot');"
        " plot.scrollIntoView({block: 'center'}); const b = plot.getBoundingClientRect();"
        " return [b.left + b.width * 6.5 / 8, b.top + 20] })()"
    )
    at = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
    clip.send("Input.dispatchMouseEvent", type="mousePressed", **at)
    clip.send("Input.dispatchMouseEvent", type="mouseReleased", **at)
    settle(clip, 6)
    clip.run("scrollTo(0, 0)")
    settle(clip, 6)
    assert seen(clip) == [6] * 4
