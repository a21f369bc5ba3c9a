"""A frame that is shown is the frame that is named, whatever the browser says when."""

import pytest

from tests.report.site._browser import CHROMIUM
from tests.report.site._burnt import NUM_FRAMES, levels, settle, shows

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium on this machine (apt-get install chromium)"
)
COPIES = """(() => {
  const own = CanvasRenderingContext2D.prototype.drawImage;
  window.copies = [];
  CanvasRenderingContext2D.prototype.drawImage = function (source, ...more) {
    if (source.tagName === "VIDEO") copies.push(source.readyState >= 2 && !source.seeking);
    return own.call(this, source, ...more);
  };
})()"""
"""Remembers of every copy of the video's frame whether the browser had one to copy."""
EVERY_SECOND = """(() => {
  const video = HTMLVideoElement.prototype;
  const own = video.requestVideoFrameCallback;
  let count = 0;
  video.requestVideoFrameCallback = function (told) {
    const hear = (...said) => (count++ % 2 ? told(...said) : own.call(this, hear));
    return own.call(this, hear);
  };
})()"""
"""Every second announcement of a frame is lost."""


def test_no_frame_is_copied_from_a_video_that_seeks(player):
    player.run(COPIES)
    for mode in ("change", "picture"):
        player.run(f"dicfacePlayer.player.set({{ mode: '{mode}' }})")
        for frame in range(1, NUM_FRAMES):
            player.press("ArrowRight")
            settle(player, frame)
        player.press("Home")
        player.wait("dicfacePlayer.player.frames.drawn === 0")
    copies = player.run("copies")
    assert len(copies) > NUM_FRAMES
    assert all(copies)


def test_steps_that_come_faster_than_frames_end_at_the_last_one(player):
    for _ in range(3):
        for key in ("End", "Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
            player.press(key)
        settle(player, 2)
        shows(player, levels(2))


def test_a_lost_announcement_is_asked_for_again(browser, page):
    browser.resize(1200, 900)
    added = browser.send("Page.addScriptToEvaluateOnNewDocument", source=EVERY_SECOND)
    try:
        browser.open(page)
        settle(browser, 0)
        for frame in range(1, 5):
            browser.press("ArrowRight")
            settle(browser, frame)
            shows(browser, levels(frame))
    finally:
        browser.send("Page.removeScriptToEvaluateOnNewDocument", **added)
    assert browser.errors == []
