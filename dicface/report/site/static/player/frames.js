// Which frame is on show: playing, stepping and looping over the one video of a clip.
"use strict";
window.dicfacePlayer ??= {};

{
  // So long after a seek the frame sought is on show: should its announcement not have come (it was
  // there already), or an earlier one's have come late, it is taken once more.
  const GRACE_MS = "requestVideoFrameCallback" in HTMLVideoElement.prototype ? 250 : 0;

  const newSheet = (width = 0, height = 0) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    return { canvas, context: canvas.getContext("2d"), frame: -1 };
  };

  dicfacePlayer.Frames = class {
    // `named` is told each frame number, `drawn` that `now` holds the frame to show, `failed` that
    // the video cannot be played, `stopped` that it plays or stops.
    constructor(video, { fps, frames }, { named, drawn, failed, stopped }) {
      Object.assign(this, { video, fps, named, failed, told: drawn, last: frames - 1 });
      this.at = 0; // the frame to step from
      this.drawn = -1; // the frame that is shown
      this.range = [0, this.last];
      this.pairs = false; // whether `before` has to hold the frame before the one in `now`
      this.now = newSheet();
      this.before = newSheet();
      // Where the browser announces each frame with its own time, pixels and number come from that:
      // `currentTime` may run ahead of the frame on show.
      this.announces = "requestVideoFrameCallback" in video;
      video.addEventListener("seeked", () => this.sought());
      for (const name of ["play", "pause"]) {
        video.addEventListener(name, () => {
          stopped(video.paused);
          if (video.paused) this.seek(this.at);
        });
      }
      video.addEventListener("error", failed);
      if (video.error) failed();
    }

    start() {
      const { video } = this;
      const ready = () => {
        this.now = newSheet(video.videoWidth, video.videoHeight);
        this.before = newSheet(video.videoWidth, video.videoHeight);
        this.isOpen = true;
        if (!this.watching) this.watch();
        this.watching = true;
        // It may have been set to play before it could.
        if (video.paused) this.seek(this.at);
      };
      if (video.readyState >= 2) ready();
      else video.addEventListener("loadeddata", ready, { once: true });
    }

    // Takes the same video from another address.
    load(address) {
      Object.assign(this, { isOpen: false, drawn: -1 });
      this.video.src = address;
      this.start();
    }

    watch() {
      const tick = (time) => {
        if (this.announces || !this.video.paused) this.present(time);
        this.watch();
      };
      if (this.announces) this.video.requestVideoFrameCallback((_, { mediaTime }) => tick(mediaTime));
      else requestAnimationFrame(() => tick(this.video.currentTime));
    }

    // A presented frame n has the time n / fps; a sought one may say any time within the frame.
    frameAt(time) {
      return Math.min(this.last, Math.max(0, Math.floor(time * this.fps + 0.01)));
    }

    present(time) {
      const { video, range } = this;
      if (!this.isOpen) return;
      const index = this.frameAt(time);
      if (!video.paused && (index < range[0] || index > range[1])) {
        if (!video.seeking) this.go(range[0]);
        return;
      }
      this.take(index);
      // A late frame must not undo a step: only playing moves the place to step from.
      if (!video.paused) this.at = index;
      else if (this.detouring && index === this.towards) return this.go(this.at);
      if (this.isWhole()) {
        this.drawn = index;
        this.told();
      } else if (video.paused && index === this.at) {
        return this.go(index - 1);
      }
      // While it seeks, the number is that of the frame to come.
      if (!video.paused || !video.seeking) this.named(index);
    }

    take(index) {
      if (this.now.frame !== index) [this.now, this.before] = [this.before, this.now];
      // One copy of the frame: two reads of a playing video may give two frames.
      this.now.context.drawImage(this.video, 0, 0);
      this.now.frame = index;
    }

    isWhole() {
      return !this.pairs || this.now.frame === 0 || this.before.frame === this.now.frame - 1;
    }

    setPairs(pairs) {
      if (pairs === this.pairs) return;
      this.pairs = pairs;
      if (this.video.paused && this.watching) this.seek(this.at);
    }

    seek(index) {
      const { video } = this;
      this.at = Math.min(this.last, Math.max(0, index));
      if (!video.paused) video.pause();
      this.named(this.at);
      if (this.isOpen && !video.seeking) this.go(this.needsDetour() ? this.at - 1 : this.at);
    }

    // Whether the frame before has to be fetched first.
    needsDetour() {
      const held = [this.at - 1, this.at].includes(this.now.frame);
      const both = this.now.frame === this.at - 1 || this.before.frame === this.at - 1;
      return this.pairs && this.at > 0 && !(held && both);
    }

    go(index) {
      Object.assign(this, { towards: index, goal: this.at });
      this.detouring = index !== this.at && this.video.paused;
      // The middle of a frame: no rounding can lead to its neighbour.
      this.video.currentTime = (index + 0.5) / this.fps;
    }

    sought() {
      const { video } = this;
      if (!video.paused) return;
      // Steps that came while it was seeking.
      if (this.goal !== this.at || this.frameAt(video.currentTime) !== this.towards) {
        this.seek(this.at);
        return;
      }
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        if (video.paused && !video.seeking) this.present(video.currentTime);
      }, GRACE_MS);
    }

    toggle(rate) {
      const { video } = this;
      if (!video.paused) {
        video.pause();
        return;
      }
      video.playbackRate = rate;
      video.play().catch((error) => {
        // Stopped again before it began: no failure.
        if (error.name !== "AbortError") this.failed();
      });
    }

    loop(first, end) {
      this.range = [Math.min(first, end), Math.max(first, end)];
    }
  };
}
