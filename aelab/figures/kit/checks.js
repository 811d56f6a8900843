// What a trait must be, in the same words as in Python.

/**
 * The place of a trait's value among those that there are.
 * @template T
 * @param {string} name
 * @param {T} value
 * @param {T[]} values
 */
export function placeOf(name, value, values) {
  const at = values.indexOf(value);
  if (at < 0) throw new Error(`${name} must be one of ${values.join(", ")}, got ${value}`);
  return at;
}

/**
 * A trait that is the place of one of `count` things.
 * @type {(name: string, value: number, count: number) => number}
 */
export function place(name, value, count) {
  if (!(Number.isInteger(value) && value >= 0 && value < count))
    throw new Error(`${name} must be an integer from 0 to ${count - 1}, got ${value}`);
  return value;
}

/**
 * Refuse an array of another length than the other traits take.
 * @type {(name: string, got: number, wanted: number, things?: string) => void}
 */
export function ofLength(name, got, wanted, things = "numbers") {
  if (got !== wanted) throw new Error(`${name} must have ${wanted} ${things}, got ${got}`);
}
