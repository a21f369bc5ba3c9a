// Draws the panes: from each picture the part that the zoom shows, and the wipe between two.
"use strict";
window.dicfacePlayer ??= {};

dicfacePlayer.Panes = class {
  constructor(player) {
    this.player = player;
    this.canvases = [...player.box.querySelectorAll("canvas[data-shows]")];
    this.poster = new Image();
    // Closed or hidden panes have no size: they are drawn when they get one.
    const watcher = new ResizeObserver(() => this.draw());
    this.canvases.forEach((canvas) => watcher.observe(canvas));
  }

  draw() {
    for (const canvas of this.canvases) {
      const names = canvas.dataset.shows === "wipe" ? ["left", "right"] : [canvas.dataset.shows];
      const tiles = names.map((name) => this.player.tileOf(name));
      if (tiles.every(Boolean)) this.drawPane(canvas, tiles);
    }
  }

  drawPane(canvas, tiles) {
    const { player } = this;
    const { drawn } = player.frames;
    this.fit(canvas, tiles[0]);
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    const edge = Math.round(player.state.split * canvas.width);
    const ends = tiles.length > 1 ? [0, edge, canvas.width] : [0, canvas.width];
    const shown = tiles.map((tile, index) => {
      context.save();
      context.beginPath();
      context.rect(ends[index], 0, ends[index + 1] - ends[index], canvas.height);
      context.clip();
      const has = this.drawTile(context, tile);
      context.restore();
      return has;
    });
    if (tiles.length > 1) this.bar(context, edge - 1, 0, 2, canvas.height);
    if (drawn < 0) return;
    const whole = shown.every(Boolean);
    canvas.dataset.frame = whole ? String(drawn) : "none";
    canvas.dataset.tiles = tiles.map((tile) => tile.id).join(" ");
    const pane = canvas.parentElement;
    pane.classList.toggle("empty", !whole);
    if (player.state.held) pane.dataset.held = player.reference.label;
    else delete pane.dataset.held;
  }

  // As many pixels as it has on the screen.
  fit(canvas, tile) {
    const width = Math.round(canvas.clientWidth * devicePixelRatio) || tile.width;
    const height = Math.round((width * tile.height) / tile.width);
    canvas.style.aspectRatio = `${tile.width} / ${tile.height}`;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }

  drawTile(context, tile) {
    const { player } = this;
    const { mode, gain } = player.state;
    const { width, height } = context.canvas;
    const picture = player.pictures.of(tile, mode, gain);
    const part = player.zoom.part();
    if (picture) this.cut(context, picture, tile, part, [0, 0, width, height]);
    else if (player.frames.drawn < 0) this.drawPoster(context, tile, part);
    if (!picture) return false;
    if (player.timeline.sheet) this.mark(context, tile, part);
    return true;
  }

  // Draws a part of a picture into a box; an enlarged pixel is a square.
  cut(context, { source, x, y, scale = 1 }, tile, part, box) {
    const [width, height] = [tile.width * scale, tile.height * scale];
    const across = width * part.size;
    const isSmall = tile.whole && tile.width <= 256;
    context.imageSmoothingEnabled = scale < 1 || (!isSmall && box[2] < 2 * across);
    context.imageSmoothingQuality = "high";
    const corner = [x * scale + part.left * width, y * scale + part.top * height];
    context.drawImage(source, ...corner, across, height * part.size, ...box);
  }

  // Until the video is there, its first frame stands in for it.
  drawPoster(context, tile, part) {
    const { frames, data } = this.player;
    if (!this.poster.naturalWidth || frames.at !== 0) return;
    const picture = { source: this.poster, x: tile.x, y: tile.y, scale: data.posterScale };
    this.cut(context, picture, tile, part, [0, 0, context.canvas.width, context.canvas.height]);
  }

  // Where the slice is cut: a mark at the upper and at the lower edge.
  mark(context, { column }, part) {
    const { width, height } = context.canvas;
    const [thick, long] = [Math.max(1, Math.round(width / 128)), Math.round(height / 20)];
    const x = Math.round(((column - part.left) / part.size) * width - thick / 2);
    for (const top of [0, height - long]) this.bar(context, x, top, thick, long);
  }

  // Seen on dark and on light.
  bar(context, x, y, width, height) {
    context.fillStyle = "#000";
    context.fillRect(x - width, y, 3 * width, height);
    context.fillStyle = "#fff";
    context.fillRect(x, y, width, height);
  }
};
