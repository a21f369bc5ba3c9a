// The player of a clip's page. One video holds the frames of all methods as tiles, so that whatever
// is shown comes from one and the same frame; the panes, the slices and the curves share one frame
// number.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("clip-data").textContent);
  const tiles = new Map(data.tiles.map((tile) => [tile.id, tile]));
  const methods = data.tiles.filter((tile) => tile.id !== "input" && tile.id !== data.truth);
  const video = document.getElementById("video");
  const slider = document.getElementById("slider");
  const playButton = document.getElementById("play");
  const speed = document.getElementById("speed");
  const timeline = document.getElementById("timeline");
  const canvases = [...document.querySelectorAll("canvas[data-shows]")];
  const selects = { a: document.getElementById("method-a"), b: document.getElementById("method-b") };
  const sheet = document.createElement("canvas");
  const last = data.frames - 1;
  let frame = 0;
  let drawn = -1;
  let awaited = false;

  // What a pane shows by its name: the input, method A, method B, the truth.
  const SHOWN = {
    input: () => "input",
    a: () => selects.a.value,
    b: () => selects.b.value,
    truth: () => data.truth,
  };
  // What begins with "=" names a tile.
  const chosen = (name) => (name[0] === "=" ? name.slice(1) : SHOWN[name]());
  const tileOf = (name) => tiles.get(chosen(name));
  const visible = () => ["input", "a", "b"].filter((name) => tileOf(name));

  // Panes ----------------------------------------------------------------------------------------

  function drawPanes() {
    if (drawn < 0) return;
    // One copy of the frame: two reads of a playing video may give two frames.
    sheet.getContext("2d").drawImage(video, 0, 0);
    cutPanes();
  }

  function cutPanes() {
    for (const canvas of canvases) {
      const tile = tileOf(canvas.dataset.shows);
      if (!tile) continue;
      if (canvas.width !== tile.width || canvas.height !== tile.height) {
        canvas.width = tile.width;
        canvas.height = tile.height;
        canvas.classList.toggle("small", tile.whole && tile.width <= 256);
      }
      const context = canvas.getContext("2d");
      const { x, y, width, height } = tile;
      context.clearRect(0, 0, width, height);
      if (drawn < tile.frames) {
        context.drawImage(sheet, x, y, width, height, 0, 0, width, height);
        markColumn(context, tile);
      }
      canvas.dataset.frame = drawn < tile.frames ? String(drawn) : "none";
      canvas.parentElement.classList.toggle("empty", drawn >= tile.frames);
    }
  }

  // Where the slice is cut: a mark at the upper and at the lower edge, seen on dark and on light.
  function markColumn(context, { width, height, column }) {
    const size = [Math.max(1, Math.round(width / 128)), Math.round(height / 20)];
    const x = Math.round(column * width - size[0] / 2);
    for (const top of [0, height - size[1]]) {
      context.fillStyle = "#000";
      context.fillRect(x - size[0], top, 3 * size[0], size[1]);
      context.fillStyle = "#fff";
      context.fillRect(x, top, ...size);
    }
  }

  function showFrame(index) {
    slider.value = String(index);
    slider.setAttribute("aria-valuetext", `frame ${index} of 0–${last}`);
    timeline.style.setProperty("--at", (index + 0.5) / data.frames);
    document.getElementById("readout").textContent =
      `Frame ${index} of 0–${last}, ${(index / data.fps).toFixed(2)} s`;
    for (const cell of document.querySelectorAll("[data-values]")) {
      const [method, metric, digits] = JSON.parse(cell.dataset.values);
      const value = data.values[method]?.[metric]?.[index] ?? null;
      cell.textContent = value === null ? "–" : value.toFixed(digits);
    }
  }

  // A presented frame n has the time n / fps; a sought one may say any time within the frame.
  const frameAt = (time) => Math.min(last, Math.max(0, Math.floor(time * data.fps + 0.01)));

  function present(time) {
    awaited = false;
    drawn = frameAt(time);
    drawPanes();
    // A late frame must not undo a step: only playing moves the place to step from.
    if (!video.paused) frame = drawn;
    // While it seeks, the number is that of the frame to come.
    if (!video.paused || !video.seeking) showFrame(drawn);
  }

  // Playing and stepping -------------------------------------------------------------------------

  function seek(index) {
    frame = Math.min(last, Math.max(0, index));
    if (!video.paused) video.pause();
    showFrame(frame);
    if (video.seeking) return;
    awaited = true;
    // The middle of a frame: no rounding can lead to its neighbour.
    video.currentTime = (frame + 0.5) / data.fps;
  }

  const fail = () => (document.getElementById("failure").hidden = false);

  function toggle() {
    if (!video.paused) {
      video.pause();
      return;
    }
    video.playbackRate = Number(speed.value);
    video.play().catch((error) => {
      // Stopped again before it began: no failure.
      if (error.name !== "AbortError") fail();
    });
  }

  // Where the browser announces each frame with its own time, pixels and number come from that:
  // `currentTime` may run ahead of the frame on show. Elsewhere, and should no announcement come
  // (the frame sought was on show already), the time sought has to do.
  const announces = "requestVideoFrameCallback" in video;
  const GRACE_MS = announces ? 250 : 0;
  const watch = announces
    ? (then) => video.requestVideoFrameCallback((_, facts) => then(facts.mediaTime))
    : (then) => requestAnimationFrame(() => then(video.currentTime));
  const tick = (time) => {
    if (announces || !video.paused) present(time);
    watch(tick);
  };

  video.addEventListener("seeked", () => {
    if (!video.paused) return;
    // Steps that came while it was seeking.
    if (frameAt(video.currentTime) !== frame) seek(frame);
    else setTimeout(() => awaited && !video.seeking && present(video.currentTime), GRACE_MS);
  });
  for (const name of ["play", "pause"]) {
    video.addEventListener(name, () => {
      playButton.textContent = video.paused ? "Play" : "Pause";
      if (video.paused) seek(frame);
    });
  }

  playButton.addEventListener("click", toggle);
  document.getElementById("back").addEventListener("click", () => seek(frame - 1));
  document.getElementById("forward").addEventListener("click", () => seek(frame + 1));
  slider.addEventListener("input", () => seek(Number(slider.value)));
  speed.addEventListener("change", () => (video.playbackRate = Number(speed.value)));
  const KEYS = {
    " ": toggle,
    ArrowLeft: () => seek(frame - 1),
    ArrowRight: () => seek(frame + 1),
    Home: () => seek(0),
    End: () => seek(last),
  };
  document.addEventListener("keydown", (event) => {
    const own = event.target.closest("select, button, a, summary, .wide");
    const action = KEYS[event.key];
    if (!action || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (own && (own.matches("select, .wide") || event.key === " ")) return;
    event.preventDefault();
    if (action !== toggle || !event.repeat) action();
  });
  // A choice by pointer leaves the arrow keys to the frames, one by keyboard leaves them to the choice.
  let byPointer = false;
  for (const name of ["pointerdown", "keydown"]) {
    document.addEventListener(name, () => (byPointer = name === "pointerdown"), true);
  }
  document.addEventListener("change", ({ target }) => {
    if (byPointer && target.matches("select")) target.blur();
  });

  // One time axis: slices and curves -------------------------------------------------------------

  function row(place, head, plot) {
    const element = document.createElement("div");
    element.className = "row";
    head.classList.add("row-head");
    const box = document.createElement("div");
    box.className = "plot";
    box.append(plot);
    element.append(head, box);
    place.append(element);
  }

  function label(name, text) {
    const element = document.createElement("div");
    const mark = document.createElement("span");
    mark.className = `swatch ${name}`;
    mark.textContent = text;
    element.append(mark);
    return element;
  }

  const slices = new Image();
  function drawSlices() {
    const place = document.getElementById("slices");
    place.replaceChildren();
    for (const name of [...visible(), "truth"].filter(tileOf)) {
      const tile = tileOf(name);
      const canvas = document.createElement("canvas");
      canvas.width = data.frames;
      canvas.height = tile.sliceHeight;
      canvas.className = "slice";
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Slice over time: ${tile.label}`);
      const size = [data.frames, tile.sliceHeight];
      canvas.getContext("2d").drawImage(slices, 0, tile.sliceY, ...size, 0, 0, ...size);
      row(place, label(name, tile.label), canvas);
    }
  }

  const SVG = "http://www.w3.org/2000/svg";
  const HEIGHT = 100;
  function curve(values, low, high) {
    const y = (value) => HEIGHT * (1 - (value - low) / (high - low));
    let [line, dots, open] = ["", "", false];
    const known = (index) => (values[index] ?? null) !== null;
    values.forEach((value, index) => {
      if (value === null) {
        open = false;
        return;
      }
      const point = `${index + 0.5} ${y(value).toFixed(2)}`;
      line += `${open ? "L" : "M"}${point}`;
      // A lone value has no line: without a dot it would not be seen.
      if (data.frames <= 80 || !(known(index - 1) || known(index + 1))) dots += `M${point}h0`;
      open = true;
    });
    return { line, dots };
  }

  function drawCurves() {
    const place = document.getElementById("curves");
    place.replaceChildren();
    for (const metric of data.metrics) {
      const names = visible().filter((name) => data.values[chosen(name)]?.[metric.id]);
      const known = names.flatMap((name) => data.values[chosen(name)][metric.id])
        .filter((value) => value !== null);
      if (known.length === 0) continue;
      let [low, high] = [Math.min(...known), Math.max(...known)];
      const margin = (high - low) * 0.06 || Math.abs(high) * 0.06 || 1;
      [low, high] = [low - margin, high + margin];
      const svg = document.createElementNS(SVG, "svg");
      svg.setAttribute("viewBox", `0 0 ${data.frames} ${HEIGHT}`);
      svg.setAttribute("preserveAspectRatio", "none");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", `${metric.heading} of each frame`);
      svg.classList.add("curve");
      const head = document.createElement("div");
      const title = document.createElement("strong");
      title.textContent = metric.heading;
      head.append(title);
      for (const name of names) {
        const { line, dots } = curve(data.values[chosen(name)][metric.id], low, high);
        for (const [kind, path] of [["line", line], ["dots", dots]]) {
          const element = document.createElementNS(SVG, "path");
          element.setAttribute("d", path);
          element.setAttribute("class", `${kind} ${name}`);
          svg.append(element);
        }
        const entry = label(name, tileOf(name).label);
        const value = document.createElement("span");
        value.className = "value";
        value.dataset.values = JSON.stringify([chosen(name), metric.id, metric.digits]);
        entry.append(value);
        entry.classList.add("entry");
        head.append(entry);
      }
      row(place, head, svg);
      const box = place.lastElementChild.lastElementChild;
      for (const [edge, value] of [["high", high - margin], ["low", low + margin]]) {
        const mark = document.createElement("span");
        mark.className = `edge ${edge}`;
        mark.textContent = value.toFixed(metric.digits);
        box.append(mark);
      }
    }
  }

  function choose() {
    for (const canvas of canvases) {
      const side = canvas.dataset.shows;
      if (!tileOf(side)) continue;
      const label = tileOf(side).label;
      canvas.setAttribute("aria-label", side[0] === "=" ? label : `${side}: ${label}`);
    }
    drawSlices();
    drawCurves();
    showFrame(frame);
    if (drawn >= 0) cutPanes();
  }

  function follow(event) {
    const plot = event.target.closest(".plot");
    if (!plot || event.target === slider || (event.type === "pointermove" && !event.buttons)) return;
    const box = plot.getBoundingClientRect();
    seek(Math.floor((data.frames * (event.clientX - box.left)) / box.width));
  }

  function start() {
    slider.max = String(last);
    timeline.style.setProperty("--frames", data.frames);
    // index.html leads here with the method it speaks of: clip.html#method.
    const asked = decodeURIComponent(location.hash.slice(1));
    const order = methods.some((tile) => tile.id === asked)
      ? [asked, ...data.chosen.filter((id) => id !== asked)]
      : data.chosen;
    Object.values(selects).forEach((select, index) => {
      select.append(...methods.map((tile) => new Option(tile.label, tile.id)));
      if (order[index]) select.value = order[index];
      // Nothing to choose from: its name alone.
      select.hidden = methods.length === 1;
      if (select.hidden) select.labels[0].textContent = methods[0].label;
      if (!order[index]) select.closest(".pane").remove();
      select.addEventListener("change", choose);
    });
    if (!order[0]) selects.a.replaceChildren();
    if (!order[1]) selects.b.replaceChildren();
    timeline.addEventListener("pointerdown", follow);
    timeline.addEventListener("pointermove", follow);
    document.getElementById("player").hidden = false;
    slices.addEventListener("load", choose);
    slices.src = data.slices;
    showFrame(0);
    const ready = () => {
      sheet.width = video.videoWidth;
      sheet.height = video.videoHeight;
      // It may have been set to play before it could.
      if (video.paused) seek(frame);
      watch(tick);
    };
    if (video.readyState >= 2) ready();
    else video.addEventListener("loadeddata", ready, { once: true });
  }

  video.addEventListener("error", fail);
  if (video.error) fail();
  start();
})();
