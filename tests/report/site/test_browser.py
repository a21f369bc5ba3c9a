"""The report in headless Chromium: it sorts, fits, prints, and asks nothing of anybody."""

import pytest

from dicface.report.site import Contents, write_pages
from dicface.report.site.contents import System, TaskResults, read_scores_of
from dicface.report.site.provenance import read_provenance
from dicface.runs.results import Results
from tests.report.site._browser import CHROMIUM
from tests.report.site._player import seen, settle

pytest_plugins = ("tests.report.site._opened_report",)
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium on this machine (apt-get install chromium)"
)


@pytest.fixture(scope="module")
def alone(report):
    """Pages of one method, as `dicface score --input` writes them."""
    run = report.parent
    truths = {path.stem: path for path in sorted((run / "clips" / "test").glob("*.mkv"))}

    def system(name, label, folder, scores):
        clips = {clip: folder / f"{clip}.mkv" for clip in truths}
        return System(id=name, label=label, clips=clips, missing={}, **scores)

    scores = read_scores_of(Results(folder=run / "bfr" / "alpha"))
    none = {kind: scores[kind].iloc[:0] for kind in ("scores", "frames")}
    systems = (
        system("input", "Input", run / "bfr" / "input", none),
        # An id is what a user calls it: it must not take the truth's place.
        system("truth", "Mine <1>", run / "bfr" / "alpha", scores),
    )
    task = TaskResults(id="bfr", truths=truths, systems=systems, absent={}, remarks=("A remark.",))
    contents = Contents(
        title="DicFace scores: Mine <1>",
        tables=(),
        tasks=(task,),
        provenance=read_provenance(run / "none"),
    )
    return write_pages(contents, run / "alone").parent


def test_print_is_light_and_whole(browser, report):
    browser.resize(1200, 900, "dark")
    browser.open((report / "index.html").as_uri())
    browser.run("document.documentElement.dataset.theme = 'dark'")
    style = "getComputedStyle(document.querySelector('%s')).%s"
    assert browser.run(style % ("body", "backgroundColor")) == "rgb(21, 23, 27)"
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert browser.run(style % ("body", "backgroundColor")) == "rgb(255, 255, 255)"
    assert browser.run(style % (".wide", "overflowX")) == "visible"
    closed = "getComputedStyle(document.querySelector('details:not([open]) > summary'), '::after')"
    assert "not printed" in browser.run(f"{closed}.content")
    browser.send("Emulation.setEmulatedMedia", media="")


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
    tiles = "JSON.parse(document.getElementById('clip-data').textContent).tiles"
    assert browser.run(f"{tiles}.map((tile) => tile.label)") == ["Input", "Mine <1>", "Truth"]
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


INSIDE = """(() => {
  const shown = [...document.querySelectorAll('.wipe img, .wipe #stage canvas')];
  const box = shown.find((e) => e.offsetWidth).getBoundingClientRect();
  return box.width > 100 && box.height > 80 && box.top >= 0 && box.bottom <= innerHeight;
})()"""
SEEN = """[...document.querySelectorAll('main *')].filter((e) => {
  const box = e.getBoundingClientRect();
  const out = box.width && (box.right > innerWidth + 1 || box.left < -1);
  return out && !e.closest('.wide, pre, .unseen, svg');
}).map((e) => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 40)}`)"""


@pytest.mark.parametrize("size", [(1400, 900), (1280, 900), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_stands_on_the_first_screen_and_nothing_is_cut(browser, report, size, scheme):
    browser.resize(*size, scheme)
    browser.open((report / "index.html").as_uri())
    assert browser.run(INSIDE)
    assert browser.run("document.documentElement.scrollHeight") <= 12 * size[1]
    browser.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") <= size[0]
    assert browser.run(SEEN) == []


def test_heads_and_labels_stay_and_wide_tables_say_that_they_scroll(browser, report):
    browser.resize(390, 844)
    browser.open((report / "index.html").as_uri())
    wide = "document.querySelector('#table1 .wide')"
    browser.run(f"{wide}.style.width = '200px'; {wide}.style.height = '120px'")
    browser.wait(f"{wide}.classList.contains('more')")
    browser.run(f"{wide}.scrollTo(60, 60)")
    place = (
        f"{wide}.querySelector('%s').getBoundingClientRect().%s - {wide}.getBoundingClientRect().%s"
    )
    assert abs(browser.run(place % ("thead th", "top", "top"))) <= 1
    assert abs(browser.run(place % ("tbody th[scope=row]", "left", "left"))) <= 1


def test_the_wipe_follows_its_slider(browser, report):
    browser.resize(1200, 900)
    browser.open((report / "index.html").as_uri())
    style = "getComputedStyle(document.querySelectorAll('.wipe-side')[1]).clipPath"
    assert browser.run(style) == "inset(0px 0px 0px 50%)"
    browser.run(
        "(() => { const s = document.querySelector('.wipe input'); s.value = 20;"
        "s.dispatchEvent(new Event('input')); })()"
    )
    assert browser.run(style) == "inset(0px 0px 0px 20%)"


RANKS = "[...document.querySelectorAll('.ranks li')].map((e) => [e.dataset.method, e.value])"


def test_own_weights_rank_the_rows_and_stay_in_the_address(browser, report):
    address = (report / "index.html").as_uri()
    browser.resize(1200, 900)
    browser.open(f"{address}#weights=psnr:1,lpips:0,tlme:0")
    assert browser.run("document.getElementById('weights').open")
    assert browser.run(RANKS) == [["input", 1], ["alpha", 2], ["beta", 3]]
    assert browser.run("document.querySelector('.ranks li').textContent") == (
        "Degraded input [1], mean rank 1.00"
    )
    browser.run(
        "(() => { const s = document.querySelector('.sliders input[data-metric=tlme]');"
        "s.value = 4; s.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )
    assert browser.run("location.hash") == "#weights=psnr:1,lpips:0,tlme:4"
    browser.open(f"{address}#weights=psnr:0,lpips:0,tlme:0")
    assert browser.run(RANKS) == []
    assert browser.errors == []


def test_a_link_into_a_folded_part_opens_it(browser, report):
    browser.resize(1200, 900)
    browser.open((report / "index.html").as_uri())
    browser.run("document.querySelector('#table1 sup a[href^=\"#not-run\"]').click()")
    browser.wait("document.getElementById('not-run').open")
    browser.wait("document.getElementById('not-run-1').getBoundingClientRect().top < innerHeight")
    browser.open(f"{(report / 'index.html').as_uri()}#table2")
    assert browser.run("document.getElementById('table2').open")


def test_without_scripts_tables_and_pictures_stay(browser, report):
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.resize(1200, 900)
        browser.open((report / "index.html").as_uri())
        shown = "getComputedStyle(document.querySelectorAll('%s')[%d]).%s"
        assert browser.run(shown % (".wipe-side", 1, "clipPath")) == "none"
        assert browser.run("document.querySelectorAll('.wipe img')[1].naturalWidth") == 32
        assert browser.run("document.querySelector('#table1 table').offsetHeight") > 50
        assert browser.run("document.getElementById('weights').hidden")
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


def test_the_first_screen_plays_the_clip_and_wipes_between_the_two_of_the_finding(browser, report):
    browser.resize(1400, 900)
    browser.open((report / "index.html").as_uri())
    browser.wait("document.querySelector('#stage canvas').dataset.frame === '0'")
    assert browser.run("document.querySelector('.wipe-box').offsetHeight") == 0
    words = "['left', 'right'].map((side) => document.getElementById(`wipe-${side}`).innerText)"
    left, right = browser.run(words)
    assert "Alpha" in left
    assert "Degraded input" in right
    browser.run("document.querySelector('.wipe #forward').click()")
    browser.wait("document.querySelector('#stage canvas').dataset.frame === '1'")
    assert browser.errors == []


LOOK = """((place) => {
  const mark = document.querySelector(`${place} .mark`);
  return [mark.style.getPropertyValue('--c'), mark.getAttribute('d'), mark.classList.value];
})('%s')"""


def test_a_method_looks_the_same_in_tables_charts_and_players(browser, report):
    browser.resize(1400, 900)
    browser.open((report / "index.html").as_uri())
    browser.wait("document.querySelector('#stage canvas').dataset.frame === '0'")
    own = browser.run(LOOK % "#table1 tr[data-method=alpha] th")
    assert browser.run(LOOK % "#wipe-left") == own
    browser.open(browser.run("document.querySelector('.wipe figcaption a').href"))
    browser.wait("document.querySelectorAll('#curves .curve').length > 0")
    assert browser.run(LOOK % "[data-key=a]") == own
    assert browser.run(LOOK % "#slices .row:nth-child(2) .row-head") == own
    line = "document.querySelectorAll('#curves .curve .line')[1].style.getPropertyValue('--c')"
    assert browser.run(line) == own[0]
    # The truth is drawn in the page's ink, which is light on dark.
    assert browser.run(LOOK % "[data-key=truth]")[0] == "var(--ink)"
    assert browser.errors == []
