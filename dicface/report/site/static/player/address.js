// The link to what is shown: methods, frame, zoom and all choices stand behind the "#".
"use strict";
window.dicfacePlayer ??= {};

{
  const decoded = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };

  dicfacePlayer.Address = class {
    constructor(player) {
      this.player = player;
      this.link = document.getElementById("link");
      if (player.embedded) return;
      addEventListener("hashchange", () => location.hash.slice(1) !== this.own && this.read());
    }

    // Takes over what the address asks for; what it does not name is as on a first visit.
    read() {
      const { player } = this;
      const text = location.hash.slice(1);
      // index.html leads here with the method it speaks of: clip.html#method.
      const named = player.methods.find(({ id }) => id === decoded(text));
      const asked = new URLSearchParams(named ? "" : text);
      const state = player.initial();
      if (named) [state.a, state.b] = player.firstMethods(named.id);
      for (const name of ["a", "b"]) {
        if (player.methods.some(({ id }) => id === asked.get(name))) state[name] = asked.get(name);
      }
      for (const name of ["view", "against", "mode", "follow"]) {
        if (player.offers(name, asked.get(name))) state[name] = asked.get(name);
      }
      for (const name of ["gain", "split", "scale", "x", "y"]) {
        const value = Number(asked.get(name));
        if (asked.has(name) && Number.isFinite(value)) state[name] = value;
      }
      state.scale = Math.min(player.zoom.limit(), Math.max(1, state.scale));
      if (!player.offers("gain", String(state.gain))) state.gain = player.initial().gain;
      const { frames } = player;
      const loop = (asked.get("loop") ?? "").split("-").map(Number);
      if (loop.length === 2 && loop.every(Number.isInteger)) {
        frames.loop(...loop.map((frame) => Math.min(frames.last, Math.max(0, frame))));
      } else {
        frames.loop(0, frames.last);
      }
      player.set(state);
      const frame = Number(asked.get("frame"));
      frames.seek(Number.isInteger(frame) ? frame : 0);
      if (asked.has("blind")) player.blind?.begin();
    }

    text() {
      const { state, frames, initial } = this.player;
      const usual = initial.call(this.player);
      const said = new URLSearchParams();
      for (const name of ["a", "b"]) if (state[name]) said.set(name, state[name]);
      said.set("frame", frames.at);
      for (const name of ["view", "against", "mode", "gain", "follow"]) {
        if (state[name] !== usual[name]) said.set(name, state[name]);
      }
      if (state.view === "wipe") said.set("split", state.split.toFixed(3));
      if (state.scale !== 1) {
        for (const name of ["scale", "x", "y"]) said.set(name, state[name].toFixed(4));
      }
      const [first, end] = frames.range;
      if (first !== 0 || end !== frames.last) said.set("loop", `${first}-${end}`);
      return said.toString();
    }

    // Soon, and once for many changes: browsers limit how often a page may.
    write() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.writeNow(), 150);
    }

    writeNow() {
      const { player } = this;
      if (player.state.blind || !player.frames.video.paused) return;
      this.own = this.text();
      this.link.href = `${player.root}${player.data.page}#${this.own}`;
      if (player.embedded) return;
      try {
        history.replaceState(null, "", `#${this.own}`);
      } catch {
        // Some browsers keep the address of a page from disk as it is: the link remains.
      }
    }
  };
}
