// Saves what is shown of all methods as one PNG: the same frame, part and kind of picture of each.
"use strict";
window.dicfacePlayer ??= {};

{
  const GAP = 8;
  const LETTERS = 16; // px
  const LEAST = 256; // width of a picture, px
  const A_ROW = 6;

  dicfacePlayer.Save = class {
    constructor(player) {
      this.player = player;
    }

    async save() {
      const { player } = this;
      const { frames } = player;
      if (player.state.blind || frames.drawn < 0) return;
      const isSettled = frames.video.paused && frames.drawn === frames.at;
      if (!isSettled) await player.shown(() => frames.seek(frames.at));
      try {
        await this.download();
      } catch (error) {
        if (error.name !== "SecurityError") throw error;
        // A page from disk may not save pictures of a video that lies beside it.
        if (!player.data.copy) return player.say("no-save");
        player.say("wait-save");
        await player.shown(() => this.loadCopy());
        await this.download();
      }
      player.say("");
    }

    // Takes the video from the script that brings it along (media.py, write_copy).
    loadCopy() {
      const { player } = this;
      return new Promise((done) => {
        dicfacePlayer.copy = (text) => {
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          const video = new Blob([bytes], { type: "video/mp4" });
          player.hasCopy = true;
          player.frames.load(URL.createObjectURL(video));
          done();
        };
        const script = document.createElement("script");
        script.addEventListener("error", () => {
          player.hasCopy = true;
          player.say("no-save");
          if (player.frames.video.error) player.frames.failed();
        });
        script.src = player.root + player.data.copy;
        document.head.append(script);
      });
    }

    async download() {
      const picture = this.compose();
      const blob = await new Promise((done) => picture.toBlob(done, "image/png"));
      dicfacePlayer.download(blob, this.name());
    }

    name() {
      const { data, state, frames } = this.player;
      const clip = data.clip.replace(/[^\p{L}\p{N}._-]+/gu, "_").replace(/^_+|_+$/g, "");
      const kind = state.mode === "picture" ? "" : `_${state.mode}${state.gain}x`;
      const zoom = state.scale === 1 ? "" : `_zoom${state.scale.toFixed(1)}`;
      return `${clip}_frame${frames.drawn}${kind}${zoom}.png`;
    }

    compose() {
      const { player } = this;
      const { mode, gain } = player.state;
      const part = player.zoom.part();
      const tiles = player.data.tiles;
      const across = Math.max(...tiles.map((tile) => tile.width)) * part.size;
      // Whole factors: every pixel of the frame keeps its size.
      const width = Math.round(across * Math.ceil(LEAST / across));
      const tallest = Math.max(...tiles.map((tile) => tile.height / tile.width));
      const height = Math.round(width * tallest);
      const columns = Math.min(A_ROW, tiles.length);
      const [right, down] = [width + GAP, height + LETTERS + GAP];
      const canvas = document.createElement("canvas");
      canvas.width = columns * right - GAP;
      canvas.height = Math.ceil(tiles.length / columns) * down;
      const context = canvas.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.fillStyle = "#000";
      context.textAlign = "center";
      tiles.forEach((tile, index) => {
        const [x, y] = [(index % columns) * right, Math.floor(index / columns) * down];
        const picture = player.pictures.of(tile, mode, gain);
        const box = [x, y, width, Math.round((width * tile.height) / tile.width)];
        if (picture) player.panes.cut(context, picture, tile, part, box);
        context.font = `${LETTERS - 3}px sans-serif`;
        context.fillText(tile.label, x + width / 2, y + height + LETTERS - 2, width);
      });
      return canvas;
    }
  };

  dicfacePlayer.download = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
}
