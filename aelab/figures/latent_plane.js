// A plane of codes: the digit under the hand is decoded in the page; between A and B eight more.
import { ofLength, placeOf } from "./kit/checks.js";
import { define } from "./kit/define.js";
import { h } from "./kit/dom.js";
import { bytes, clamp, floats, fmt, lerp, thousands } from "./kit/maths.js";
import { network } from "./kit/network.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {import("./kit/network.js").Packed} Packed */
/** @typedef {import("./kit/handle.js").Axis} Axis */
/** @typedef {ReturnType<typeof import("./kit/handle.js").handle>} Handle */
/** @typedef {[x: number, y: number]} Point */

/**
 * Index and distance of the k codes nearest to (x, y), nearest first.
 * @param {ArrayLike<number>} codes x0, y0, x1, …
 * @param {number} x
 * @param {number} y
 * @param {number} k
 */
function nearest(codes, x, y, k) {
  /** @type {[index: number, square: number][]} */
  const best = [];
  for (let i = 0; 2 * i < codes.length; i++) {
    const square = (codes[2 * i] - x) ** 2 + (codes[2 * i + 1] - y) ** 2;
    if (best.length === k && square >= best[k - 1][1]) continue;
    let at = best.length;
    while (at && best[at - 1][1] > square) at--;
    best.splice(at, 0, [i, square]);
    if (best.length > k) best.pop();
  }
  return best.map(([i, square]) => [i, Math.sqrt(square)]);
}

/** @type {(a: Point, b: Point, t: number) => Point} */
const mix = (a, b, t) => [lerp(a[0], b[0], t), lerp(a[1], b[1], t)];

/**
 * n points from a to b.
 * @type {(a: Point, b: Point, n: number) => Point[]}
 */
const between = (a, b, n) => Array.from({ length: n }, (_, i) => mix(a, b, i / (n - 1)));

/**
 * Where on the way from a to b, from 0 to 1, a point is nearest.
 * @type {(a: Point, b: Point, p: Point) => number}
 */
function along(a, b, p) {
  const [u, v] = [b[0] - a[0], b[1] - a[1]];
  const square = u ** 2 + v ** 2;
  return square ? clamp(((p[0] - a[0]) * u + (p[1] - a[1]) * v) / square, 0, 1) : 0;
}

const STEPS = 8;
const COORDINATES = { point: ["x", "y"], A: ["ax", "ay"], B: ["bx", "by"] };
/** @typedef {keyof typeof COORDINATES} Name */

/** @type {(f: Stage, name: Name) => Point} */
const place = (f, name) => [f.get(COORDINATES[name][0]), f.get(COORDINATES[name][1])];

/**
 * The planes of Python, and which of them the trait `plane` names.
 * @param {Stage} f
 */
function unpacked(f) {
  const labels = bytes(f.get("labels"));
  /** @typedef {{ name: string, codes: DataView, decoder: Packed, limits: [Point, Point], spacing: number }} Sent */
  const planes = /** @type {Sent[]} */ (f.get("planes")).map((plane) => ({
    ...plane,
    codes: floats(plane.codes),
    decode: network(plane.decoder),
  }));
  for (const { name, codes } of planes) ofLength(`codes of ${name}`, codes.length, 2 * labels.length);
  const names = planes.map(({ name }) => name);
  const find = () => planes[placeOf("plane", f.get("plane"), names)];
  return { labels, names, find };
}
/** @typedef {ReturnType<ReturnType<typeof unpacked>["find"]>} Plane */

/**
 * The plot, with the codes under it and the hands on the point and on both ends.
 * @param {Stage} f
 * @param {HTMLElement} parent
 * @param {Uint8Array} labels
 * @param {() => Plane} now
 */
function plotOfCodes(f, parent, labels, now) {
  const [x, y] = now().limits;
  const plot = f.plot({
    name: "plane",
    label: "Plane of codes",
    parent,
    x,
    y,
    aspect: (y[1] - y[0]) / (x[1] - x[0]),
    ylabel: "Drag the orange point",
    margin: { left: 26, right: 4 },
  });
  const scatter = plot.scatter({ name: "codes", labels });
  const segment = plot.line({ name: "from A to B", width: 1.5 });
  const ghost = plot.dot({ name: "looked at", hollow: true, r: 7 });
  /** @type {(name: Name, label: string, hue: string, whole: boolean) => { axes: Axis[], handle: Handle }} */
  const hand = (name, label, hue, whole) => {
    // The limits follow the plane.
    const [a, b] = COORDINATES[name].map((trait) => ({ trait, min: 0, max: 0, step: 1 }));
    return { axes: [a, b], handle: plot.handle({ label, hue, x: a, y: b, r: whole ? 8 : 7, whole }) };
  };
  const point = hand("point", "the point", "orange", true);
  const ends = [hand("A", "end A", "ink", false), hand("B", "end B", "ink", false)];
  const letters = ["A", "B"].map((name) => plot.text({ name, dx: 10, dy: -8 }));
  const hint = plot.text({ name: "hint", hue: "orange", dx: 14, dy: 5 });
  hint.el.style.fontWeight = "600";

  f.draw([], () => {
    const { limits, codes } = now();
    [plot.x, plot.y] = limits;
    plot.scales();
    const step = (limits[0][1] - limits[0][0]) / 200;
    for (const { axes, handle } of [point, ...ends]) {
      limits.forEach(([min, max], c) => {
        Object.assign(axes[c], { min, max, step });
      });
      handle.el.setAttribute("aria-valuemin", String(limits[0][0]));
      handle.el.setAttribute("aria-valuemax", String(limits[0][1]));
    }
    scatter.set(codes);
  });
  f.draw(["ax", "ay", "bx", "by"], () => {
    const both = [place(f, "A"), place(f, "B")];
    segment.set(
      both.map(([px]) => px),
      both.map(([, py]) => py),
    );
    both.forEach((end, i) => {
      letters[i].set(...end, "AB"[i]);
      ends[i].handle.set(...end);
    });
  });
  return { plot, ghost, hint, point: point.handle };
}

/**
 * A point on the way from A to B stays on it when an end moves; a point beside it stays where it is.
 * @param {Stage} f
 * @param {() => Plane} now
 * @param {() => void} moved what is drawn when the point has moved
 */
function follow(f, now, moved) {
  let leading = false;
  /** @param {Record<string, number>} values */
  const lead = (values) => {
    leading = true;
    f.set(values);
    leading = false;
  };
  const settle = () => {
    const [x, y] = mix(place(f, "A"), place(f, "B"), f.get("along"));
    lead({ x, y });
    f.guard(moved);
  };
  const measure = () => lead({ along: along(place(f, "A"), place(f, "B"), place(f, "point")) });
  const rides = () => {
    const [a, b, p] = [place(f, "A"), place(f, "B"), place(f, "point")];
    const on = mix(a, b, along(a, b, p));
    return [0, 1].every((c) => Math.abs(on[c] - p[c]) < now().spacing / 100);
  };
  let riding = rides();
  for (const name of ["x", "y"])
    f.on(name, () => {
      if (!leading) riding = rides();
    });
  for (const name of ["ax", "ay", "bx", "by"])
    f.on(name, () => {
      if (leading) return;
      if (riding) settle();
      else measure();
    });
  f.on("along", () => {
    if (leading) return;
    settle();
    riding = true;
  });
  f.draw(["x", "y"], () => {
    if (leading) return; // who leads draws once, at the end
    measure();
    moved();
  });
  return { lead, settle };
}

/**
 * What is said of a place among the codes.
 * @type {(plane: Plane, labels: Uint8Array, z: Point, things: string) => string}
 */
function placeInWords({ codes, spacing }, labels, z, things) {
  const around = nearest(codes, ...z, 10);
  const far = around[0][1] / spacing;
  /** @type {Record<number, number>} */
  const counts = {};
  for (const [i] of around) counts[labels[i]] = (counts[labels[i]] || 0) + 1;
  const classes = Object.entries(counts)
    .sort((a, b) => b[1] - a[1])
    .map(([label, n]) => `${n} × ${label}`);
  if (classes.length > 4) classes.splice(3, 9, "others");
  const where = far > 4 ? "Far from every code" : far > 2 ? "Few codes around" : "Among the codes";
  return (
    `${where}: the nearest of ${thousands(labels.length)} ${things}, a ${labels[around[0][0]]}, ` +
    `is ${fmt(far, far < 10 ? 1 : 0)} times as far away as neighbours usually are. ` +
    `The ten nearest: ${classes.join(", ")}.`
  );
}

/**
 * What is decoded: beside the plane, on a phone in a row of its own with the choice.
 * @param {Stage} f
 * @param {HTMLElement} parent
 * @param {string[]} names
 */
function decoded(f, parent, names) {
  parent.style.cssText = "display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center";
  const digit = f.digit({ label: "decoded digit", size: 400, parent });
  digit.tile.style.flex = "1 1 160px";
  const under = h("span", { class: "ae-tile-name" });
  const words = h("div", { style: "flex:1 1 130px" }, under);
  parent.append(words);
  const options = names.map((name) => /** @type {[string, string]} */ ([name, name]));
  f.choice({ trait: "plane", label: "plane of", options, parent: words }).node.style.flexWrap = "wrap";
  /** @type {(plane: Plane, z: Point) => void} */
  return (plane, z) => {
    digit.draw(plane.decode(z));
    under.textContent = `decoded at ${fmt(z[0])}, ${fmt(z[1])}`;
  };
}

export default define({
  data: ["planes"],
  math: { nearest, between, along, decode: (packed, points) => points.map(network(packed)) },
  render(f) {
    const { labels, names, find } = unpacked(f);
    let plane = find();
    const now = () => plane;
    const [left, right] = f.row(["1.9fr", "1fr"]);
    const { plot, ghost, hint, point } = plotOfCodes(f, left, labels, now);
    const decode = decoded(f, right, names);
    const strip = f.strip({ label: "eight digits decoded from A to B", count: STEPS });
    f.draw(["ax", "ay", "bx", "by"], () =>
      strip.draw(between(place(f, "A"), place(f, "B"), STEPS).map((z) => plane.decode(z))),
    );
    f.slider({ trait: "along", label: "from A to B", min: 0, max: 1, step: 0.01, hue: "orange" });
    f.reset(...Object.values(COORDINATES).flat());
    const say = f.readout({ lines: 2 });

    /** @type {Point | null} where a mouse that only passes over looks, without moving the point */
    let hover = null;
    const show = () => {
      const z = hover || place(f, "point");
      decode(plane, z);
      ghost.el.setAttribute("visibility", hover ? "visible" : "hidden");
      if (hover) ghost.set(...hover);
      say(placeInWords(plane, labels, z, f.get("things")));
    };
    const opened = String(place(f, "point"));
    let untouched = true; // until then the point asks for a hand
    const moved = () => {
      const z = place(f, "point");
      point.set(...z);
      untouched &&= opened === String(z);
      hint.set(...z, untouched ? "drag me" : "");
      show();
    };
    const { lead, settle } = follow(f, now, moved);

    // Another plane: A and B stay with their digits, the point with its place between them.
    const change = () => {
      const before = plane;
      const t = f.get("along");
      plane = find();
      const [a, b] = [place(f, "A"), place(f, "B")].map((end) => {
        const [[i]] = nearest(before.codes, ...end, 1);
        return plane.codes.subarray(2 * i, 2 * i + 2);
      });
      lead({ ax: a[0], ay: a[1], bx: b[0], by: b[1], along: t });
      settle();
      f.redraw();
    };
    f.on("plane", () => f.guard(change));

    /** @param {Point | null} z */
    const look = (z) => {
      hover = z;
      f.guard(show);
    };
    plot.svg.addEventListener("pointermove", (event) => {
      const busy = event.buttons || /** @type {Element} */ (event.target).closest(".ae-handle");
      if (event.pointerType === "mouse") look(busy ? null : plot.at(event));
    });
    plot.svg.addEventListener("pointerleave", () => look(null));
  },
});
