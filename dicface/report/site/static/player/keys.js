// What keys and buttons do. Tab takes the next method only while the pointer is on the picture and
// no control has the focus: without a pointer it leads on through the page, as everywhere.
"use strict";
window.dicfacePlayer ??= {};

dicfacePlayer.connect = (player) => {
  const { frames, zoom, state } = player;
  const speed = document.getElementById("speed");
  const step = (by) => () => frames.seek(frames.at + by);
  const play = () => frames.toggle(Number(speed.value));
  const larger = (factor) => () => zoom.to(state.scale * factor);
  const setSpeed = (value) => {
    speed.value = value;
    frames.video.playbackRate = Number(value);
  };
  const cycle = (side) => {
    const ids = player.methods.map(({ id }) => id);
    if (state.blind || !state[side]) return;
    player.set({ [side]: ids[(ids.indexOf(state[side]) + 1) % ids.length] });
  };
  const nextMode = () => {
    const options = [...document.getElementById("mode").options].map(({ value }) => value);
    if (!state.blind) {
      player.set({ mode: options[(options.indexOf(state.mode) + 1) % options.length] });
    }
  };
  const hold = (held) => player.set({ held: held && !state.blind });

  const MOVES = {
    " ": play,
    ArrowLeft: step(-1),
    ArrowRight: step(1),
    Home: () => frames.seek(0),
    End: () => frames.seek(frames.last),
  };
  const LETTERS = {
    i: () => player.timeline.loop("start"),
    o: () => player.timeline.loop("end"),
    l: () => player.timeline.loop(),
    q: () => setSpeed(speed.value === "0.25" ? "1" : "0.25"),
    w: () => {
      const wipes = state.view !== "wipe" && !state.blind && player.offers("view", "wipe");
      player.set({ view: wipes ? "wipe" : "panes" });
    },
    m: () => cycle("a"),
    t: () => hold(true),
    d: nextMode,
    "+": larger(1.25),
    "=": larger(1.25),
    "-": larger(0.8),
    0: () => zoom.to(1),
    1: () => (state.blind ? player.blind.vote("a") : zoom.to(zoom.oneToOne())),
    2: () => player.blind?.vote("same"),
    3: () => player.blind?.vote("b"),
    n: () => player.scores.worst(1),
    f: () => player.save.save(),
  };
  const WITH_SHIFT = {
    m: () => cycle("b"),
    n: () => player.scores.worst(-1),
    "+": larger(1.25),
    arrowleft: () => zoom.by(-0.1, 0),
    arrowright: () => zoom.by(0.1, 0),
    arrowup: () => zoom.by(0, -0.1),
    arrowdown: () => zoom.by(0, 0.1),
  };
  const actionOf = ({ key, shiftKey }) =>
    shiftKey ? WITH_SHIFT[key.toLowerCase()] : (MOVES[key] ?? LETTERS[key.toLowerCase()]);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Tab") return tab(event);
    const own = event.target.closest("select, button, a, summary, .wide, input:not([type=range])");
    const action = actionOf(event);
    const needsFocus = event.key in MOVES || event.shiftKey;
    if (!action || !player.isActive(!needsFocus)) return;
    if (own && (own.matches("select, .wide, input") || event.key === " ")) return;
    if (event.target.id === "split" && event.key in MOVES) return;
    event.preventDefault();
    if (!event.repeat || ![play, LETTERS.t, LETTERS.f, LETTERS.n].includes(action)) action();
  });
  const tab = (event) => {
    const isFree = document.activeElement === document.body || document.activeElement === player.box;
    if (!isFree || !player.box.querySelector(".pane canvas:hover")) return;
    event.preventDefault();
    cycle(event.shiftKey ? "b" : "a");
  };
  const release = () => state.held && hold(false);
  document.addEventListener("keyup", ({ key }) => key.toLowerCase() === "t" && release());
  addEventListener("blur", release);

  // A choice by pointer leaves the arrow keys to the frames, one by keyboard leaves them to the choice.
  let byPointer = false;
  for (const name of ["pointerdown", "keydown"]) {
    document.addEventListener(name, () => (byPointer = name === "pointerdown"), true);
  }
  document.addEventListener("change", ({ target }) => {
    if (byPointer && target.matches("select")) target.blur();
  });

  const on = (id, event, action) => document.getElementById(id)?.addEventListener(event, action);
  const clicks = {
    play,
    back: step(-1),
    forward: step(1),
    "loop-start": LETTERS.i,
    "loop-end": LETTERS.o,
    "loop-off": LETTERS.l,
    "zoom-in": larger(1.25),
    "zoom-out": larger(0.8),
    "zoom-fit": LETTERS[0],
    "zoom-one": () => zoom.to(zoom.oneToOne()),
    save: LETTERS.f,
  };
  for (const [id, action] of Object.entries(clicks)) on(id, "click", action);
  on("speed", "change", () => setSpeed(speed.value));
  on("split", "input", ({ target }) => player.set({ split: Number(target.value) }));
  on("follow", "change", ({ target }) => zoom.follow(target.value));
  on("gain", "change", ({ target }) => player.set({ gain: Number(target.value) }));
  for (const name of ["view", "against", "mode"]) {
    on(name, "change", ({ target }) => player.set({ [name]: target.value }));
  }
  for (const side of ["a", "b"]) {
    on(`method-${side}`, "change", ({ target }) => player.set({ [side]: target.value }));
  }
  on("reference", "pointerdown", () => hold(true));
  on("reference", "pointerup", release);
  on("reference", "pointerleave", release);
  on("reference", "keydown", ({ key }) => [" ", "Enter"].includes(key) && hold(true));
  on("reference", "keyup", release);
};
