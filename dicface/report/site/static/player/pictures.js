// The picture of a tile: its frame, how it differs from the truth, or what changed in it.
// All by blending: a page from disk may draw a video that lies beside it, but not read its pixels.
"use strict";
window.dicfacePlayer ??= {};

dicfacePlayer.Pictures = class {
  constructor(frames, truth) {
    Object.assign(this, { frames, truth });
    const sheets = [0, 1].map(() => document.createElement("canvas"));
    [this.one, this.other] = sheets.map((canvas) => canvas.getContext("2d"));
  }

  // Canvas and corner of a tile's picture; null where it has none.
  // mode: "picture", "difference" or "luma" (to the truth), "change" (since the frame before).
  // The truth has no difference to itself: it stays a picture. gain: a power of two.
  of(tile, mode, gain) {
    const { now, before, drawn } = this.frames;
    if (drawn < 0 || drawn >= tile.frames) return null;
    if (mode === "change") {
      return drawn === 0 ? null : this.blended(tile, [now, tile], [before, tile], false, gain);
    }
    if (mode === "picture" || !this.truth || tile === this.truth) {
      return { source: now.canvas, x: tile.x, y: tile.y };
    }
    if (drawn >= this.truth.frames) return null;
    return this.blended(tile, [now, tile], [now, this.truth], mode === "luma", gain);
  }

  blended({ width, height }, first, second, grey, gain) {
    for (const [context, [sheet, tile]] of [[this.one, first], [this.other, second]]) {
      Object.assign(context.canvas, { width, height });
      const part = [tile.x, tile.y, tile.width, tile.height];
      context.drawImage(sheet.canvas, ...part, 0, 0, width, height);
      if (!grey) continue;
      // No saturation: the luma of each pixel is left (0.30, 0.59, 0.11).
      context.globalCompositeOperation = "saturation";
      context.fillStyle = "#808080";
      context.fillRect(0, 0, width, height);
    }
    this.one.globalCompositeOperation = "difference";
    this.one.drawImage(this.other.canvas, 0, 0);
    this.one.globalCompositeOperation = "lighter";
    for (let factor = 1; factor < gain; factor *= 2) this.one.drawImage(this.one.canvas, 0, 0);
    return { source: this.one.canvas, x: 0, y: 0 };
  }
};
