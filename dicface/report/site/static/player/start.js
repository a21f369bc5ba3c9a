// The player of one clip. One video holds the frames of all methods as tiles, so that whatever is
// shown comes from one and the same frame; all parts share one frame number and one state.
"use strict";
(() => {
  const box = document.getElementById("player");
  const data = JSON.parse(document.getElementById("clip-data").textContent);
  const tiles = new Map(data.tiles.map((tile) => [tile.id, tile]));
  const methods = data.tiles.filter(({ id }) => id !== "input" && id !== data.truth);
  const selects = { a: document.getElementById("method-a"), b: document.getElementById("method-b") };

  const player = {
    box,
    data,
    tiles,
    methods,
    root: box.dataset.root,
    embedded: "embedded" in box.dataset,
    truth: tiles.get(data.truth),
    reference: tiles.get(data.truth) ?? tiles.get("input"),
    state: {},
    waiting: [],

    firstMethods(first) {
      const order = first ? [first, ...data.chosen.filter((id) => id !== first)] : data.chosen;
      return [order[0] ?? "", order[1] ?? ""];
    },

    initial() {
      const [a, b] = this.firstMethods();
      const against = [b && "b", this.truth && "truth", tiles.has("input") && "input"].find(Boolean);
      const view = this.embedded && a && against ? "wipe" : "panes";
      const picture = { view, against, mode: "picture", gain: 4, split: 0.5, held: false };
      return { a, b, ...picture, scale: 1, x: 0.5, y: 0.5, follow: "", blind: false };
    },

    // Whether a choice of this name may have that value.
    offers(name, value) {
      const select = document.getElementById(name);
      return value !== null && [...(select?.options ?? [])].some((each) => each.value === value);
    },

    // The tile that a name stands for: the input, method A, method B, the truth; "=" names a tile.
    choice(name) {
      const { a, b, against } = this.state;
      const ids = { input: "input", a, b, truth: data.truth, left: a };
      ids.right = ids[against];
      return tiles.get(name[0] === "=" ? name.slice(1) : ids[name]);
    },

    // The same, or what is held against it.
    tileOf(name) {
      const tile = this.choice(name);
      return tile && this.state.held ? this.reference : tile;
    },

    // Whether the player may take keys and the wheel: on a page about other things only with the
    // focus, or with the pointer on it where that is enough.
    isActive(pointerIsEnough = false) {
      const hasFocus = box.contains(document.activeElement);
      return !this.embedded || hasFocus || (pointerIsEnough && box.matches(":hover"));
    },

    set(changes) {
      const before = { ...this.state };
      Object.assign(this.state, changes);
      const changed = (...names) => names.some((name) => before[name] !== this.state[name]);
      this.frames.setPairs(this.state.mode === "change");
      if (changed("a", "b", "blind")) this.drawChoice();
      this.drawControls();
      this.panes.draw();
      this.address.write();
    },

    drawChoice() {
      for (const [side, select] of Object.entries(selects)) {
        if (this.state[side]) select.value = this.state[side];
        // Nothing to choose from: its name alone.
        select.hidden = methods.length === 1 || this.state.blind;
      }
      for (const place of box.querySelectorAll("[data-key]")) {
        const tile = this.choice(place.dataset.key);
        place.replaceChildren(...(tile && !this.state.blind ? [dicfacePlayer.key(tile)] : []));
      }
      for (const canvas of this.panes.canvases) {
        const name = canvas.dataset.shows;
        const parts = name === "wipe" ? ["left", "right"] : [name];
        const labels = parts.map((part) => this.choice(part)?.label).join(" | ");
        const text = name[0] === "=" ? labels : `${name}: ${labels}`;
        canvas.setAttribute("aria-label", this.state.blind ? name : text);
      }
      this.timeline.drawSlices();
      this.scores.draw();
      this.scores.name(this.frames.at);
    },

    drawControls() {
      const { state } = this;
      const show = (id, isShown) => (document.getElementById(id).hidden = !isShown);
      box.classList.toggle("zoomed", state.scale > 1);
      box.classList.toggle("blind-test", state.blind);
      box.classList.toggle("wiping", state.view === "wipe");
      show("stage", state.view === "wipe");
      show("against-choice", state.view === "wipe");
      show("gain-choice", state.mode !== "picture");
      for (const name of ["view", "against", "mode", "gain", "follow", "split"]) {
        const control = document.getElementById(name);
        if (control) control.value = String(state[name]);
      }
      document.getElementById("zoom-readout").textContent = `${state.scale.toFixed(1)}×`;
      document.getElementById("reference").classList.toggle("held", state.held);
      for (const side of ["left", "right"]) {
        const tile = this.choice(side);
        const said = tile ? [dicfacePlayer.key(tile), tile.label] : [];
        document.getElementById(`wipe-${side}`).replaceChildren(...said);
      }
      this.timeline.drawLoop();
    },

    // Waits until the frame to show is drawn, after the action.
    async shown(action) {
      const drawn = new Promise((done) => this.waiting.push(done));
      await action();
      await drawn;
    },

    say(what) {
      for (const note of box.querySelectorAll("[data-note]")) note.hidden = note.dataset.note !== what;
    },
  };
  window.dicfacePlayer.player = player;

  player.frames = new dicfacePlayer.Frames(document.getElementById("video"), data, {
    named(index) {
      player.timeline?.name(index);
      player.scores?.name(index);
      player.address?.write();
    },
    drawn() {
      player.panes.draw();
      if (player.frames.drawn === player.frames.at) player.waiting.splice(0).forEach((done) => done());
    },
    stopped(isPaused) {
      document.getElementById("play").textContent = isPaused ? "Play" : "Pause";
    },
    // A bundle holds a video as its script alone (bundle.py).
    failed() {
      if (!data.copy || player.hasCopy) document.getElementById("failure").hidden = false;
      // It may have failed before there was anything to load it, and says so more than once.
      else if (!player.hasAsked) setTimeout(() => player.save.loadCopy());
      player.hasAsked = true;
    },
  });
  player.pictures = new dicfacePlayer.Pictures(player.frames, player.truth);
  player.panes = new dicfacePlayer.Panes(player);
  player.zoom = new dicfacePlayer.Zoom(player);
  player.timeline = new dicfacePlayer.Timeline(player);
  player.scores = new dicfacePlayer.Scores(player);
  player.save = new dicfacePlayer.Save(player);
  player.blind = player.embedded ? null : new dicfacePlayer.Blind(player);
  player.address = new dicfacePlayer.Address(player);

  const [a, b] = player.firstMethods();
  for (const [side, chosen] of [["a", a], ["b", b]]) {
    const select = selects[side];
    select.append(...methods.map((tile) => new Option(tile.label, tile.id)));
    if (methods.length === 1) select.labels[0].textContent = methods[0].label;
    if (!chosen) select.closest(".pane").remove();
  }
  const against = document.getElementById("against");
  const sides = [[b, "b", "B"], [player.truth, "truth", "truth"], [tiles.has("input"), "input", "input"]];
  against.replaceChildren(...sides.filter(([has]) => has).map(([, id, text]) => new Option(text, id)));
  // Nothing to wipe between.
  if (!a || !against.options.length) document.querySelector("#view option[value=wipe]").remove();
  player.panes.canvases = player.panes.canvases.filter((canvas) => canvas.isConnected);

  dicfacePlayer.connect(player);
  player.set(player.initial());
  box.hidden = false;
  player.panes.poster.addEventListener("load", () => player.panes.draw());
  player.panes.poster.src = player.root + data.posters;
  if (player.embedded) player.frames.named(0);
  else player.address.read();
  player.frames.start();
})();
