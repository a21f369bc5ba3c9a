"""The report in headless Chromium: it plays in step, sorts, steps, and asks nothing of anybody."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from dicface.report.site import Contents, write_pages, write_report
from dicface.report.site.contents import System, Task, read_scores_of
from dicface.report.site.provenance import read_provenance
from tests._browser import CHROMIUM, Browser
from tests._report_run import NUM_FRAMES, grey, make_run

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium on this machine (apt-get install chromium)"
)
PANES = ("input", "a", "b", "truth")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("results") / "demo")
    return write_report(run, run / "train", run / "report", truth=run / "clips" / "test").parent


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def clip(browser, report):
    browser.resize(1200, 900)
    browser.open((report / "clips" / "bfr" / "head_2.html").as_uri())
    browser.wait("document.querySelector('canvas[data-shows=truth]').dataset.frame === '0'")
    return browser


@pytest.fixture(scope="module")
def alone(report):
    """Pages of one method, as `dicface score --input` writes them."""
    run = report.parent
    truths = {path.stem: path for path in sorted((run / "clips" / "test").glob("*.mkv"))}

    def system(name, label, folder, scores):
        clips = {clip: folder / f"{clip}.mkv" for clip in truths}
        return System(id=name, label=label, clips=clips, missing={}, **scores)

    scores = read_scores_of(run / "bfr" / "alpha")
    none = {kind: table.iloc[:0] for kind, table in scores.items()}
    systems = (
        system("input", "Input", run / "bfr" / "input", none),
        system("result", "Mine <1>", run / "bfr" / "alpha", scores),
    )
    task = Task(id="bfr", truths=truths, systems=systems, absent={}, remarks=("A remark.",))
    contents = Contents(
        title="DicFace scores: Mine <1>",
        tables=(),
        tasks=(task,),
        provenance=read_provenance(run / "none"),
    )
    return write_pages(contents, run / "alone").parent


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
    """Frame number that each pane, the slider and the cursor say they show."""
    panes = [
        int(browser.run(f"document.querySelector('canvas[data-shows={name}]').dataset.frame"))
        for name in PANES
    ]
    at = browser.run(
        "getComputedStyle(document.getElementById('timeline')).getPropertyValue('--at')"
    )
    slider = int(browser.run("document.getElementById('slider').value"))
    return [*panes, slider, round(float(at) * NUM_FRAMES - 0.5)]


def settle(browser, frame):
    browser.wait(f"document.querySelector('canvas[data-shows=a]').dataset.frame === '{frame}'")
    # A frame is on the screen once the page was drawn twice.
    browser.run("new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")


def test_steps_show_exactly_the_frame_they_say(clip):
    frame = 0
    steps = [("ArrowRight", 1)] * 3 + [("ArrowLeft", -1), ("End", 99), ("ArrowRight", 1)]
    for key, change in [*steps, ("ArrowLeft", -1), ("Home", -99), ("ArrowLeft", -1)]:
        clip.press(key)
        frame = min(NUM_FRAMES - 1, max(0, frame + change))
        settle(clip, frame)
        assert seen(clip) == [frame] * 4, key
        assert named(clip) == [frame] * 6, key
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
    assert clip.run("document.querySelectorAll('#curves svg').length") == 2
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


def column(browser, table, index):
    return browser.run(
        f"[...document.querySelectorAll('#{table} table')[0].rows].filter("
        "r => !r.hidden && !r.className && r.parentElement.tagName === 'TBODY')"
        f".map(r => r.cells[{index}].dataset.value ?? r.cells[{index}].dataset.text ?? null)"
    )


def test_tables_sort_by_every_column_with_the_keyboard(browser, report):
    browser.resize(1200, 900)
    browser.open((report / "index.html").as_uri())
    own = column(browser, "table1", 0)
    for index, best in ((0, "low"), (1, "high"), (2, "low"), (3, "low")):
        head = f"document.querySelectorAll('#table1 table')[0].tHead.rows[0].cells[{index}]"
        orders = {"low": ["ascending", "descending"], "high": ["descending", "ascending"]}[best]
        browser.run(f"{head}.firstElementChild.focus()")
        for order in orders:
            browser.press("Enter")
            assert browser.run(f"{head}.getAttribute('aria-sort')") == order
            assert order in browser.run("document.getElementById('status').textContent")
            values = column(browser, "table1", index)
            known = [v if index == 0 else float(v) for v in values if v is not None]
            assert known == sorted(known, reverse=order == "descending")
            assert values[len(known) :] == [None] * (len(values) - len(known))
        browser.press("Enter")
        assert browser.run(f"{head}.getAttribute('aria-sort')") is None
        assert column(browser, "table1", 0) == own


def test_rows_stay_in_their_task(browser, report):
    browser.open((report / "index.html").as_uri())
    browser.run("document.querySelectorAll('#table2 thead button')[1].click()")
    shown = browser.run(
        "[...document.querySelectorAll('#table2 table')[0].tBodies].map("
        "b => [...b.rows].filter(r => !r.hidden).map(r => r.cells[0].textContent.trim()))"
    )
    assert [[row.split("\u00a0")[0] for row in block] for block in shown] == [
        ["Blind face restoration", "Degraded input", "Beta"],
        ["Face inpainting", "Degraded input", "Beta"],
    ]


def test_one_method_alone_has_its_player_and_a_table_of_clips_that_sorts(browser, alone):
    browser.resize(1200, 900)
    browser.open((alone / "index.html").as_uri())
    browser.run("document.querySelectorAll('#clip-by-clip thead button')[1].click()")
    assert column(browser, "clip-by-clip", 0) == ["head_2", "head_1", "a <b> & 50% #1"]
    assert browser.run("document.querySelectorAll('#cost, #training, #figures').length") == 0
    browser.open(browser.run("document.querySelector('#clip-by-clip tbody a').href"))
    browser.wait("document.querySelector('canvas[data-shows=truth]').dataset.frame === '0'")
    assert browser.run(
        "[...document.querySelectorAll('.panes figcaption')].map(e => e.innerText)"
    ) == [
        "Input",
        "Mine <1>",
        "Truth",
    ]
    for _ in range(3):
        browser.press("ArrowRight")
    settle(browser, 3)
    assert seen(browser, ("input", "a", "truth")) == [3] * 3
    assert browser.errors == []


TOO_LONG = """[...document.querySelectorAll("tbody th[scope=row]")]
    .filter((label) => label.scrollWidth > label.clientWidth).map((label) => label.textContent)"""
"""Labels that run over the cell beside them."""


@pytest.mark.parametrize("which", ["report", "alone"])
def test_no_page_complains_or_leaves_the_folder(browser, which, request):
    report = request.getfixturevalue(which)
    for width, scheme in ((1200, "light"), (390, "dark")):
        browser.resize(width, 900, scheme)
        for path in sorted(report.rglob("*.html")):
            browser.open(path.as_uri())
            if path.name != "index.html":
                browser.wait("document.querySelector('canvas[data-shows=truth]').dataset.frame")
            assert browser.errors == [], path
            assert browser.run("document.documentElement.scrollWidth") <= width, path
            assert browser.run(TOO_LONG) == [], path
            for address in browser.requests:
                assert address == "data:," or address.startswith(f"{report.as_uri()}/"), address


def test_light_and_dark_follow_the_system_and_the_button(browser, report):
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.resize(1200, 900, "dark")
    browser.open((report / "index.html").as_uri())
    dark = browser.run(ground)
    browser.run("document.getElementById('theme').click()")
    light = browser.run(ground)
    assert dark != light
    assert browser.run("document.getElementById('theme').textContent") == "Theme: light"
    browser.open((report / "index.html").as_uri())
    assert browser.run(ground) == light
    for _ in range(2):
        browser.run("document.getElementById('theme').click()")
    assert browser.run(ground) == dark
