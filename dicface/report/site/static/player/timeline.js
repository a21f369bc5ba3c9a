// One time axis: the slider, the loop, slices over time, and the cursor through all of them.
"use strict";
window.dicfacePlayer ??= {};

dicfacePlayer.Timeline = class {
  constructor(player) {
    this.player = player;
    const { data, frames } = player;
    this.place = document.getElementById("timeline");
    this.slider = document.getElementById("slider");
    this.slider.max = String(frames.last);
    this.place.style.setProperty("--frames", data.frames);
    this.slider.addEventListener("input", () => frames.seek(Number(this.slider.value)));
    for (const name of ["pointerdown", "pointermove"]) {
      this.place.addEventListener(name, (event) => this.follow(event));
    }
    this.sheet = document.getElementById("slices") && new Image();
    if (!this.sheet) return;
    this.sheet.addEventListener("load", () => this.drawSlices());
    this.sheet.src = player.root + data.slices;
  }

  // Says which frame is on show.
  name(index) {
    const { data, frames } = this.player;
    this.slider.value = String(index);
    this.slider.setAttribute("aria-valuetext", `frame ${index} of 0–${frames.last}`);
    this.place.style.setProperty("--at", (index + 0.5) / data.frames);
    document.getElementById("readout").textContent =
      `Frame ${index} of 0–${frames.last}, ${(index / data.fps).toFixed(2)} s`;
  }

  follow(event) {
    const plot = event.target.closest(".plot");
    if (!plot || event.target === this.slider) return;
    if (event.type === "pointermove" && !event.buttons) return;
    const box = plot.getBoundingClientRect();
    const { data, frames } = this.player;
    frames.seek(Math.floor((data.frames * (event.clientX - box.left)) / box.width));
  }

  // From or to the frame on show; without an edge: all of the clip.
  loop(edge) {
    const { frames } = this.player;
    const [first, end] = frames.range;
    if (edge === "start") frames.loop(frames.at, frames.at > end ? frames.last : end);
    else if (edge === "end") frames.loop(frames.at < first ? 0 : first, frames.at);
    else frames.loop(0, frames.last);
    this.player.set({});
  }

  drawLoop() {
    const { data, frames } = this.player;
    const [first, end] = frames.range;
    const isWhole = first === 0 && end === frames.last;
    const mark = document.getElementById("loop-range");
    mark.hidden = isWhole;
    mark.style.left = `${(100 * first) / data.frames}%`;
    mark.style.width = `${(100 * (end + 1 - first)) / data.frames}%`;
    const off = document.getElementById("loop-off");
    off.hidden = isWhole;
    off.textContent = `Loop ${first}–${end} off`;
  }

  drawSlices() {
    if (!this.sheet?.naturalWidth) return;
    const { player } = this;
    const place = document.getElementById("slices");
    place.replaceChildren();
    for (const name of ["input", "a", "b", "truth"].filter((each) => player.choice(each))) {
      const tile = player.choice(name);
      const canvas = document.createElement("canvas");
      canvas.width = player.data.frames;
      canvas.height = tile.sliceHeight;
      canvas.className = "slice";
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Slice over time: ${tile.label}`);
      const size = [canvas.width, canvas.height];
      canvas.getContext("2d").drawImage(this.sheet, 0, tile.sliceY, ...size, 0, 0, ...size);
      dicfacePlayer.row(place, dicfacePlayer.swatch(tile), canvas);
    }
  }
};

// A line of the time axis: what it is, and its plot.
dicfacePlayer.row = (place, head, plot) => {
  const element = document.createElement("div");
  element.className = "row";
  head.classList.add("row-head");
  const box = document.createElement("div");
  box.className = "plot";
  box.append(plot);
  element.append(head, box);
  place.append(element);
  return box;
};

dicfacePlayer.svg = (name, attributes) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

// Line and marker of a method, as in figures and tables.
dicfacePlayer.key = ({ look }) => {
  const { svg } = dicfacePlayer;
  const key = svg("svg", { class: "key", viewBox: "-15 -8 30 16", width: 30, height: 16, "aria-hidden": true });
  const style = `--c: ${look.colour}`;
  key.append(
    svg("path", { class: "line", d: "M0 0H15M0 0H-15", "stroke-dasharray": look.dashes, style }),
    svg("path", { class: `mark ${look.kind}`, d: look.path, style }),
  );
  return key;
};

dicfacePlayer.swatch = (tile) => {
  const element = document.createElement("div");
  element.append(dicfacePlayer.key(tile), tile.label);
  return element;
};
