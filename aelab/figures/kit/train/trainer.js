// The page's end of training: a worker from the text of its program, or slices of the page's own time without one.
import { serve } from "./serve.js";

/** @typedef {import("./serve.js").Order} Order */
/** @typedef {import("./serve.js").News} News */

/** @type {(text: string) => Uint8Array<ArrayBuffer>} */
const decode = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** The compiled kernels, which the build puts here; null where a source runs as it is. */
export const code = () => (typeof AE_KERNELS === "undefined" ? null : decode(AE_KERNELS));

/**
 * @param {(news: News) => void} hear
 * @returns {{ order: (order: Order) => void, end: () => void }}
 */
export function trainer(hear) {
  let ended = false;
  /** @type {Order[]} until the worker has said something: it may turn out that it cannot start */
  const sent = [];
  let first = true;
  /** @type {Worker | null} */
  let worker = null;
  /** @type {((order: Order) => void) | null} */
  let here = null;
  /** @param {News} news */
  const heard = (news) => {
    if (!ended) hear(news);
  };
  const stay = () => {
    worker?.terminate();
    worker = null;
    here = serve(heard, 12);
    for (const order of sent.splice(0)) here(order);
  };
  try {
    if (typeof AE_WORKER === "undefined") throw new Error("this source was not built");
    const address = URL.createObjectURL(new Blob([AE_WORKER], { type: "text/javascript" })); // `file://` has no other
    worker = new Worker(address);
    URL.revokeObjectURL(address);
    worker.addEventListener("message", ({ data }) => {
      first = false;
      sent.length = 0;
      heard(data);
    });
    worker.addEventListener("error", (event) => {
      if (first) stay();
      else heard({ news: "failed", message: event.message });
    });
  } catch {
    stay();
  }
  return {
    order(order) {
      if (here) here(order);
      else {
        if (first) sent.push(order);
        worker?.postMessage(order);
      }
    },
    end() {
      ended = true;
      here?.({ order: "go", running: false });
      worker?.terminate();
    },
  };
}
