// A blind test: two methods without their names, in random order; votes are kept over all clips of
// the report and saved as CSV.
"use strict";
window.dicfacePlayer ??= {};

{
  const HEAD = ["voter", "task", "clip", "a", "b", "vote", "frame", "seconds"];

  const shuffled = (items) =>
    items
      .map((item) => [Math.random(), item])
      .sort(([one], [other]) => one - other)
      .map(([, item]) => item);

  dicfacePlayer.Blind = class {
    constructor(player) {
      this.player = player;
      this.place = document.getElementById("ballot");
      this.key = `dicface-votes ${new URL(player.root || ".", location.href).href}`;
      this.votes = this.stored();
      const button = document.getElementById("blind");
      button.hidden = player.methods.length < 2;
      button.addEventListener("click", () => (player.state.blind ? this.end() : this.begin()));
    }

    // Storage may be forbidden for pages from disk: votes then last one page.
    stored() {
      try {
        return JSON.parse(localStorage.getItem(this.key)) ?? [];
      } catch {
        return [];
      }
    }

    store() {
      try {
        localStorage.setItem(this.key, JSON.stringify(this.votes));
      } catch {
        return;
      }
    }

    begin() {
      const ids = this.player.methods.map(({ id }) => id);
      if (ids.length < 2 || this.player.state.blind) return;
      this.pairs = shuffled(
        ids.flatMap((one, index) => ids.slice(index + 1).map((other) => shuffled([one, other]))),
      );
      const { a, b, view, mode } = this.player.state;
      this.left = { a, b, view, mode };
      this.next();
    }

    next() {
      const [a, b] = this.pairs.shift() ?? [];
      if (!a) return this.draw(false);
      this.began = performance.now();
      this.player.set({ a, b, view: "panes", mode: "picture", held: false, blind: true });
      this.draw(true);
    }

    vote(better) {
      const { data, state, frames } = this.player;
      if (!state.blind || !this.open) return;
      const seconds = ((performance.now() - this.began) / 1000).toFixed(1);
      const voter = this.place.querySelector("input").value;
      this.votes = [
        ...this.stored(),
        [voter, data.task, data.clip, state.a, state.b, better, frames.drawn, seconds],
      ];
      this.store();
      this.next();
    }

    end() {
      this.place.hidden = true;
      this.player.set({ ...this.left, blind: false });
      document.getElementById("blind").textContent = "Blind test";
    }

    draw(open) {
      this.open = open;
      const voter = this.place.querySelector("input")?.value ?? this.votes.at(-1)?.[0] ?? "";
      const said = open ? `Which is better? ${this.pairs.length} more pairs of this clip.` : "";
      this.place.replaceChildren(said || "All pairs of this clip have a vote.");
      const add = (name, text, action) => {
        const button = document.createElement("button");
        Object.assign(button, { type: "button", id: `vote-${name}`, textContent: text });
        button.addEventListener("click", action);
        this.place.append(" ", button);
      };
      if (open) {
        add("a", "A (1)", () => this.vote("a"));
        add("same", "No difference (2)", () => this.vote("same"));
        add("b", "B (3)", () => this.vote("b"));
      } else if (this.player.data.next) {
        const link = document.createElement("a");
        link.href = `${this.player.root}${this.player.data.next}#blind=1`;
        link.textContent = "Next clip";
        this.place.append(" ", link);
      }
      const label = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { id: "voter", value: voter, size: 10, autocomplete: "off" });
      label.append("Voter ", input);
      this.place.append(" ", label);
      add("save", `Save ${this.votes.length} votes (CSV)`, () => this.save());
      this.place.hidden = false;
      document.getElementById("blind").textContent = "End the blind test";
    }

    save() {
      const cell = (value) => `"${String(value).replaceAll('"', '""')}"`;
      const lines = [HEAD, ...this.stored()].map((line) => line.map(cell).join(","));
      const csv = new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" });
      dicfacePlayer.download(csv, "votes.csv");
    }
  };
}
