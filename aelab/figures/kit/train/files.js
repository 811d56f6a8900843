// What a reader drops onto a figure, as images of 28 × 28 bytes, white on black.

const [SIDE, PIXELS] = [28, 784];

/**
 * Rows of 784 numbers, with or without the class in front: from 0 to 255, or all from 0 to 1.
 * @param {string} text comma-separated, a line of words on top if there is one
 * @returns {{ pixels: Uint8Array, labels: Uint8Array }} class 255 where none is said
 */
export function table(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  if (lines.length && lines[0].split(/[,;\t]/).some((cell) => cell.trim() && Number.isNaN(Number(cell)))) lines.shift();
  if (!lines.length) throw new Error("the table must have rows of 784 numbers, got none");
  const labels = new Uint8Array(lines.length).fill(255);
  const numbers = new Float32Array(lines.length * PIXELS);
  let top = 0;
  lines.forEach((line, row) => {
    const cells = line.split(/[,;\t]/).map((cell) => (cell.trim() ? Number(cell) : Number.NaN));
    if (cells.length === PIXELS + 1) labels[row] = /** @type {number} */ (cells.shift());
    if (cells.length !== PIXELS)
      throw new Error(`row ${row + 1} must have 784 numbers, or 785 with the class first, got ${cells.length}`);
    const wrong = cells.find((value) => !(value >= 0 && value <= 255));
    if (wrong !== undefined) throw new Error(`row ${row + 1} must have numbers from 0 to 255, got ${wrong}`);
    top = Math.max(top, ...cells);
    numbers.set(cells, row * PIXELS);
  });
  const scale = top <= 1 ? 255 : 1;
  return { pixels: Uint8Array.from(numbers, (value) => Math.round(value * scale)), labels };
}

/**
 * Grey levels of red, green, blue and opacity; of a picture on light paper the negative.
 * @param {Uint8ClampedArray} rgba 28 × 28
 */
export function grey(rgba) {
  const out = new Uint8Array(PIXELS);
  for (let i = 0; i < PIXELS; i++) {
    const [r, g, b, a] = rgba.subarray(4 * i, 4 * i + 4);
    out[i] = Math.round(((0.299 * r + 0.587 * g + 0.114 * b) * a) / 255);
  }
  let edge = 0;
  for (let i = 0; i < SIDE; i++) edge += out[i] + out[PIXELS - 1 - i];
  return edge / (2 * SIDE) > 127 ? out.map((value) => 255 - value) : out;
}

/**
 * A picture of any size, whole, in the middle of 28 × 28.
 * @param {File} file
 */
export async function picture(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} must be a picture that this browser can read`);
  });
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  const scale = SIDE / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
  return grey(context.getImageData(0, 0, SIDE, SIDE).data);
}
