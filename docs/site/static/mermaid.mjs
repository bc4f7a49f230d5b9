// Mermaid's small build is a classic script: here it is the module that a page with a diagram imports.
await new Promise((resolve, reject) => {
  const src = new URL("mermaid.tiny.js", import.meta.url).href;
  document.head.append(Object.assign(document.createElement("script"), { src, onload: resolve, onerror: reject }));
});
export default globalThis.mermaid;
