/* One tempotron to play with: spikes and weights are dragged, and V follows.
 *
 * The formulas are those of docs/mathematics.md, with P = theta = 1 and tau > tau_s. `potential` and
 * `peak` are tested against the library; the rest draws. No other file is loaded.
 */
"use strict";

const constants = (tau, tauS) => {
  const eta = tau / tauS, beta = 1 / tauS - 1 / tau;
  return { tau, tauS, eta, beta, kappa: Math.pow(eta, eta / (eta - 1)) / tau };
};

// K(x), of height 1
const kernel = (c, x) => (c.kappa * Math.exp(-x / c.tau) * -Math.expm1(-c.beta * x)) / c.beta;

// (V, s) just after each spike, in the order of time: equation (1)
function states(spikes, weights, c) {
  const order = spikes.map((t, i) => ({ t, w: weights[i] })).sort((a, b) => a.t - b.t);
  let v = 0, s = 0, before = 0;
  return order.map(({ t, w }) => {
    const u = t - before;
    v = Math.exp(-u / c.tau) * v + kernel(c, u) * s;
    s = Math.exp(-u / c.tauS) * s + w;
    before = t;
    return { t, v, s };
  });
}

const after = (state, c, u) => Math.exp(-u / c.tau) * state.v + kernel(c, u) * state.s;

function potential(spikes, weights, c, times) {
  const known = states(spikes, weights, c);
  return times.map((t) => {
    const last = known.filter((state) => state.t <= t).pop();
    return last ? after(last, c, t - last.t) : 0;
  });
}

// The largest potential on [0, duration]: at a spike, at the end, or where V' = 0 in between
function peak(spikes, weights, c, duration) {
  const known = states(spikes, weights, c);
  let best = { v: 0, t: 0 };
  const offer = (v, t) => { if (v > best.v) best = { v, t }; };
  known.forEach((state, k) => {
    const end = k + 1 < known.length ? known[k + 1].t : duration;
    const { v, s, t } = state, drive = c.kappa * s;
    offer(v, t);
    if (s > 0 && drive + c.beta * v > 0) {
      const u = Math.log((c.eta * drive) / (drive + c.beta * v)) / c.beta;
      if (u > 0 && u < end - t) offer(after(state, c, u), t + u);
    }
    offer(after(state, c, end - t), end);
  });
  return best;
}

// -- the page ------------------------------------------------------------------------------------

const DURATION = 100, MOST = 2; // ms, and the largest weight
const START = { spikes: [12, 22, 30, 52, 64], weights: [0.8, 0.7, -0.9, 0.6, 0.8], tau: 15, tauS: 4 };

function play(host) {
  let now = structuredClone(START);
  const svg = host.querySelector("svg"), say = host.querySelector("output");
  const sliders = [...host.querySelectorAll("input")];
  const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
  let place; // of the drawing, in pixels

  function draw() {
    const wide = Math.max(300, host.clientWidth), left = wide < 560 ? 84 : 150, row = 30;
    const top = 24, bottom = top + 5 * row, low = bottom + 240, right = wide - 14;
    const x = (t) => left + 26 + (t / DURATION) * (right - left - 26);
    const w = (weight) => left / 2 + (weight / MOST) * (left / 2 - 8);
    const c = constants(now.tau, now.tauS), best = peak(now.spikes, now.weights, c, DURATION);
    const times = [...Array(401).keys()].map((k) => (k / 400) * DURATION);
    const v = potential(now.spikes, now.weights, c, times);
    const high = Math.max(1.3, best.v * 1.15), deep = Math.min(-0.3, ...v) * 1.05;
    const y = (value) => low - 24 - ((value - deep) / (high - deep)) * (low - 24 - bottom - 26);
    const line = (x1, y1, x2, y2, kind) =>
      `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" class="${kind}"/>`;
    const text = (px, py, words, more = "") => `<text x="${px}" y="${py}" ${more}>${words}</text>`;
    const handle = (what, i, value, most, name) =>
      `tabindex="0" role="slider" data-what="${what}" data-i="${i}" aria-label="${name} ${i + 1}"` +
      ` aria-valuemin="${what === "spikes" ? 0 : -most}" aria-valuemax="${most}"` +
      ` aria-valuenow="${value.toFixed(2)}"`;
    let out = text(left / 2, 12, "weight", 'text-anchor="middle"') + text(x(0), 12, "spikes");
    now.spikes.forEach((t, i) => {
      const middle = top + (i + 0.5) * row, kind = now.weights[i] < 0 ? "inhibit" : "excite";
      out += line(8, middle, left - 8, middle, "faint") + line(x(0), middle, right, middle, "faint");
      out += line(w(0), middle, w(now.weights[i]), middle, `bar ${kind}`);
      out += `<circle cx="${w(now.weights[i])}" cy="${middle}" r="8" class="${kind}"` +
        ` ${handle("weights", i, now.weights[i], MOST, "weight")}/>`;
      out += `<rect x="${x(t) - 4}" y="${middle - 12}" width="8" height="24" rx="2" class="${kind}"` +
        ` ${handle("spikes", i, t, DURATION, "spike")}/>`;
    });
    for (let t = 0; t <= DURATION; t += 20) {
      out += line(x(t), low - 24, x(t), low - 19, "axis");
      const last = t === DURATION;
      out += text(x(t) + (last ? 12 : 0), low - 6, last ? "100 ms" : t,
        `text-anchor="${last ? "end" : "middle"}"`);
    }
    out += line(x(0), low - 24, right, low - 24, "axis") + line(x(0), y(0), right, y(0), "faint");
    out += line(x(0), y(1), right, y(1), "threshold") + text(left + 20, y(0) + 4, "0", 'text-anchor="end"');
    out += text(left + 20, y(1) + 4, "threshold", 'text-anchor="end"');
    const points = v.map((value, k) => `${x(times[k]).toFixed(1)},${y(value).toFixed(1)}`);
    out += `<polyline points="${points.join(" ")}" class="trace"/>`;
    out += `<circle cx="${x(best.t)}" cy="${y(best.v)}" r="6" class="${best.v > 1 ? "fires" : "silent"}"/>`;
    const focus = document.activeElement, kept = focus && focus.dataset ? { ...focus.dataset } : {};
    svg.setAttribute("viewBox", `0 0 ${wide} ${low}`);
    svg.setAttribute("height", low);
    svg.innerHTML = out;
    if (kept.what) svg.querySelector(`[data-what=${kept.what}][data-i="${kept.i}"]`).focus();
    say.textContent = `Largest potential ${best.v.toFixed(3)} at ${best.t.toFixed(1)} ms: ` +
      (best.v > 1 ? "the neuron fires." : "it does not fire.");
    host.dataset.peak = JSON.stringify(best);
    place = { x, w, left, right };
  }

  function set(what, i, value) {
    const most = what === "spikes" ? DURATION : MOST;
    now[what][i] = clamp(value, what === "spikes" ? 0 : -most, most);
    draw();
  }

  svg.addEventListener("pointerdown", (down) => {
    const { what, i } = down.target.dataset;
    if (!what) return;
    down.preventDefault();
    down.target.focus();
    svg.setPointerCapture(down.pointerId);
    const move = (event) => {
      const px = event.clientX - svg.getBoundingClientRect().left;
      const { x, left, right } = place;
      set(what, i, what === "spikes"
        ? ((px - x(0)) / (right - x(0))) * DURATION
        : ((px - left / 2) / (left / 2 - 8)) * MOST);
    };
    svg.addEventListener("pointermove", move);
    const end = () => svg.removeEventListener("pointermove", move);
    svg.addEventListener("pointerup", end, { once: true });
    svg.addEventListener("pointercancel", end, { once: true });
  });
  svg.addEventListener("keydown", (event) => {
    const { what, i } = event.target.dataset;
    const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!what || !sign) return;
    event.preventDefault();
    set(what, i, now[what][i] + sign * (what === "spikes" ? 1 : 0.05));
  });
  sliders.forEach((slider) => slider.addEventListener("input", () => {
    now[slider.name] = Number(slider.value);
    draw();
  }));
  host.querySelector("button").addEventListener("click", () => {
    now = structuredClone(START);
    sliders.forEach((slider) => { slider.value = now[slider.name]; });
    draw();
  });
  addEventListener("resize", draw);
  draw();
}

if (typeof document !== "undefined") document.querySelectorAll(".neuron").forEach(play);
if (typeof module !== "undefined") module.exports = { constants, potential, peak };
