// @ts-check
// Small parts that every view is made of.

import { asProblem } from "./api.js";
import { nextTheme, theme, toast, undoFromToast } from "./state.js";
import { html, useEffect, useId, useRef, useSignal } from "./vendor/preact.js";

/** @import { Problem } from "./api.js" */

const strokes = {
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  chat: "M3.5 5.5a2 2 0 0 1 2-2h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H9l-3.8 3v-3a1.7 1.7 0 0 1-1.7-1.7z",
  close: "M5 5l10 10M15 5L5 15",
  clock: "M10 5.5V10l3 2M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0z",
  alert: "M10 6.5v4.2M10 13.6v.1M17 10a7 7 0 1 1-14 0 7 7 0 0 1 14 0z",
  dark: "M16.5 11.8A6.8 6.8 0 0 1 8.2 3.5a6.8 6.8 0 1 0 8.3 8.3z",
  edit: "M4 16l.7-3.2L13 4.5a1.4 1.4 0 0 1 2 0l.5.5a1.4 1.4 0 0 1 0 2l-8.3 8.3z",
  light: "M10 2.5v1.8M10 15.7v1.8M2.5 10h1.8M15.7 10h1.8M4.7 4.7L6 6M14 14l1.3 1.3M4.7 15.3L6 14M14 6l1.3-1.3M13.2 10a3.2 3.2 0 1 1-6.4 0 3.2 3.2 0 0 1 6.4 0z",
  more: "M5 7.5l5 5 5-5",
  fresh: "M10 4.5v11M4.5 10h11",
  sliders: "M3 6.5h7M15 6.5h2M3 13.5h2M10 13.5h7M14.5 6.5a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM9.5 13.5a2 2 0 1 1-4 0 2 2 0 0 1 4 0z",
  search: "M13.2 13.2L17 17M15 9A6 6 0 1 1 3 9a6 6 0 0 1 12 0z",
  send: "M10 16V4.5M5 9.2l5-5 5 5",
  stop: "M5.2 5.2h9.6v9.6H5.2z",
  system: "M3 5.2A1.2 1.2 0 0 1 4.2 4h11.6A1.2 1.2 0 0 1 17 5.2v7.1a1.2 1.2 0 0 1-1.2 1.2H4.2A1.2 1.2 0 0 1 3 12.3zM7.5 16.5h5M10 13.5v3",
  tag: "M3.5 9V4.7a1.2 1.2 0 0 1 1.2-1.2H9L16.5 11 11 16.5zM6.8 6.8v.1",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6M8.5 9v4.5M11.5 9v4.5",
};

/** @typedef {keyof typeof strokes} IconName */

/** @param {{name: IconName}} props */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d=${strokes[name]} /></svg>
`;

/** The sign of the application: a tick that is being said. */
export const Mark = () => html`
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path class="mark-bubble" d="M3 9a6 6 0 0 1 6-6h14a6 6 0 0 1 6 6v9a6 6 0 0 1-6 6h-9l-7.2 5.2V23.6A6 6 0 0 1 3 18z" />
    <path class="mark-tick" d="M10 13.8l4.4 4.4L22.4 9.6" />
  </svg>
`;

/** @param {{level: "low" | "medium" | "high"}} props */
export const PriorityBars = ({ level }) => html`
  <svg class="bars ${level}" viewBox="0 0 14 12" aria-hidden="true" focusable="false">
    <rect x="0" y="8" width="3.4" height="4" rx="1" />
    <rect x="5" y="4.5" width="3.4" height="7.5" rx="1" />
    <rect x="10" y="0.5" width="3.4" height="11.5" rx="1" />
  </svg>
`;

/**
 * A label, an input of any kind, and what is wrong with it. The input is made
 * by children from the attributes that tie the three together.
 * @param {{label: string, hint?: string, error?: string, class?: string,
 *   children?: any}} props
 */
export function Field({ label, hint, error, class: kind = "", children }) {
  const id = useId();
  const notes = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return html`
    <div class="field ${kind}">
      <label for=${id}>${label}</label>
      ${children({ id, "aria-invalid": error ? "true" : undefined, "aria-describedby": notes || undefined })}
      ${error && html`<p class="field-error" id="${id}-error"><${Icon} name="alert" />${error}</p>`}
      ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
    </div>
  `;
}

/** @param {{text: string, children?: any}} props */
export const Trouble = ({ text, children }) => html`
  <div class="trouble" role="alert">
    <${Icon} name="alert" />
    <p>${text}</p>
    ${children}
  </div>
`;

/**
 * Sends a form: one attempt at a time, its problem kept until the next.
 * @param {() => Promise<unknown>} send
 */
export function useSubmit(send) {
  const busy = useSignal(false);
  const problem = useSignal(/** @type {Problem | null} */ (null));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy.peek()) return;
    busy.value = true;
    problem.value = null;
    try {
      await send();
    } catch (error) {
      problem.value = asProblem(error);
    } finally {
      busy.value = false;
    }
  };
  return { busy, problem, submit };
}

/**
 * A modal dialog. The focus stays inside and then goes back to where it was.
 * @param {{title: string, class?: string, onLeave: () => void, children?: any}} props
 *   onLeave: the person wants out; close by no longer rendering it
 */
export function Dialog({ title, class: kind = "", onLeave, children }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    box.current?.showModal();
    // The browser gives the focus back to what had it when a dialog is closed, not when it is removed.
    return () => queueMicrotask(() => before?.focus());
  }, []);
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    onLeave();
  };
  const closed = () => {
    if (!box.current) return; // It is gone because it was left.
    box.current.showModal(); // The browser closes on a second Escape; we decide.
    onLeave();
  };
  return html`
    <dialog class="dialog ${kind}" ref=${box} aria-labelledby=${id} onCancel=${cancel} onClose=${closed}>
      <div class="dialog-head">
        <h2 id=${id}>${title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick=${onLeave}><${Icon} name="close" /></button>
      </div>
      ${children}
    </dialog>
  `;
}

const themeNames = { system: "follows the system", light: "light", dark: "dark" };

export const ThemeButton = () => html`
  <button
    type="button"
    class="icon-button"
    data-testid="theme"
    aria-label="Theme: ${themeNames[theme.value]}"
    title="Theme: ${themeNames[theme.value]}"
    onClick=${nextTheme}
  >
    <${Icon} name=${theme.value} />
  </button>
`;

/** How long a toast stays when nobody points at it. */
const toastStays = 10_000;

/** The newest message about what was done, with the way back. */
export function Toaster() {
  const held = useSignal(false);
  const shown = toast.value;
  const holding = held.value;
  useEffect(() => {
    if (!shown || holding) return;
    const timer = setTimeout(() => (toast.value = null), toastStays);
    return () => clearTimeout(timer);
  }, [shown, holding]);
  const hold = () => (held.value = true);
  const release = () => (held.value = false);
  return html`
    <div
      class="toaster"
      role="status"
      onPointerEnter=${hold}
      onPointerLeave=${release}
      onFocusIn=${hold}
      onFocusOut=${release}
    >
      ${shown &&
      html`
        <div class="toast ${shown.bad ? "bad" : ""}" data-testid="toast" key=${shown.text + shown.undo}>
          ${shown.bad && html`<${Icon} name="alert" />`}
          <p dir="auto">${shown.text}</p>
          ${shown.undo !== undefined &&
          html`<button type="button" data-testid="toast-undo" onClick=${() => undoFromToast(Number(shown.undo))}>Undo</button>`}
          <button
            type="button"
            class="icon-button"
            aria-label="Dismiss"
            onClick=${() => {
              held.value = false;
              toast.value = null;
            }}
          >
            <${Icon} name="close" />
          </button>
        </div>
      `}
    </div>
  `;
}
