"""What the player reads and writes, in headless Chromium: pictures, votes, poster, fingers."""

import csv
import io
import re
import shutil
import time
from urllib.parse import quote

import numpy as np
import pytest
from jinja2 import Environment, PackageLoader
from PIL import Image

from dicface.report.site import media, write_bundle
from dicface.report.site.build import STATIC
from dicface.report.site.players import Player
from tests.report.site._browser import CHROMIUM
from tests.report.site._burnt import (
    BLOCK,
    CLIP,
    METHODS,
    NUM_FRAMES,
    PLAIN,
    choose,
    level,
    levels,
    make_report,
    page_of,
    place_in,
    settle,
    shows,
)
from tests.report.site._page import Page

needs_browser = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium on this machine (apt-get install chromium)"
)
STATE = "dicfacePlayer.player.state"


@pytest.fixture
def downloads(browser, tmp_path):
    browser.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    return tmp_path


def downloaded(folder, pattern):
    end = time.monotonic() + 60
    while not (found := [*folder.glob(pattern)]):
        assert time.monotonic() < end, [*folder.iterdir()]
        time.sleep(0.1)
    return found[0]


def cells(picture, count):
    """Pictures of a saved one that stand in one row, from left to right."""
    gap = 8
    width = (picture.shape[1] + gap) // count - gap
    return [picture[:, n * (width + gap) : n * (width + gap) + width] for n in range(count)]


@needs_browser
def test_f_saves_the_same_part_of_the_frame_named_of_all_methods(player, downloads):
    for frame in range(1, 4):
        player.press("ArrowRight")
        settle(player, frame)
    player.press("f")
    name = "burnt_b_frame3.png"
    picture = np.asarray(Image.open(downloaded(downloads, name)).convert("RGB")).astype(int)
    found = cells(picture, len(METHODS))
    assert found[0].shape[1] == 256
    for cell, method in zip(found, METHODS, strict=True):
        at = (int(256 * PLAIN[1]), int(256 * PLAIN[0]))
        assert np.abs(cell[at] - level(method, 3)).max() <= 4, method
        assert cell[int(256 * BLOCK[1]), int(256 * BLOCK[0])].min() >= 250, method
    # The page goes on as before, and a part is that of all.
    settle(player, 3)
    shows(player, levels(3))
    choose(player, "follow", "eyes")
    player.press("ArrowRight")
    settle(player, 4)
    player.press("f")
    found = downloaded(downloads, "burnt_b_frame4_zoom4.0.png")
    picture = np.asarray(Image.open(found).convert("RGB")).astype(int)
    for cell, method in zip(cells(picture, len(METHODS)), METHODS, strict=True):
        assert cell[128, 128].min() >= 250, method
        assert np.abs(cell[220, 20] - level(method, 4)).max() <= 4, method


@needs_browser
def test_an_unpacked_bundle_plays_and_saves(browser, index, downloads):
    shutil.unpack_archive(write_bundle(index.parent, downloads / "shared.zip"), downloads)
    folder = downloads / "shared"
    assert not list(folder.rglob("*.mp4"))
    browser.resize(1200, 900)
    browser.open(page_of(folder / "index.html").as_uri())
    settle(browser, 0)
    browser.press("End")
    settle(browser, NUM_FRAMES - 1)
    shows(browser, levels(NUM_FRAMES - 1))
    browser.press("f")
    downloaded(downloads, "*.png")
    assert browser.run("document.getElementById('failure').hidden")


@needs_browser
def test_a_video_without_a_copy_says_how_its_picture_can_be_saved(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(media, "COPY_BYTES", 10)
    index = make_report(tmp_path)
    assert not [*(index.parent / "media").rglob("*.js")]
    browser.open(page_of(index).as_uri())
    settle(browser, 0)
    browser.press("f")
    browser.wait("!document.querySelector('[data-note=no-save]').hidden")


@needs_browser
def test_blind_votes_name_no_method_before_they_are_saved(player, downloads):
    player.press("ArrowRight")
    settle(player, 1)
    player.run("document.getElementById('blind').click()")
    settle(player, 1)
    text = player.run("document.querySelector('main > #player').innerText")
    assert "Alpha" not in text
    assert "Beta" not in text
    hidden = (
        "[...document.querySelectorAll('#player [aria-label]')].filter(e => e.checkVisibility())"
    )
    assert "Beta" not in player.run(f"{hidden}.map(e => e.ariaLabel).join()")
    assert not re.search("alpha|beta", player.run("location.hash.replace(/^.*frame/, '')"))
    sides = player.run(f"[{STATE}.a, {STATE}.b]")
    assert sorted(sides) == ["alpha", "beta"]
    shows(player, {"a": level(sides[0], 1), "b": level(sides[1], 1)})
    # Frames are stepped and zoomed as ever.
    player.press("ArrowRight")
    settle(player, 2)
    shows(player, {"a": level(sides[0], 2), "b": level(sides[1], 2)})
    player.run("document.getElementById('voter').value = 'me, \"1\"'")
    player.press("3")
    player.wait("document.getElementById('ballot').innerText.includes('All pairs')")
    player.run("document.getElementById('vote-save').click()")
    with downloaded(downloads, "votes.csv").open(newline="", encoding="utf-8") as file:
        (vote,) = csv.DictReader(file)
    assert float(vote.pop("seconds")) >= 0
    facts = {"voter": 'me, "1"', "task": "Blind face restoration", "clip": CLIP, "frame": "2"}
    assert vote == facts | {"a": sides[0], "b": sides[1], "vote": "b"}
    player.run("document.getElementById('blind').click()")
    settle(player, 2)
    shows(player, levels(2))


@needs_browser
def test_fingers_wipe_and_pinch_on_a_telephone(browser, index):
    browser.resize(390, 844)
    browser.send("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        browser.open(page_of(index).as_uri() + "#view=wipe&frame=3")
        settle(browser, 3, "wipe")
        browser.touch("Start", place_in(browser, "wipe", (0.5, 0.5)))
        for part in (0.45, 0.35, 0.25):
            browser.touch("Move", place_in(browser, "wipe", (part, 0.5)))
        browser.touch("End")
        settle(browser, 3, "wipe")
        shows(browser, {"wipe": level("beta", 3)}, at=(0.15, 0.7))
        shows(browser, {"wipe": level("alpha", 3)}, at=(0.35, 0.7))
        x, y = BLOCK
        browser.touch("Start", *(place_in(browser, "wipe", (x, y + d)) for d in (-0.05, 0.05)))
        for far in (0.08, 0.12, 0.15):
            browser.touch("Move", *(place_in(browser, "wipe", (x, y + d)) for d in (-far, far)))
        browser.touch("End")
        settle(browser, 3, "wipe")
        assert browser.run(f"{STATE}.scale") == pytest.approx(3, rel=0.1)
        shows(browser, {"wipe": 255}, at=(x, y + 0.13))
        assert browser.run("document.documentElement.scrollWidth") <= 390
    finally:
        browser.send("Emulation.setTouchEmulationEnabled", enabled=False)
    assert browser.errors == []


@pytest.fixture
def copied(index, tmp_path):
    """A copy of the report that a test may damage."""
    return shutil.copytree(index.parent, tmp_path / "report") / index.name


@needs_browser
def test_the_poster_stands_in_until_the_video_plays(browser, copied):
    media = copied.parent / "media"
    (video,), (copy,) = media.rglob("*.mp4"), media.rglob("*.js")
    video.unlink()
    copy.unlink()
    browser.resize(1200, 900)
    browser.open(page_of(copied).as_uri())
    browser.wait("!document.getElementById('failure').hidden")
    browser.wait("dicfacePlayer.player.panes.poster.complete")
    browser.run("new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")
    shows(browser, levels(0), tolerance=8)
    assert not browser.run("document.querySelector('canvas[data-shows=a]').dataset.frame")


@needs_browser
def test_without_scripts_the_first_frame_and_the_scores_stay(browser, index):
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.send("Page.navigate", url=page_of(index).as_uri())
        time.sleep(1)
        browser.wait("document.querySelector('noscript img.poster')?.naturalWidth > 0")
        assert browser.run("document.querySelectorAll('table tbody tr').length") == 3
        assert browser.run("getComputedStyle(document.getElementById('player')).display") == "none"
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


EMBEDDED = """<!doctype html><meta charset="utf-8">
{% from "player.html" import player, player_assets %}
<link rel="stylesheet" href="assets/site.css">{{ player_assets("") }}
<body style="height: 3000px">
<p><a href="#x">A page about other things</a></p>{{ player(clip, "", embedded=true) }}"""


@needs_browser
def test_on_another_page_the_player_wipes_and_leaves_the_page_alone(browser, index):
    loader = PackageLoader("dicface.report.site")
    environment = Environment(loader=loader, autoescape=True)
    environment.filters["address"] = quote
    environment.globals["copy_limit_mb"] = 16
    data = Page(page_of(index)).player()
    files = {"video": f"media/bfr/{CLIP}.mp4", "poster": f"posters/bfr/{CLIP}.jpg"}
    clip = Player(clip=CLIP, task=data["task"], has_input=True, has_truth=True, data=data, **files)
    page = index.parent / "other.html"
    page.write_text(environment.from_string(EMBEDDED).render(clip=clip), encoding="utf-8")
    browser.resize(1200, 900)
    browser.open(page.as_uri())
    settle(browser, 0, "wipe")
    shows(browser, {"wipe": level("beta", 0)}, at=(0.3, 0.7))
    shows(browser, {"wipe": level("alpha", 0)}, at=(0.7, 0.7))
    # Keys are the page's own until the player has the focus.
    browser.press("End")
    browser.wait("scrollY + innerHeight > document.documentElement.scrollHeight - 2")
    browser.run("scrollTo(0, 0)")
    browser.run("document.getElementById('forward').focus()")
    browser.press("End")
    settle(browser, NUM_FRAMES - 1, "wipe")
    shows(browser, {"wipe": level("beta", NUM_FRAMES - 1)}, at=(0.3, 0.7))
    time.sleep(0.3)
    assert browser.run("location.hash") == ""
    link = browser.run("document.getElementById('link').href")
    browser.open(link)
    settle(browser, NUM_FRAMES - 1)
    shows(browser, levels(NUM_FRAMES - 1))
    assert browser.errors == []


def test_the_players_scripts_are_small_and_need_no_server():
    scripts = sorted((STATIC / "player").glob("*.js"))
    assert sum(path.stat().st_size for path in scripts) <= 80_000
    for path in scripts:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bimport\b|\bexport\b|fetch\(|XMLHttpRequest|eval\(", text), (
            path.name
        )
        assert '"use strict";' in text


def test_the_poster_is_the_first_frame_made_smaller(index):
    (poster,) = (index.parent / "posters").rglob("*.jpg")
    picture = np.asarray(Image.open(io.BytesIO(poster.read_bytes())).convert("RGB")).astype(int)
    assert picture.shape == (256, 256, 3)
    for (x, y), method in zip(((0, 0), (1, 0), (0, 1), (1, 1)), METHODS, strict=True):
        at = (int(128 * (y + PLAIN[1])), int(128 * (x + PLAIN[0])))
        assert np.abs(picture[at] - level(method, 0)).max() <= 4, method
