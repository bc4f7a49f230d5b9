/** @param {string} text Its bytes of UTF-8. */
export function sizeOf(text) {
  return new TextEncoder().encode(text).length;
}
