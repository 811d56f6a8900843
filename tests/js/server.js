// Runs the figures' functions in plain Node: one request a line, one answer a line. `conftest.py` asks.
import { createInterface } from "node:readline";

/** @param {string} _ @param {any} value */
function revive(_, value) {
  if (typeof value?.$number === "string") return Number(value.$number);
  if (typeof value?.$bytes !== "string") return value;
  const bytes = Uint8Array.from(Buffer.from(value.$bytes, "base64")); // in a buffer of its own
  return new DataView(bytes.buffer);
}

/** @param {string} _ @param {any} value */
function replace(_, value) {
  if (ArrayBuffer.isView(value)) return Array.from(/** @type {Float64Array} */ (value));
  return typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { file, code, values } = JSON.parse(line, revive);
  try {
    // biome-ignore lint/security/noGlobalEval: the tests say what to run
    const run = globalThis.eval(code);
    console.log(JSON.stringify({ value: await run(await import(file), ...values) }, replace));
  } catch (error) {
    console.log(JSON.stringify({ error: /** @type {Error} */ (error).message }));
  }
}
