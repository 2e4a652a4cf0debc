// What the page may import from ./vendor/preact.js, and all of it: one copy of
// Preact, so that hooks and signals hook into the very renderer that draws.
import { h } from "preact";
import htm from "htm";

export { Fragment, createContext, h, render } from "preact";
export {
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "preact/hooks";
export {
  batch,
  computed,
  effect,
  signal,
  untracked,
  useComputed,
  useSignal,
  useSignalEffect,
} from "@preact/signals";

/** Templates instead of JSX: html`<p class="note">${text}</p>`. */
export const html = htm.bind(h);
