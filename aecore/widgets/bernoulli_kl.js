// KL both ways, its gradient, and L1 beside it, for one hidden unit's mean activation.
const term = (p, q) => (p === 0 ? 0 : p * Math.log(p / q));
const kl = (p, q) => term(p, q) + term(1 - p, 1 - q);
/** d kl(p, q) / dq and d kl(q, p) / dq */
const forwardSlope = (p, q) => (q - p) / (q * (1 - q));
const backwardSlope = (p, q) => Math.log(q / p) - Math.log((1 - q) / (1 - p));

export default ae.define({
  math: { kl, forwardSlope, backwardSlope },
  render(f) {
    const kinds = [
      ["KL(ρ‖ρ̂)", "blue", kl, forwardSlope],
      ["KL(ρ̂‖ρ)", "orange", (p, q) => kl(q, p), backwardSlope],
      ["L1", "green", (p, q) => q, () => 1],
    ];
    const [left, right] = f.row(["1.35fr", "1fr"]);
    const common = { x: [0, 1], xlabel: "mean activation ρ̂", xticks: [0, 0.5, 1], height: 250 };
    const penalty = f.plot({ ...common, parent: left, y: [0, 2], ylabel: "penalty, nats", margin: { right: 64 }, label: "Penalty over the mean activation" });
    const push = f.plot({ ...common, parent: right, y: [-6, 6], yticks: [-5, 0, 5], ylabel: "push on the unit, −gradient", label: "Push over the mean activation: up raises the unit" });
    const rules = [penalty, push].map((plot) => plot.rule()), zero = push.rule({ dash: null });
    const target = penalty.text({ hue: "muted", dx: 5, dy: 12 });
    const marks = kinds.map(([, hue], i) => ({
      penalty: penalty.line({ hue }),
      push: push.line({ hue, width: 1.5 }),
      stem: push.line({ hue, width: 5 - 1.5 * i }),
      dots: i ? [penalty.dot({ hue }), push.dot({ hue })] : [push.dot({ hue, r: 5 })],
    }));
    const names = penalty.ends(kinds);
    const axis = (trait) => ({ trait, min: 0.01, max: 0.99, step: 0.01 });
    const goal = penalty.handle({ label: "target ρ", hue: "muted", x: axis("rho"), r: 5.5 });
    const unit = penalty.handle({ label: "mean activation ρ̂", hue: "blue", x: axis("rho_hat") });

    f.slider({ trait: "rho", label: "target ρ", min: 0.01, max: 0.99, step: 0.01 });
    f.slider({ trait: "rho_hat", label: "activation ρ̂", hue: "blue", min: 0.01, max: 0.99, step: 0.01 });
    f.reset();
    const show = f.numbers(kinds), say = f.readout();

    f.draw(["rho"], () => {
      const p = f.get("rho");
      rules.forEach((rule) => rule.x(p));
      zero.y(0);
      target.set(p, 2, "target ρ");
      kinds.forEach(([, , value, slope], i) => {
        marks[i].penalty.fn((v) => value(p, v));
        marks[i].push.fn((v) => -slope(p, v));
      });
      names.set(kinds.map(([, , value]) => value(p, 0.99)));
      goal.set(p, 0);
    });
    f.draw(["rho", "rho_hat"], () => {
      const p = f.get("rho"), q = f.get("rho_hat");
      const values = kinds.map(([, , value]) => value(p, q)), slopes = kinds.map(([, , , slope]) => slope(p, q));
      marks.forEach(({ stem, dots }, i) => {
        stem.set([q, q], [0, -slopes[i]]);
        dots.at(-1).set(q, -slopes[i]);
        if (i) dots[0].set(q, values[i]);
      });
      unit.set(q, values[0]);
      show(...values.map((v, i) => `${ae.fmt(v, 3)} nats, gradient ${ae.fmt(slopes[i])}`));
      const where = q < p ? "too quiet: KL raises it" : q > p ? "too busy: KL lowers it" : "on target: KL lets it be";
      say(`With target ${ae.fmt(p)}, a unit at ${ae.fmt(q)} is ${where}, L1 lowers it as it always does.`);
    });
  },
});
