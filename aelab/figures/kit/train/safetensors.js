// Files of named tensors, as `safetensors` writes them: eight bytes of length, a JSON header, the numbers.

/** @typedef {import("./engine.js").Linear} Linear */
/** @typedef {{ dtype: string, shape: number[], data_offsets: [number, number] }} Entry */

const HEADER = 1 << 20; // bytes: a longer header is none

/**
 * What a file holds: its tensors of float32, and its own words.
 * @param {Uint8Array<ArrayBuffer>} file
 * @returns {{ tensors: Record<string, { shape: number[], data: Float32Array }>, words: Record<string, string> }}
 */
export function read(file) {
  const no = (/** @type {string} */ why) => new Error(`the file must be in the safetensors format, got ${why}`);
  if (file.length < 8) throw no(`${file.length} bytes`);
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  if (length > HEADER || 8 + length > file.length) throw no("no header");
  /** @type {Record<string, any>} */
  let header;
  try {
    header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  } catch {
    throw no("a header that is no JSON");
  }
  const { __metadata__: words = {}, ...entries } = header;
  const tensors = Object.entries(/** @type {Record<string, Entry>} */ (entries)).map(([name, entry]) => {
    const { dtype, shape, data_offsets: offsets } = entry;
    const count = shape?.reduce((product, size) => product * size, 1);
    const [from, to] = offsets || [0, 0];
    if (dtype !== "F32") throw new Error(`${name} must be of float32, got ${dtype}`);
    if (to - from !== 4 * count || 8 + length + to > file.length) throw no(`a file that is cut off at ${name}`);
    return [name, { shape, data: new Float32Array(file.slice(8 + length + from, 8 + length + to).buffer) }];
  });
  return { tensors: Object.fromEntries(tensors), words };
}

/**
 * The layers of one network of `aecore.mlp`, which counts them 1, 3, 5: a chain, or an error that says what is none.
 * @param {ReturnType<typeof read>["tensors"]} tensors
 * @param {string} network
 */
function chain(tensors, network) {
  const found = Object.keys(tensors)
    .map((name) => name.match(`^${network}\\.(\\d+)\\.weight$`))
    .filter((match) => match !== null)
    .sort((a, b) => Number(a[1]) - Number(b[1]));
  if (!found.length)
    throw new Error(`the model must have "${network}.1.weight", got ${Object.keys(tensors).join(", ")}`);
  return found.map(([name]) => {
    const { shape, data: weight } = tensors[name];
    const bias = tensors[name.replace(/weight$/, "bias")];
    if (shape.length !== 2) throw new Error(`${name} must be of a linear layer, got shape (${shape.join(", ")})`);
    if (bias?.shape.length !== 1 || bias.shape[0] !== shape[0])
      throw new Error(`${name} must have ${shape[0]} biases, got ${bias ? bias.data.length : "none"}`);
    if (![...weight, ...bias.data].every(Number.isFinite)) throw new Error(`${name} must be finite`);
    return { ins: shape[1], outs: shape[0], weight, bias: bias.data };
  });
}

/**
 * A model of `aecore`, a VAE or an autoencoder of two `mlp`s.
 * @param {Uint8Array<ArrayBuffer>} file
 * @param {"vae" | "autoencoder"} kind
 */
export function model(file, kind) {
  const { tensors, words } = read(file);
  const [encoder, decoder] = ["encoder", "decoder"].map((network) => chain(tensors, network));
  const latent = decoder[0].ins;
  const code = kind === "vae" ? 2 * latent : latent;
  const wanted = { encoder: [784, code], decoder: [latent, 784] };
  for (const [name, layers] of Object.entries({ encoder, decoder })) {
    const widths = [layers[0].ins, ...layers.map(({ outs }) => outs)];
    const ends = [widths[0], widths[widths.length - 1]];
    if (String(ends) !== String(wanted[/** @type {"encoder"} */ (name)]))
      throw new Error(
        `${name} must go from ${wanted[/** @type {"encoder"} */ (name)].join(" to ")}, got ${ends.join(" to ")}`,
      );
    if (layers.some(({ ins }, i) => ins !== widths[i]))
      throw new Error(`${name} must be a chain, got ${widths.join(", ")}`);
    if (Math.max(...widths) > 1024) throw new Error(`${name} must be at most 1024 wide, got ${Math.max(...widths)}`);
  }
  const widths = (/** @type {Linear[]} */ layers) => [layers[0].ins, ...layers.map(({ outs }) => outs)];
  return { encoder: widths(encoder), decoder: widths(decoder), weights: [...encoder, ...decoder], words };
}

/**
 * A file of a model's weights, under the names that its `state_dict` has in `aecore`.
 * @param {Linear[]} weights
 * @param {number} deep layers of the encoder
 * @param {Record<string, string>} words
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function write(weights, deep, words) {
  /** @type {Record<string, any>} */
  const header = { __metadata__: words };
  /** @type {Float32Array[]} */
  const parts = [];
  let at = 0;
  const add = (/** @type {string} */ name, /** @type {number[]} */ shape, /** @type {Float32Array} */ data) => {
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + 4 * data.length] };
    at += 4 * data.length;
    parts.push(data);
  };
  weights.forEach(({ ins, outs, weight, bias }, i) => {
    const name = i < deep ? `encoder.${2 * i + 1}` : `decoder.${2 * (i - deep) + 1}`;
    add(`${name}.weight`, [outs, ins], weight);
    add(`${name}.bias`, [outs], bias);
  });
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = 8 * Math.ceil(text.length / 8); // the numbers begin at a multiple of eight
  const file = new Uint8Array(8 + length + at).fill(0x20, 8, 8 + length);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(text, 8);
  let place = 8 + length;
  for (const part of parts) {
    file.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), place);
    place += part.byteLength;
  }
  return file;
}
