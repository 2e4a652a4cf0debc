// @ts-check
// Keeps the page in step with what is changed elsewhere: in another tab, by the
// assistant, by a script. The stream is closed while nobody sees the page, so
// that the server may sleep.

import { apply, listSeq, phase, refresh } from "./state.js";
import { effect, signal } from "./vendor/preact.js";

/** @import { Change } from "./state.js" */

/** Whether changes from elsewhere cannot be heard of for now. */
export const offline = signal(false);

const seen = signal(document.visibilityState === "visible");

let source = /** @type {EventSource | null} */ (null);
let failures = 0;
let retry = 0;

/** The last change that the page has heard of. */
let heard = -1;

function open() {
  close();
  heard = Math.max(heard, listSeq.peek());
  if (heard < 0) return;
  const mine = new EventSource(`/api/changes/stream?since=${heard}`);
  source = mine;
  mine.addEventListener("ready", () => {
    failures = 0;
    offline.value = false;
  });
  mine.addEventListener("change", (event) => {
    /** @type {Change} */
    const change = JSON.parse(event.data);
    heard = change.seq;
    apply(change);
  });
  mine.addEventListener("problem", () => source === mine && void again()); // The list says which.
  mine.addEventListener("error", () => {
    if (source !== mine) return;
    // The browser connects again by itself after a stream that has ended, and
    // goes on from the last id. A connection that it gives up, it closes.
    if (mine.readyState === EventSource.CLOSED) void again();
    else if (++failures > 1) offline.value = true;
  });
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

/** Opens the stream after a pause, on a list that was read anew. */
async function again() {
  close();
  failures++;
  offline.value = failures > 1;
  const pause = Math.min(1000 * 2 ** (failures - 1), 30_000) * (0.5 + Math.random());
  retry = setTimeout(async () => {
    heard = -1; // The server may know less than before: the list says.
    await refresh();
    if (phase.peek() === "ready" && seen.peek()) open();
  }, pause);
}

/** Follows changes while somebody is signed in and sees the page. */
export function follow() {
  document.addEventListener("visibilitychange", () => (seen.value = document.visibilityState === "visible"));
  addEventListener("offline", () => (offline.value = true));
  addEventListener("online", () => {
    offline.value = false;
    if (phase.peek() === "ready" && seen.peek()) open();
  });
  const wanted = () => phase.value === "ready" && seen.value && listSeq.value >= 0;
  let was = false;
  effect(() => {
    const is = wanted();
    if (is === was) return;
    was = is;
    if (is) open();
    else close();
    if (phase.value !== "ready") heard = -1;
  });
}
