// KL both ways, its gradient, and L1 beside it, for one hidden unit's mean activation.
import { define } from "./kit/define.js";
import { fmt } from "./kit/maths.js";

/** @typedef {import("./kit/stage.js").Stage} Stage */
/** @typedef {(p: number, q: number) => number} Measure of a unit's activation q against its target p */

/** @type {Measure} */
const term = (p, q) => (p === 0 ? 0 : p * Math.log(p / q));
/** @type {Measure} */
const kl = (p, q) => term(p, q) + term(1 - p, 1 - q);
/** @type {Measure} d kl(p, q) / dq */
const forwardSlope = (p, q) => (q - p) / (q * (1 - q));
/** @type {Measure} d kl(q, p) / dq */
const backwardSlope = (p, q) => Math.log(q / p) - Math.log((1 - q) / (1 - p));

/** @type {{ name: string, hue: string, value: Measure, slope: Measure }[]} */
const KINDS = [
  { name: "KL(ρ‖ρ̂)", hue: "blue", value: kl, slope: forwardSlope },
  { name: "KL(ρ̂‖ρ)", hue: "orange", value: (p, q) => kl(q, p), slope: backwardSlope },
  { name: "L1", hue: "green", value: (_, q) => q, slope: () => 1 },
];

/** @type {(trait: string) => { trait: string, min: number, max: number, step: number }} */
const axis = (trait) => ({ trait, min: 0.01, max: 0.99, step: 0.01 });

/**
 * The two plots, and what follows the target ρ.
 * @param {Stage} f
 */
function plots(f) {
  const [left, right] = f.row(["1.35fr", "1fr"]);
  const common = { x: /** @type {[number, number]} */ ([0, 1]), xlabel: "mean activation ρ̂", xticks: [0, 0.5, 1] };
  const penalty = f.plot({
    ...common,
    name: "penalty",
    label: "Penalty over the mean activation",
    parent: left,
    y: [0, 2],
    ylabel: "penalty, nats",
    height: 250,
    margin: { right: 64 },
  });
  const push = f.plot({
    ...common,
    name: "push",
    label: "Push over the mean activation: up raises the unit",
    parent: right,
    y: [-6, 6],
    yticks: [-5, 0, 5],
    ylabel: "push on the unit, −gradient",
    height: 250,
  });
  const rules = [penalty, push].map((plot) => plot.rule({ name: "target" }));
  const zero = push.rule({ name: "zero", dash: null });
  const target = penalty.text({ name: "target", hue: "muted", dx: 5, dy: 12 });
  const curves = KINDS.map(({ name, hue, value, slope }) => ({
    value,
    slope,
    penalty: penalty.line({ name, hue }),
    push: push.line({ name, hue, width: 1.5 }),
  }));
  const names = penalty.ends(KINDS.map(({ name, hue }) => [name, hue]));
  f.draw(["rho"], () => {
    const p = f.get("rho");
    for (const rule of rules) rule.x(p);
    zero.y(0);
    target.set(p, 2, "target ρ");
    for (const curve of curves) {
      curve.penalty.fn((q) => curve.value(p, q));
      curve.push.fn((q) => -curve.slope(p, q));
    }
    names.set(KINDS.map(({ value }) => value(p, 0.99)));
  });
  return { penalty, push };
}

export default define({
  math: { kl, forwardSlope, backwardSlope },
  render(f) {
    const { penalty, push } = plots(f);
    const marks = KINDS.map(({ name, hue }, i) => ({
      stem: push.line({ name: `${name} at ρ̂`, hue, width: 5 - 1.5 * i }),
      cost: i ? penalty.dot({ name, hue }) : null, // of the first one, the handle says it
      push: push.dot({ name, hue, r: i ? 4 : 5 }),
    }));
    const goal = penalty.handle({ label: "target ρ", hue: "muted", x: axis("rho"), r: 5.5 });
    const unit = penalty.handle({ label: "mean activation ρ̂", hue: "blue", x: axis("rho_hat") });

    f.slider({ ...axis("rho"), label: "target ρ" });
    f.slider({ ...axis("rho_hat"), label: "activation ρ̂", hue: "blue" });
    f.reset();
    const show = f.numbers(KINDS.map(({ name, hue }) => [name, hue]));
    const say = f.readout();

    f.draw(["rho", "rho_hat"], () => {
      const [p, q] = [f.get("rho"), f.get("rho_hat")];
      const values = KINDS.map(({ value }) => value(p, q));
      const slopes = KINDS.map(({ slope }) => slope(p, q));
      marks.forEach((mark, i) => {
        mark.stem.set([q, q], [0, -slopes[i]]);
        mark.push.set(q, -slopes[i]);
        mark.cost?.set(q, values[i]);
      });
      goal.set(p, 0);
      unit.set(q, values[0]);
      show(...values.map((v, i) => `${fmt(v, 3)} nats, gradient ${fmt(slopes[i])}`));
      const where = q < p ? "too quiet: KL raises it" : q > p ? "too busy: KL lowers it" : "on target: KL lets it be";
      say(`With target ${fmt(p)}, a unit at ${fmt(q)} is ${where}, L1 lowers it as it always does.`);
    });
  },
});
