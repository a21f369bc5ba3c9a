// Which frame is on show: playing, stepping and looping over the one video of a clip.
"use strict";
window.dicfacePlayer ??= {};

{
  // Waits for the announcement of a frame that was sought, ms: after each, the seek is repeated.
  const PATIENCE_MS = [250, 500, 1000, 2000];

  const newSheet = (width = 0, height = 0) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    return { canvas, context: canvas.getContext("2d"), frame: -1 };
  };

  // A frame is drawn only when its number is certain: the seek has ended (`drawImage` of a video that
  // seeks draws nothing, and the announcement of a frame may come earlier than `seeked`), and the
  // video announced the frame that was asked for. `currentTime` proves nothing: it runs ahead of the
  // picture. So one seek runs at a time; steps that come meanwhile wait for its frame.
  dicfacePlayer.Frames = class {
    // `named` is told each frame number, `drawn` that `now` holds the frame to show, `failed` that
    // the video cannot be played, `stopped` that it plays or stops.
    constructor(video, { fps, frames }, { named, drawn, failed, stopped }) {
      Object.assign(this, { video, fps, named, failed, told: drawn, last: frames - 1 });
      this.at = 0; // the frame to step from
      this.drawn = -1; // the frame that is shown
      this.range = [0, this.last];
      this.pairs = false; // whether `before` has to hold the frame before the one in `now`
      this.size();
      this.announces = "requestVideoFrameCallback" in video;
      video.addEventListener("seeked", () => this.sought());
      for (const name of ["play", "pause"]) {
        video.addEventListener(name, () => {
          stopped(video.paused);
          // What was copied while it played may be a frame off.
          this.forget();
          if (video.paused) this.seek(this.at);
        });
      }
      video.addEventListener("error", failed);
      if (video.error) failed();
    }

    start() {
      const { video } = this;
      const ready = () => {
        this.size(video.videoWidth, video.videoHeight);
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

    // Two sheets are shown, one more takes the frame that comes.
    size(width, height) {
      this.sheets = [0, 1, 2].map(() => newSheet(width, height));
      [this.now, this.before] = this.sheets;
      this.forget();
    }

    forget() {
      clearTimeout(this.timer);
      for (const sheet of this.sheets) sheet.frame = -1;
      this.current = -1; // the frame that the video announced; -1 while that is not known
      this.towards = -1; // the frame that is sought; -1 without a seek
    }

    watch() {
      if (this.announces) {
        this.video.requestVideoFrameCallback((_, { mediaTime }) => {
          this.announced(this.frameAt(mediaTime));
          this.watch();
        });
        return;
      }
      requestAnimationFrame(() => {
        if (!this.video.paused) this.announced(this.frameAt(this.video.currentTime));
        this.watch();
      });
    }

    // A presented frame n has the time n / fps; a sought one may say any time within the frame.
    frameAt(time) {
      return Math.min(this.last, Math.max(0, Math.floor(time * this.fps + 0.01)));
    }

    announced(index) {
      if (!this.isOpen) return;
      this.current = index;
      if (this.video.paused) this.arrive();
      else if (this.isDrawable()) this.play(index);
    }

    play(index) {
      const [first, end] = this.range;
      if (index < first || index > end) {
        this.jump(first);
        return;
      }
      this.at = index;
      this.named(index);
      this.take(index);
      if (this.isWhole(index)) this.show(index);
    }

    setPairs(pairs) {
      if (pairs === this.pairs) return;
      this.pairs = pairs;
      this.update();
    }

    seek(index) {
      this.at = Math.min(this.last, Math.max(0, index));
      this.named(this.at);
      if (this.video.paused) this.update();
      else this.video.pause();
    }

    // Paused: shows the frame to show, or fetches what is missing for it.
    update() {
      const { video } = this;
      if (!this.isOpen || !video.paused || video.seeking || this.towards >= 0) return;
      const missing = this.needed(this.at).find((index) => !this.sheetOf(index));
      if (missing === undefined) return this.show(this.at);
      Object.assign(this, { goal: this.at, tries: 0 });
      this.go(missing);
    }

    go(index) {
      Object.assign(this, { towards: index, current: -1 });
      this.jump(index);
    }

    // The middle of a frame: no rounding can lead to its neighbour.
    jump(index) {
      this.video.currentTime = (index + 0.5) / this.fps;
    }

    sought() {
      if (!this.video.paused) return;
      if (this.towards < 0) this.update();
      else if (this.announces) this.await();
      // Its picture comes with the next drawing of the page, or the one after.
      else requestAnimationFrame(() => requestAnimationFrame(() => this.believe()));
    }

    await() {
      if (this.arrive()) return;
      clearTimeout(this.timer);
      const patience = PATIENCE_MS[this.tries];
      this.timer = setTimeout(() => {
        this.tries += 1;
        if (this.tries < PATIENCE_MS.length) this.go(this.towards);
        else this.believe();
      }, patience);
    }

    // Without announcements the time is all that is known.
    believe() {
      if (this.video.paused) this.announced(this.frameAt(this.video.currentTime));
    }

    isDrawable() {
      return !this.video.seeking && this.video.readyState >= 2;
    }

    // Takes the frame that was sought, once it is there.
    arrive() {
      const { towards, goal } = this;
      if (towards < 0 || towards !== this.current || !this.isDrawable()) return false;
      clearTimeout(this.timer);
      this.take(towards);
      this.towards = -1;
      // While steps come faster than frames, those on the way are shown.
      if (goal !== this.at && this.isWhole(goal)) this.show(goal);
      this.update();
      return true;
    }

    // Frames that a picture of this one is made from.
    needed(index) {
      return this.pairs && index > 0 ? [index - 1, index] : [index];
    }

    isWhole(index) {
      return this.needed(index).every((each) => this.sheetOf(each));
    }

    sheetOf(index) {
      return this.sheets.find(({ frame }) => frame === index);
    }

    // One copy of the frame: two reads of a playing video may give two frames.
    take(index) {
      const needed = this.needed(this.video.paused ? this.goal : index);
      const free = this.sheets.filter((sheet) => !needed.includes(sheet.frame));
      const unseen = free.find((sheet) => sheet !== this.now && sheet !== this.before);
      const sheet = this.sheetOf(index) ?? unseen ?? free[0];
      sheet.context.drawImage(this.video, 0, 0);
      sheet.frame = index;
    }

    show(index) {
      this.now = this.sheetOf(index);
      this.before = this.sheetOf(index - 1) ?? this.before;
      this.drawn = index;
      this.told();
    }

    toggle(rate) {
      const { video } = this;
      if (!video.paused) {
        video.pause();
        return;
      }
      if (this.current !== this.at) this.jump(this.at);
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
