/** The last message on a path, for Vue: a ref that follows it, until the component goes. */

import { onScopeDispose, shallowRef } from "vue";

/**
 * @template [T=any]
 * @param {import("cometary").Comet} comet
 * @param {string} pattern
 */
export function useMessage(comet, pattern) {
  const last = shallowRef(/** @type {T | undefined} */ (undefined));
  onScopeDispose(comet.on(pattern, (message) => (last.value = message)));
  return last;
}

/** @param {import("cometary").Comet} comet a ref of "connecting", "open", "reconnecting" or "closed" */
export function useCometState(comet) {
  const state = shallowRef(comet.state);
  const changed = () => (state.value = comet.state);
  comet.addEventListener("state", changed);
  onScopeDispose(() => comet.removeEventListener("state", changed));
  return state;
}
