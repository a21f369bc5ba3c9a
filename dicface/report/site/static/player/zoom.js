// Which part of the frame all panes show: wheel, drag, pinch, keys, or following the face; and
// where the wipe stands.
"use strict";
window.dicfacePlayer ??= {};

{
  const MOST = 8; // times the larger of the pane and the frame's own pixels
  const NOTCH = 1.25;
  const FOLLOWED = { face: 2, eyes: 4, mouth: 4 }; // enlargement that shows that part

  dicfacePlayer.Zoom = class {
    constructor(player) {
      this.player = player;
      this.fingers = new Map();
      const { box } = player;
      box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      box.addEventListener("pointerdown", (event) => this.press(event));
      box.addEventListener("pointermove", (event) => this.move(event));
      for (const name of ["pointerup", "pointercancel"]) {
        box.addEventListener(name, (event) => this.fingers.delete(event.pointerId));
      }
    }

    // Left and upper edge and size of what is shown, as parts of the frame.
    part() {
      const { state, data, frames } = this.player;
      const size = 1 / state.scale;
      const place = data.places[state.follow]?.[Math.max(0, frames.drawn)];
      const [x, y] = place ?? [state.x, state.y];
      const within = (centre) => Math.min(1 - size, Math.max(0, centre - size / 2));
      return { left: within(x), top: within(y), size };
    }

    limit(canvas = this.anyPane()) {
      return MOST * Math.max(1, this.oneToOne(canvas));
    }

    // The enlargement at which a pixel of the frame is one of the screen.
    oneToOne(canvas = this.anyPane()) {
      const [, tile] = this.player.tiles.entries().next().value;
      return tile.ownWidth / (canvas.clientWidth * devicePixelRatio || tile.ownWidth);
    }

    anyPane() {
      return this.player.panes.canvases.find((canvas) => canvas.clientWidth) ?? {};
    }

    // Enlarges about a point of the pane, (0, 0) its upper left corner, (1, 1) the lower right one.
    to(scale, [u, v] = [0.5, 0.5], canvas = this.anyPane()) {
      const { state } = this.player;
      const next = Math.min(this.limit(canvas), Math.max(1, scale));
      if (next === state.scale) return false;
      const part = this.part();
      const centre = (low, at) => low + at * part.size + (0.5 - at) / next;
      this.player.set({ scale: next, x: centre(part.left, u), y: centre(part.top, v) });
      this.settle();
      return true;
    }

    // Moves by parts of the pane.
    by(right, down) {
      const part = this.part();
      const [x, y] = [part.left + part.size / 2, part.top + part.size / 2];
      this.player.set({ x: x + right * part.size, y: y + down * part.size, follow: "" });
      this.settle();
    }

    // Keeps the centre where the edge allows it: a drag back answers at once.
    settle() {
      const { state } = this.player;
      if (state.follow) return;
      const part = this.part();
      Object.assign(state, { x: part.left + part.size / 2, y: part.top + part.size / 2 });
    }

    follow(what) {
      const { scale } = this.player.state;
      this.player.set({ follow: what, scale: what && scale === 1 ? FOLLOWED[what] : scale });
      this.settle();
    }

    at(canvas, { clientX, clientY }) {
      const box = canvas.getBoundingClientRect();
      return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    }

    wheel(event) {
      const canvas = event.target.closest("canvas[data-shows]");
      if (!canvas || !(event.ctrlKey || this.player.isActive())) return;
      const lines = event.deltaMode === 1 ? 16 : 1;
      const factor = NOTCH ** ((-event.deltaY * lines) / 100);
      // Where there is nothing to zoom, the page scrolls.
      if (this.to(this.player.state.scale * factor, this.at(canvas, event), canvas)) {
        event.preventDefault();
      }
    }

    press(event) {
      const canvas = event.target.closest("canvas[data-shows]");
      if (!canvas || event.button > 0) return;
      this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
      this.wipe(canvas, event);
    }

    move(event) {
      const canvas = event.target.closest("canvas[data-shows]");
      if (!canvas) return;
      const was = this.fingers.get(event.pointerId);
      const box = canvas.getBoundingClientRect();
      const now = [event.clientX, event.clientY];
      if (this.fingers.size > 1 && was) this.pinch(canvas, event, was, now);
      else if (was && event.pointerType === "mouse") this.drag(box, was, now);
      else if (was && canvas.dataset.shows !== "wipe") this.drag(box, was, now);
      else this.wipe(canvas, event);
      if (was) this.fingers.set(event.pointerId, now);
    }

    wipe(canvas, event) {
      if (canvas.dataset.shows !== "wipe" || this.fingers.size > 1) return;
      const [u] = this.at(canvas, event);
      this.player.set({ split: Math.min(1, Math.max(0, u)) });
    }

    drag(box, was, now) {
      if (this.player.state.scale === 1) return;
      this.by((was[0] - now[0]) / box.width, (was[1] - now[1]) / box.height);
    }

    pinch(canvas, event, was, now) {
      const [other] = [...this.fingers].find(([id]) => id !== event.pointerId).slice(1);
      const far = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      const middle = (point) => point.map((value, axis) => (value + other[axis]) / 2);
      const [from, to] = [middle(was), middle(now)];
      const factor = far(now) / Math.max(1, far(was));
      const point = this.at(canvas, { clientX: to[0], clientY: to[1] });
      this.to(this.player.state.scale * factor, point, canvas);
      this.drag(canvas.getBoundingClientRect(), from, to);
    }
  };
}
