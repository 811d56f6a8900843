// Who trains: takes orders, works in slices, and tells how it looks. The worker runs it, or the page where none may be.
import { Session, toUnit } from "./session.js";

/** @typedef {import("./session.js").Images} Images */
/** @typedef {import("./session.js").Start} Start */
/** @typedef {import("./session.js").Run} Run */
/** @typedef {import("./session.js").Look} Look */
/** @typedef {import("./engine.js").Linear} Linear */
/**
 * `id` is of the run, so that what an earlier one still says is known as old.
 * @typedef {(
 *   | { order: "images", train: Images, test: Images }
 *   | { order: "begin", id: number, start: Start, code: Uint8Array<ArrayBuffer> | null }
 *   | { order: "set", run: Run }
 *   | { order: "go", running: boolean }
 *   | { order: "once" }
 *   | { order: "back", step: number }
 *   | { order: "test", test: Images }
 *   | { order: "take", ask: number }
 * )} Order
 */
/**
 * @typedef {(
 *   | { news: "look", id: number, look: Look }
 *   | { news: "diverged", id: number, step: number, back: number }
 *   | { news: "weights", ask: number, weights: Linear[] }
 *   | { news: "failed", message: string }
 * )} News
 */

/**
 * @param {(news: News) => void} tell
 * @param {number} slice milliseconds of work, until it hears again
 * @returns {(order: Order) => void}
 */
export function serve(tell, slice) {
  /** @type {{ train: Float32Array, test: Float32Array }} */
  let images = { train: new Float32Array(0), test: new Float32Array(0) };
  /** @type {Session | null} */
  let session = null;
  let due = false;
  /** @param {() => void} action */
  const guard = (action) => {
    try {
      action();
    } catch (error) {
      session = null;
      tell({ news: "failed", message: /** @type {Error} */ (error).message });
    }
  };
  const work = () => {
    due = false;
    const end = performance.now() + slice;
    guard(() => {
      let more = session !== null;
      while (more && performance.now() < end) more = session?.tick() || false;
      if (more) wake();
    });
  };
  const wake = () => {
    if (due) return;
    due = true;
    setTimeout(work);
  };
  return (order) =>
    guard(() => {
      if (order.order === "images") images = { train: toUnit(order.train.pixels), test: toUnit(order.test.pixels) };
      else if (order.order === "begin") {
        const { id } = order;
        session = new Session(
          images,
          order.start,
          order.code,
          (look) => tell({ news: "look", id, look }),
          (problem) => tell({ news: "diverged", id, ...problem }),
        );
      } else if (!session) return;
      else if (order.order === "set") session.run = order.run;
      else if (order.order === "go") session.go(order.running);
      else if (order.order === "once") session.once();
      else if (order.order === "back") session.back(order.step);
      else if (order.order === "test") session.see(toUnit(order.test.pixels));
      else tell({ news: "weights", ask: order.ask, weights: session.engine.take() });
      wake();
    });
}
