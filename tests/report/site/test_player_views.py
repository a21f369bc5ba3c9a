"""What the player can do with a frame, in headless Chromium: each test reads from the pixels that
the frame shown is the frame named, in the method named."""

import pytest

from tests.report.site._browser import CHROMIUM
from tests.report.site._burnt import (
    BLOCK,
    MORE_RED,
    MOUTH,
    NUM_FRAMES,
    RED,
    WORST_FIRST,
    choose,
    colours,
    level,
    levels,
    place_in,
    settle,
    shows,
)

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium on this machine (apt-get install chromium)"
)
STATE = "dicfacePlayer.player.state"


def go(player, frame, pane="a"):
    player.press("Home")
    for _ in range(frame):
        player.press("ArrowRight")
    settle(player, frame, pane)


def test_the_wipe_stands_under_the_pointer_in_every_frame(player):
    player.press("w")
    for frame, at in ((0, 0.25), (3, 0.75), (6, 0.5)):
        go(player, frame, "wipe")
        player.mouse("Moved", *place_in(player, "wipe", (at, 0.5)))
        settle(player, frame, "wipe")
        shows(player, {"wipe": level("beta", frame)}, at=(at - 0.05, 0.7))
        shows(player, {"wipe": level("alpha", frame)}, at=(at + 0.05, 0.7))
        assert player.run("document.getElementById('readout').textContent").startswith(
            f"Frame {frame} of"
        )
    choose(player, "against", "truth")
    settle(player, 6, "wipe")
    shows(player, {"wipe": level("/truth", 6)}, at=(0.6, 0.7))
    # Without a pointer: the control beneath.
    player.run("document.getElementById('split').focus()")
    player.press("Home")
    settle(player, 6, "wipe")
    shows(player, {"wipe": level("/truth", 6)}, at=(0.1, 0.7))


def test_a_held_key_shows_the_truth_and_only_as_long(player):
    go(player, 3)
    player.hold("t")
    settle(player, 3)
    shows(player, dict.fromkeys(("a", "b"), level("/truth", 3)))
    player.release("t")
    settle(player, 3)
    shows(player, levels(3))
    # The button does the same for a finger.
    x, y = player.run(
        "(() => { const b = document.getElementById('reference').getBoundingClientRect();"
        "return [b.left + 9, b.top + 9] })()"
    )
    player.mouse("Pressed", x, y, button="left", clickCount=1)
    settle(player, 3)
    shows(player, {"a": level("/truth", 3)})
    player.mouse("Released", x, y, button="left", clickCount=1)
    settle(player, 3)
    shows(player, levels(3))


def test_tab_takes_the_next_method_under_the_pointer_and_else_leads_on(player):
    go(player, 4)
    player.mouse("Moved", *place_in(player, "a"))
    player.press("Tab")
    settle(player, 4)
    shows(player, levels(4, a="alpha"))
    player.press("Tab", shift=True)
    settle(player, 4)
    shows(player, levels(4, a="alpha", b="beta"))
    player.mouse("Moved", 5, 890)
    player.press("m")
    settle(player, 4)
    shows(player, levels(4, b="beta"))
    focus = "document.activeElement.tagName"
    assert player.run(focus) == "BODY"
    player.press("Tab")
    assert player.run(focus) != "BODY"
    assert player.run(f"{STATE}.a") == "beta"


def test_the_difference_to_the_truth_is_that_of_the_frame_named(player):
    choose(player, "mode", "difference")
    for frame in (5, 1):
        go(player, frame)
        wanted = {"a": 4 * 6 * frame, "b": 4 * 6 * (NUM_FRAMES - 1 - frame)}
        shows(player, wanted | {"truth": level("/truth", frame)}, tolerance=10)
    choose(player, "gain", "1")
    settle(player, 1)
    shows(player, {"a": 6, "b": 36})
    shows(player, {"a": [MORE_RED, 0, 0]}, at=RED, tolerance=8)
    player.press("d")
    settle(player, 1)
    assert player.run("document.getElementById('mode').value") == "luma"
    shows(player, {"a": round(0.3 * MORE_RED)}, at=RED, tolerance=6)


def test_the_change_since_the_frame_before_is_that_of_two_neighbours(player):
    go(player, 3)
    choose(player, "mode", "change")
    player.wait("document.querySelector('canvas[data-shows=a]').dataset.frame === '3'")
    steps = [("", 3), ("ArrowRight", 4), ("ArrowLeft", 3), ("ArrowLeft", 2), ("End", 7)]
    for key, frame in [*steps, ("ArrowLeft", 6)]:
        if key:
            player.press(key)
        settle(player, frame)
        wanted = {"truth": 4 * 7 * frame, "a": 4 * (7 * frame + 6)}
        shows(player, wanted, tolerance=10)
        assert int(player.run("document.getElementById('slider').value")) == frame
    player.press("Home")
    # The first frame has none before it.
    player.wait("document.querySelector('canvas[data-shows=a]').dataset.frame === 'none'")
    player.press(" ")
    player.wait("Number(document.querySelector('canvas[data-shows=a]').dataset.frame) > 2")
    player.press(" ")
    player.wait(
        "document.getElementById('video').paused && !document.getElementById('video').seeking"
    )
    frame = player.run("dicfacePlayer.player.frames.at")
    if frame:
        settle(player, frame)
        shows(player, {"truth": 4 * 7 * frame}, tolerance=10)


def test_the_wheel_zooms_at_the_pointer_in_all_panes_and_a_drag_moves(player):
    go(player, 2)
    x, y = place_in(player, "a", BLOCK)
    for _ in range(6):
        player.mouse("Wheel", x, y, deltaX=0, deltaY=-100)
    player.wait(f"{STATE}.scale > 3")
    settle(player, 2)
    panes = dict.fromkeys(("input", "a", "b", "truth"), 255)
    shows(player, panes, at=BLOCK)
    # Twice as far from the pointer as the square reached before.
    shows(player, panes, at=(BLOCK[0] - 0.13, BLOCK[1]))
    shows(player, levels(2))
    scale = player.run(f"{STATE}.scale")
    player.mouse("Pressed", x, y, button="left", clickCount=1)
    player.mouse("Moved", x - 60, y + 40, button="left", buttons=1)
    player.mouse("Released", x - 60, y + 40, button="left", clickCount=1)
    settle(player, 2)
    width = player.run("document.querySelector('canvas[data-shows=a]').clientWidth")
    moved = (BLOCK[0] - 60 / width, BLOCK[1] + 40 / width)
    shows(player, panes, at=(moved[0] - 0.1, moved[1]))
    shows(player, panes, at=(moved[0], moved[1] + 0.1))
    assert player.run(f"{STATE}.scale") == scale
    for _ in range(20):
        player.press("+")
    assert player.run(f"{STATE}.scale") == 8
    # The next frame is shown in the same part.
    player.press("ArrowRight")
    settle(player, 3)
    player.press("0")
    settle(player, 3)
    shows(player, levels(3))
    shows(player, panes, at=BLOCK)
    # Where there is nothing to zoom out of, the page scrolls.
    player.mouse("Wheel", x, y, deltaX=0, deltaY=100)
    player.wait("scrollY > 0")


def test_keys_alone_zoom_and_move(player):
    for _ in range(4):
        player.press("+")
    before = player.run(f"[{STATE}.scale, {STATE}.x, {STATE}.y]")
    player.press("ArrowRight", shift=True)
    player.press("ArrowDown", shift=True)
    after = player.run(f"[{STATE}.scale, {STATE}.x, {STATE}.y]")
    assert before[0] == after[0] == pytest.approx(1.25**4)
    assert after[1:] == pytest.approx([v + 0.1 / before[0] for v in before[1:]])
    player.press("1")
    # Of a pane that is wider than the frame, all is shown.
    assert player.run(f"{STATE}.scale") == 1


def test_the_zoom_follows_eyes_and_mouth_in_every_frame(player):
    choose(player, "follow", "eyes")
    for frame in (0, 5):
        go(player, frame)
        shows(player, dict.fromkeys(("input", "a", "b", "truth"), 255), at=(0.5, 0.5))
        shows(player, levels(frame), at=(0.1, 0.9))
    choose(player, "follow", "mouth")
    settle(player, 5)
    shows(player, levels(5), at=(0.5, 0.5))
    part = player.run("dicfacePlayer.player.zoom.part()")
    middle = (part["left"] + part["size"] / 2, part["top"] + part["size"] / 2)
    assert middle == pytest.approx(MOUTH, abs=0.001)


def test_a_loop_shows_no_frame_outside_of_it(player):
    go(player, 2)
    player.press("i")
    go(player, 4)
    player.press("o")
    player.run(
        "window.found = []; new MutationObserver((m) => window.found.push(...m.map("
        "(e) => e.target.dataset.frame))).observe(document.querySelector("
        "'canvas[data-shows=a]'), {attributeFilter: ['data-frame']})"
    )
    player.press("q")
    assert player.run("document.getElementById('speed').value") == "1"
    player.press("q")
    assert player.run("document.getElementById('speed').value") == "0.25"
    assert player.run("document.getElementById('video').playbackRate") == 0.25
    player.press(" ")
    player.wait("window.found.filter(n => n === '2').length >= 2")
    player.press(" ")
    player.wait(
        "document.getElementById('video').paused && !document.getElementById('video').seeking"
    )
    assert set(player.run("window.found")) <= {"2", "3", "4"}
    frame = player.run("dicfacePlayer.player.frames.at")
    settle(player, frame)
    shows(player, levels(frame))
    # A step may leave it, and L ends it.
    go(player, 6)
    shows(player, levels(6))
    assert "2–4" in player.run("document.getElementById('loop-off').textContent")
    player.press("l")
    assert player.run("document.getElementById('loop-off').hidden")


def test_next_worst_frame_goes_to_the_frames_in_their_order(player):
    for frame in WORST_FIRST[:3]:
        player.press("n")
        settle(player, frame)
        shows(player, levels(frame))
        said = player.run("document.getElementById('worst-readout').textContent")
        assert said.startswith(f"Beta: frame {frame}, ")
    player.press("N", shift=True)
    settle(player, WORST_FIRST[1])
    # Another method has other worst frames.
    choose(player, "method-a", "alpha")
    player.press("n")
    settle(player, WORST_FIRST[-1])
    shows(player, levels(WORST_FIRST[-1], a="alpha"))


def test_the_link_opens_what_was_shown(player, page):
    go(player, 3)
    choose(player, "method-a", "alpha")
    choose(player, "view", "wipe")
    choose(player, "against", "truth")
    player.mouse("Moved", *place_in(player, "wipe", (0.4, 0.6)))
    x, y = place_in(player, "wipe", BLOCK)
    for _ in range(3):
        player.mouse("Wheel", x, y, deltaX=0, deltaY=-100)
    player.wait("location.hash.includes('scale=1.9')")
    link = player.run("document.getElementById('link').href")
    assert link == player.run("location.href")
    before = player.run(STATE)
    shown = colours(player, "wipe", at=BLOCK)
    player.open(link)
    settle(player, 3, "wipe")
    kept = ("a", "b", "view", "against", "mode")
    after = player.run(STATE)
    assert [before[name] for name in kept] == [after[name] for name in kept]
    shows(player, {"wipe": shown[0]}, at=BLOCK)
    edge = player.run(f"{STATE}.split")
    shows(player, {"wipe": level("alpha", 3)}, at=(edge - 0.05, 0.9))
    shows(player, {"wipe": level("/truth", 3)}, at=(edge + 0.05, 0.9))
    # A link that is put into the same page's address is followed, too.
    player.run("location.hash = 'a=beta&frame=5'")
    settle(player, 5)
    shows(player, levels(5))


@pytest.mark.parametrize(
    "hash_",
    [
        "#frame=99&scale=1e9&x=7",
        "#frame=x&gain=3&loop=9-1&view=no",
        "#%E0%A4%A",
        "#scale=NaN&a=<b>",
    ],
)
def test_an_address_that_asks_for_what_is_not_there_shows_the_clip(player, page, hash_):
    player.open(page + hash_)
    player.wait("document.querySelector('canvas[data-shows=a]').dataset.frame")
    frame = int(player.run("document.getElementById('slider').value"))
    assert frame == (NUM_FRAMES - 1 if "99" in hash_ else 0)
    assert 1 <= player.run(f"{STATE}.scale") <= 8


def test_light_and_dark_text_stands_out(player):
    for scheme in ("light", "dark"):
        player.resize(1200, 900, scheme)
        for text, ratio in player.run(CONTRAST):
            assert ratio >= 4.5, (scheme, text, ratio)


CONTRAST = """(() => {
  const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colour) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const bright = (colour) => {
    const parts = rgb(colour).slice(0, 3).map((v) => v / 255);
    const linear = parts.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (rgb(colour)[3] === 255) return colour;
    }
    return "white";
  };
  return [...document.querySelectorAll("#player *")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .filter((e) => e.checkVisibility())
    .map((e) => {
      const [one, other] = [bright(getComputedStyle(e).color), bright(ground(e))];
      return [e.textContent, Math.max(one, other) / Math.min(one, other)];
    });
})()"""
