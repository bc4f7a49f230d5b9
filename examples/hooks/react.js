/** The last message on a path, for React: it renders again with each one. */

import { useCallback, useRef, useSyncExternalStore } from "react";

/**
 * @template [T=any]
 * @param {import("cometary").Comet} comet
 * @param {string} pattern
 * @returns {T | undefined}
 */
export function useMessage(comet, pattern) {
  const last = useRef(/** @type {T | undefined} */ (undefined));
  const subscribe = useCallback(
    (/** @type {() => void} */ changed) =>
      comet.on(pattern, (message) => {
        last.current = message;
        changed();
      }),
    [comet, pattern],
  );
  return useSyncExternalStore(
    subscribe,
    () => last.current,
    () => undefined,
  );
}

/** @param {import("cometary").Comet} comet "connecting", "open", "reconnecting" or "closed" */
export function useCometState(comet) {
  const subscribe = useCallback(
    (/** @type {() => void} */ changed) => {
      comet.addEventListener("state", changed);
      return () => comet.removeEventListener("state", changed);
    },
    [comet],
  );
  return useSyncExternalStore(
    subscribe,
    () => comet.state,
    () => "closed",
  );
}
