/** @param {import("./json.js").Written} written Its bytes; of text, those of UTF-8. */
export function sizeOf(written) {
  return (typeof written === "string" ? new TextEncoder().encode(written) : written).length;
}
