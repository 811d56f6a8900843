// What stands between a figure and who trains for it: it loads the digits, gives orders, hears, and knows when to stop.
import { unpack } from "./digits.js";
import { code, trainer } from "./trainer.js";

/** @typedef {import("../stage.js").Stage} Stage */
/** @typedef {import("./session.js").Start} Start */
/** @typedef {import("./session.js").Run} Run */
/** @typedef {import("./session.js").Look} Look */
/** @typedef {import("./session.js").Images} Images */
/** @typedef {import("./serve.js").News} News */
/** @typedef {{ train: Images, test: Images }} Data */
/** @typedef {"asleep" | "loading" | "running" | "paused"} Mood */

const LIMIT = 60; // seconds of training at a press: a phone gets warm
const KEPT = 300; // looks that are remembered; of twice as many every second is left out

/** @type {Promise<Data> | null} the digits, once for all figures of a page */
let digits = null;

/** @param {Stage} f */
function load(f) {
  digits ??= f
    .asset("digits")
    .then(unpack)
    .catch((error) => {
      digits = null; // another press may find them
      throw error;
    });
  return digits;
}

/**
 * @param {Stage} f
 * @param {object} hooks
 * @param {() => Start} hooks.start what a run begins with
 * @param {(look: Look, past: Look[], data: Data) => void} hooks.show
 * @param {(mood: Mood, why: string) => void} hooks.changed `why`: what stopped it, if that was not the reader
 */
export function conductor(f, { start, show, changed }) {
  /** @type {ReturnType<typeof trainer> | null} */
  let team = null;
  /** @type {Data | null} */
  let data = null;
  /** @type {Look[]} */
  let past = [];
  /** @type {Map<number, (weights: import("./engine.js").Linear[]) => void>} */
  const asked = new Map();
  let id = 0;
  let since = 0; // when it began to run
  /** @type {Mood} */
  let mood = "asleep";

  /** @type {(next: Mood, why?: string) => void} */
  const become = (next, why = "") => {
    mood = next;
    changed(mood, why);
  };
  /** @type {(why?: string) => void} */
  const pause = (why = "") => {
    if (mood !== "running") return;
    team?.order({ order: "go", running: false });
    become("paused", why);
  };

  /** @param {Look} look */
  const looked = (look) => {
    past = past.filter(({ step }) => step < look.step);
    past.push(look);
    if (past.length > 2 * KEPT) past = past.filter((_, i) => i % 2 === 0);
    if (data) show(look, past, data);
    if (performance.now() - since > 1000 * LIMIT) pause(`It stopped after ${LIMIT} seconds; Train goes on.`);
  };

  /** @param {News} news */
  const hear = (news) => {
    if (news.news === "failed") {
      become("paused");
      f.guard(() => {
        throw new Error(news.message);
      });
    } else if (news.news === "weights") {
      asked.get(news.ask)?.(news.weights);
      asked.delete(news.ask);
    } else if (news.id !== id) return;
    else if (news.news === "look") f.guard(() => looked(news.look));
    else {
      const at = `The loss was no number any more at step ${news.step}: back to step ${news.back}.`;
      become("paused", `${at} A smaller learning rate may help.`);
    }
  };

  /** A run from its beginning, with what is set now; it goes on running if one ran. */
  const begin = () => {
    past = [];
    if (!team) return;
    id++;
    team.order({ order: "begin", id, start: start(), code: code() });
    if (mood === "running") team.order({ order: "go", running: true });
  };

  /** @param {Data} other what is trained on from now on */
  const use = (other) => {
    data = other;
    team ??= trainer(hear);
    team.order({ order: "images", train: other.train, test: other.test });
    begin();
  };

  let ended = false;
  /** Once: the digits and a worker. */
  const wake = async () => {
    if (data) return true;
    become("loading");
    team ??= trainer(hear); // starts while the digits are on their way
    try {
      const found = await load(f);
      if (!ended && !data) use(found);
    } catch (error) {
      become("asleep");
      f.guard(() => {
        throw error;
      });
    }
    return data !== null && !ended;
  };

  const near = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) pause("It stopped because it was out of sight.");
  });
  near.observe(f.host);
  const hidden = () => {
    if (document.hidden) pause("It stopped because it was out of sight.");
  };
  document.addEventListener("visibilitychange", hidden);
  f.ends.push(() => {
    ended = true;
    near.disconnect();
    document.removeEventListener("visibilitychange", hidden);
    team?.end();
  });

  return {
    mood: () => mood,
    pause,
    begin,
    use,
    wake,
    async train() {
      if (mood === "loading" || !(await wake())) return;
      since = performance.now();
      team?.order({ order: "go", running: true });
      become("running");
    },
    async once() {
      if (mood === "loading" || !(await wake())) return;
      team?.order({ order: "once" });
      become("paused");
    },
    /** @param {Run} run other settings, from the next step on */
    set: (run) => team?.order({ order: "set", run }),
    /** @param {number} step */
    back(step) {
      team?.order({ order: "back", step });
      become("paused");
    },
    /**
     * Other test images, for the model as it is.
     * @param {(test: Images) => Images} change
     */
    async look(change) {
      if (!(await wake()) || !data) return;
      data = { ...data, test: change(data.test) };
      team?.order({ order: "test", test: data.test });
      if (mood === "loading") become("paused");
    },
    /** The weights as they are now. */
    weights: () =>
      new Promise((/** @type {(weights: import("./engine.js").Linear[]) => void} */ done) => {
        const ask = asked.size ? Math.max(...asked.keys()) + 1 : 0;
        asked.set(ask, done);
        team?.order({ order: "take", ask });
      }),
  };
}
