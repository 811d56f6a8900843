// Data that all figures share, where there is a kernel: Python sends them when a figure asks.

const PATIENCE = 60_000; // milliseconds

/**
 * @param {import("./stage.js").Model} model
 * @param {string} name
 * @returns {Promise<ArrayBufferView>}
 */
export const askPython = (model, name) =>
  new Promise((done, fail) => {
    /** @type {(content?: any, buffers?: any[]) => void} */
    const hear = (content, buffers) => {
      if (content?.asset !== name || !buffers?.length) return;
      clearTimeout(late);
      model.off("msg:custom", hear);
      done(buffers[0]);
    };
    const late = setTimeout(() => {
      model.off("msg:custom", hear);
      fail(new Error(`the ${name} did not arrive from Python: run the cell again`));
    }, PATIENCE);
    model.on("msg:custom", hear);
    if (model.send) model.send({ asset: name });
  });
