// The digits that figures train on, as `assets.py` packs them.

/** @typedef {import("./session.js").Images} Images */

const PIXELS = 784;

/**
 * What a zlib stream holds.
 * @param {Uint8Array<ArrayBuffer>} packed
 */
async function inflate(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * @param {Uint8Array<ArrayBuffer>} packed
 * @returns {Promise<{ train: Images, test: Images }>}
 */
export async function unpack(packed) {
  const raw = await inflate(packed).catch(() => {
    throw new Error("digits must be whole, got data that are cut off or changed");
  });
  const [train, test] = new Uint32Array(raw.buffer, 0, 2);
  const wanted = 8 + (train + test) * (PIXELS + 1);
  if (raw.length !== wanted) throw new Error(`digits must be ${wanted} bytes, got ${raw.length}`);
  const part = (/** @type {number} */ from, /** @type {number} */ length) => raw.subarray(from, from + length);
  const [middle, end] = [8 + train * PIXELS, 8 + (train + test) * PIXELS];
  return {
    train: { pixels: part(8, train * PIXELS), labels: part(end, train) },
    test: { pixels: part(middle, test * PIXELS), labels: part(end + train, test) },
  };
}
