/**
 * Milliseconds to wait before another attempt: anything up to a bound that doubles with each attempt. The
 * wide spread ("full jitter") keeps the clients of a server that comes back from arriving together.
 *
 * @param {number} attempt how many attempts have failed so far, from 1
 * @param {{ base: number, cap: number }} bounds the first and the last bound (milliseconds)
 * @param {() => number} random from 0 up to 1
 */
export function backoff(attempt, { base, cap }, random) {
  return random() * Math.min(cap, base * 2 ** Math.min(attempt - 1, 30));
}
