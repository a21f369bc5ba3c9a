// Scores frame by frame: a curve for each metric, and the way to the worst frames.
"use strict";
window.dicfacePlayer ??= {};

dicfacePlayer.Scores = class {
  constructor(player) {
    this.player = player;
    this.place = document.getElementById("curves");
    this.metric = document.getElementById("worst-metric");
    this.rank = -1;
    if (!this.metric) return;
    this.metric.addEventListener("change", () => (this.rank = -1));
    document.getElementById("worst").addEventListener("click", () => this.worst(1));
  }

  of(name, metric) {
    return this.player.data.values[this.player.choice(name)?.id]?.[metric];
  }

  // Values at the cursor.
  name(index) {
    for (const cell of this.place?.querySelectorAll("[data-values]") ?? []) {
      const [method, metric, digits] = JSON.parse(cell.dataset.values);
      const value = this.player.data.values[method]?.[metric]?.[index] ?? null;
      cell.textContent = value === null ? "–" : value.toFixed(digits);
    }
  }

  // Goes to the next worst frame of method A, the worst one first (or back, with -1).
  worst(step) {
    if (!this.metric || this.player.state.blind) return;
    const metric = this.player.data.metrics.find(({ id }) => id === this.metric.value);
    const sign = metric.best === "high" ? 1 : -1;
    const known = (this.of("a", metric.id) ?? [])
      .map((value, frame) => ({ value, frame }))
      .filter(({ value }) => value !== null)
      .sort((one, other) => sign * (one.value - other.value) || one.frame - other.frame);
    const label = this.player.choice("a")?.label;
    const say = (text) => (document.getElementById("worst-readout").textContent = text);
    if (known.length === 0) return say(`${label} has no such score here.`);
    this.rank = Math.max(0, this.rank + step) % known.length;
    const { value, frame } = known[this.rank];
    this.player.frames.seek(frame);
    say(`${label}: frame ${frame}, ${value.toFixed(metric.digits)}; worst but ${this.rank} of ${known.length}`);
  }

  draw() {
    this.rank = -1;
    if (!this.place) return;
    this.place.replaceChildren();
    const { data } = this.player;
    for (const metric of data.metrics) {
      const names = ["input", "a", "b"].filter((name) => this.of(name, metric.id));
      const known = names.flatMap((name) => this.of(name, metric.id)).filter((v) => v !== null);
      if (known.length === 0) continue;
      let [low, high] = [Math.min(...known), Math.max(...known)];
      const margin = (high - low) * 0.06 || Math.abs(high) * 0.06 || 1;
      [low, high] = [low - margin, high + margin];
      const svg = this.plot(metric, names, low, high);
      const box = dicfacePlayer.row(this.place, this.head(metric, names), svg);
      for (const [edge, value] of [["high", high - margin], ["low", low + margin]]) {
        const mark = document.createElement("span");
        mark.className = `edge ${edge}`;
        mark.textContent = value.toFixed(metric.digits);
        box.append(mark);
      }
    }
  }

  head(metric, names) {
    const head = document.createElement("div");
    const title = document.createElement("strong");
    title.textContent = metric.heading;
    head.append(title);
    for (const name of names) {
      const tile = this.player.choice(name);
      const entry = dicfacePlayer.swatch(tile);
      const value = document.createElement("span");
      value.className = "value";
      value.dataset.values = JSON.stringify([tile.id, metric.id, metric.digits]);
      entry.append(value);
      entry.classList.add("entry");
      head.append(entry);
    }
    return head;
  }

  plot(metric, names, low, high) {
    const curve = dicfacePlayer.svg("svg", {
      class: "curve",
      viewBox: `0 0 ${this.player.data.frames} 100`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${metric.heading} of each frame`,
    });
    for (const name of names) {
      const { colour, dashes } = this.player.choice(name).look;
      const { line, dots } = this.paths(this.of(name, metric.id), low, high);
      const style = `--c: ${colour}`;
      curve.append(
        dicfacePlayer.svg("path", { class: "line", d: line, "stroke-dasharray": dashes, style }),
        dicfacePlayer.svg("path", { class: "dots", d: dots, style }),
      );
    }
    return curve;
  }

  paths(values, low, high) {
    const y = (value) => 100 * (1 - (value - low) / (high - low));
    const known = (index) => (values[index] ?? null) !== null;
    let [line, dots] = ["", ""];
    values.forEach((value, index) => {
      if (value === null) return;
      const point = `${index + 0.5} ${y(value).toFixed(2)}`;
      line += `${known(index - 1) ? "L" : "M"}${point}`;
      // A lone value has no line: without a dot it would not be seen.
      if (values.length <= 80 || !(known(index - 1) || known(index + 1))) dots += `M${point}h0`;
    });
    return { line, dots };
  }
};
