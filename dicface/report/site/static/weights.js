// Ranks by one's own weights, with their intervals over clips; the weights stand in the address.
"use strict";
(() => {
  const DRAWS = 400;
  const LARGEST = 5;
  const part = document.getElementById("weights");
  if (!part) return;
  const { metrics, rows, clips } = JSON.parse(document.getElementById("weights-data").textContent);

  // The same draws every time: a rank that flickers while nothing moves would be a lie.
  let state = 1;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const draws = Array.from({ length: DRAWS }, () =>
    Array.from({ length: clips }, () => random(clips)));

  const mean = ({ mean: whole, clips: values }, draw) => {
    if (!draw || values.length === 0) return whole;
    const found = draw.map((clip) => values[clip]).filter((value) => value !== null);
    return found.length ? found.reduce((a, b) => a + b) / found.length : null;
  };

  // Rank of each value, equal ones share theirs; null stays null.
  const ranks = (values, high) => values.map((value) => {
    if (value === null) return null;
    const others = values.filter((other) => other !== null);
    const ahead = others.filter((other) => (high ? other > value : other < value)).length;
    const equal = others.filter((other) => other === value).length;
    return ahead + (equal + 1) / 2;
  });

  // Only who opens this part waits for it.
  let known = null;
  const ranked = () => (known ??= metrics.map(({ id, high }) =>
    [null, ...draws].map((draw) => ranks(rows.map((row) => mean(row.values[id], draw)), high))));

  // A row without a value of a metric that counts has no place.
  const score = (weights, turn) => rows.map((_, row) => {
    let [sum, total] = [0, 0];
    for (const [index, weight] of weights.entries()) {
      if (weight === 0) continue;
      const rank = ranked()[index][turn][row];
      if (rank === null) return null;
      sum += weight * rank;
      total += weight;
    }
    return total ? sum / total : null;
  });

  const places = (values) => values.map((value) =>
    value === null ? null : 1 + values.filter((other) => other !== null && other < value - 1e-9).length);

  const list = part.querySelector(".ranks");
  const sliders = metrics.map(({ id, name }) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const output = document.createElement("output");
    Object.assign(input, { type: "range", min: 0, max: LARGEST, step: 1, value: 1 });
    input.dataset.metric = id;
    label.append(name, input, output);
    part.querySelector(".sliders").append(label);
    return { id, input, output };
  });

  const show = () => {
    const weights = sliders.map(({ input }) => Number(input.value));
    sliders.forEach(({ input, output }) => { output.textContent = input.value; });
    const now = score(weights, 0);
    const place = places(now);
    const drawn = draws.map((_, turn) => places(score(weights, turn + 1)));
    const lines = rows.map((row, index) => {
      const found = drawn.map((each) => each[index]).filter((each) => each !== null);
      found.sort((a, b) => a - b);
      const low = found[Math.floor(0.025 * (found.length - 1))];
      const high = found[Math.ceil(0.975 * (found.length - 1))];
      return { row, place: place[index], mean: now[index], low, high };
    }).filter((line) => line.place !== null).sort((a, b) => a.mean - b.mean);
    list.replaceChildren(...lines.map(({ row, place: own, mean: average, low, high }) => {
      const item = document.createElement("li");
      item.value = own;
      item.dataset.method = row.id;
      const between = clips > 1 ? ` [${low === high ? low : `${low}–${high}`}]` : "";
      item.textContent = `${row.label}${between}, mean rank ${average.toFixed(2)}`;
      return item;
    }));
  };

  const KEY = "#weights=";
  const read = () => {
    if (!location.hash.startsWith(KEY)) return;
    const given = new Map(location.hash.slice(KEY.length).split(",").map((pair) => pair.split(":")));
    for (const { id, input } of sliders) input.value = given.get(id) ?? 0;
    part.open = true;
  };
  part.addEventListener("input", () => {
    const weights = sliders.map(({ id, input }) => `${id}:${input.value}`);
    history.replaceState(null, "", KEY + weights.join(","));
    show();
  });
  part.addEventListener("toggle", () => part.open && show());
  addEventListener("hashchange", () => { read(); if (part.open) show(); });
  part.hidden = false;
  read();
})();
