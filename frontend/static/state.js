// @ts-check
// What the page knows, as signals, and everything that changes it. Views read
// signals and call these functions; no view talks to the server about todos or
// the account by itself.

import { asProblem, call, keyring, Problem, session } from "./api.js";
import { draftOf, emptyDraft } from "./drafts.js";
import { browserZone } from "./time.js";
import { batch, computed, signal } from "./vendor/preact.js";

/** @import { Account, Counts, Todo } from "./api.js" */
/** @import { Draft } from "./drafts.js" */

// ---- the page ----

/** @type {import("./vendor/preact.js").Signal<"starting" | "unreachable" | "signed-out" | "ready">} */
export const phase = signal("starting");

/** A line above the sign-in form: why one is there. */
export const note = signal("");

/** The time that "today" and "overdue" are told from. */
export const now = signal(new Date());

/** Whether the assistant is a sheet over the page, not a column of it. */
const narrowly = matchMedia("(max-width: 67.4375rem)");
export const narrow = signal(narrowly.matches);

export const chatOpen = signal(false);

/** @typedef {"system" | "light" | "dark"} Theme */
const themes = /** @type {Theme[]} */ (["system", "light", "dark"]);
const themed = document.documentElement.dataset.theme;
export const theme = signal(themes.find((one) => one === themed) ?? "system");

export function nextTheme() {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length];
  const fixed = theme.value === "system" ? null : theme.value;
  if (fixed) document.documentElement.dataset.theme = fixed;
  else delete document.documentElement.dataset.theme;
  try {
    if (fixed) localStorage.setItem("theme", fixed);
    else localStorage.removeItem("theme");
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
}

// ---- the toast: one at a time, the newest ----

/** @typedef {{text: string, bad?: boolean, undo?: number}} Toast undo: the seq to take back */
export const toast = signal(/** @type {Toast | null} */ (null));

/**
 * @param {string} text
 * @param {number} [undo]
 */
const say = (text, undo) => (toast.value = { text, undo });

/** @param {unknown} error */
function complain(error) {
  const problem = asProblem(error);
  if (problem.status !== 401) toast.value = { text: problem.message, bad: true };
}

// ---- the account ----

export const account = signal(/** @type {Account | null} */ (null));
export const counts = signal(/** @type {Counts | null} */ (null));
export const zone = computed(() => account.value?.time_zone || browserZone);

/** Whose drafts and conversation this page holds. */
let owner = "";

/** @type {(() => void)[]} run when another account takes over the page */
const forgetters = [];

/** @param {() => void} forget */
export const onOtherAccount = (forget) => forgetters.push(forget);

/** @param {Account} who */
function enter(who) {
  batch(() => {
    if (owner && owner !== who.id) forget();
    owner = who.id;
    account.value = who;
    if (who.counts) counts.value = who.counts;
    note.value = "";
    phase.value = "ready";
  });
}

function forget() {
  todos.value = null;
  listSeq.value = -1;
  total.value = 0;
  cursor = null;
  counts.value = null;
  toast.value = null;
  filters.value = noFilters;
  draft.value = emptyDraft;
  editing.value = null;
  for (const run of forgetters) run();
}

session.ended = () => {
  if (phase.value !== "ready") return;
  batch(() => {
    note.value = "Your session has ended. Sign in again to go on; what you were typing is kept.";
    toast.value = null;
    phase.value = "signed-out";
  });
};

/** Decides what the page shows first. */
export async function start() {
  phase.value = "starting";
  try {
    enter(await call("GET", "/api/auth/me"));
    await loadTodos();
  } catch (error) {
    phase.value = asProblem(error).status === 401 ? "signed-out" : "unreachable";
    note.value = phase.value === "unreachable" ? asProblem(error).message : "";
  }
}

/**
 * @param {string} email
 * @param {string} password
 */
export const signIn = (email, password) => begin("/session", { email, password });

/**
 * @param {string} email
 * @param {string} password
 * @param {string} name
 */
export const signUp = (email, password, name) =>
  begin("/session/register", { email, password, name, time_zone: browserZone });

/**
 * @param {string} path
 * @param {object} body
 */
async function begin(path, body) {
  const answer = await call("POST", path, { body });
  enter(answer.account);
  await refresh();
}

export async function signOut() {
  try {
    await call("DELETE", "/session");
  } catch (error) {
    if (asProblem(error).status !== 401) return complain(error);
  }
  batch(() => {
    forget();
    owner = "";
    account.value = null;
    note.value = "";
    phase.value = "signed-out";
  });
}

async function loadAccount() {
  enter(await call("GET", "/api/auth/me"));
}

/** @param {{name?: string, time_zone?: string}} changes */
export async function saveProfile(changes) {
  const saved = await call("PATCH", "/api/auth/me", { body: changes });
  enter({ ...saved, counts: saved.counts ?? counts.peek() ?? undefined });
  say("Your profile is saved.");
  await refresh();
}

// ---- the list ----

/**
 * @typedef {object} Filters
 * @property {string} q
 * @property {string} status
 * @property {string} priority
 * @property {string} due
 * @property {string} tag
 * @property {string} sort a sort and an order: "created desc"
 */

/** @type {Filters} */
export const noFilters = { q: "", status: "", priority: "", due: "", tag: "", sort: "created desc" };
export const filters = signal(noFilters);
export const filtered = computed(() =>
  /** @type {const} */ (["q", "status", "priority", "due", "tag"]).some((name) => filters.value[name] !== ""),
);

/** The todos loaded so far; null before the first answer. */
export const todos = signal(/** @type {Todo[] | null} */ (null));
export const total = signal(0);

/** The seq of the last change that the list is known to show; -1 before the first answer. */
export const listSeq = signal(-1);
export const loading = signal(false);
export const listProblem = signal("");
export const more = signal(false);

const pageSize = 20;
let cursor = /** @type {string | null} */ (null);

/** Counts list requests, so that an answer which another overtook is dropped. */
let asked = 0;
let latest = /** @type {Promise<void>} */ (Promise.resolve());

/** @param {Partial<Filters>} changes */
export function setFilters(changes) {
  filters.value = { ...filters.value, ...changes };
  void loadTodos();
}

/**
 * @param {number} limit
 * @param {string | null} after
 */
function page(limit, after) {
  const { sort, ...rest } = filters.peek();
  const [by, order] = sort.split(" ");
  const query = new URLSearchParams({ limit: String(limit), sort: by, order });
  for (const [name, value] of Object.entries(rest)) if (value.trim()) query.set(name, value.trim());
  if (after) query.set("cursor", after);
  return call("GET", `/api/todos?${query}`);
}

/**
 * Loads the list anew: its first page, or as many as are shown.
 * @param {{keep?: boolean}} [options]
 */
export function loadTodos({ keep = false } = {}) {
  latest = load(++asked, keep ? Math.max(pageSize, todos.peek()?.length ?? 0) : pageSize);
  return latest;
}

/**
 * @param {number} mine
 * @param {number} want
 */
async function load(mine, want) {
  loading.value = true;
  try {
    /** @type {Todo[]} */
    const got = [];
    let answer;
    let first;
    do {
      answer = await page(Math.min(100, want - got.length), answer?.next_cursor ?? null);
      first ??= answer;
      if (mine !== asked) return;
      got.push(...answer.todos);
    } while (answer.next_cursor && got.length < want);
    batch(() => {
      todos.value = got;
      total.value = answer.total;
      listSeq.value = first.seq;
      listProblem.value = "";
      setCursor(answer.next_cursor);
      loading.value = false;
    });
  } catch (error) {
    if (mine !== asked) return;
    const problem = asProblem(error);
    batch(() => {
      loading.value = false;
      if (problem.status !== 401) listProblem.value = problem.message;
    });
  }
}

/** @param {string | null | undefined} next */
function setCursor(next) {
  cursor = next || null;
  more.value = cursor !== null;
}

/** Appends the next page. */
export async function loadMore() {
  await latest;
  const mine = asked;
  if (!cursor) return;
  loading.value = true;
  try {
    const answer = await page(pageSize, cursor);
    if (mine !== asked) return void loadMore(); // The list was loaded anew meanwhile.
    const shown = todos.peek() ?? [];
    const known = new Set(shown.map((t) => t.id));
    batch(() => {
      todos.value = [...shown, ...answer.todos.filter((/** @type {Todo} */ t) => !known.has(t.id))];
      total.value = answer.total;
      setCursor(answer.next_cursor);
    });
  } catch (error) {
    complain(error);
  } finally {
    if (mine === asked) loading.value = false;
  }
}

/** Brings list and counters up to date after something changed. */
export async function refresh() {
  const list = loadTodos({ keep: true });
  try {
    await loadAccount();
  } catch (error) {
    const problem = asProblem(error);
    if (problem.status !== 401) listProblem.value = problem.message;
  }
  await list;
}

/** @param {Todo} todo */
function replace(todo) {
  todos.value = todos.peek()?.map((t) => (t.id === todo.id ? todo : t)) ?? null;
}

// ---- what is changed elsewhere ----

/**
 * @typedef {object} Change
 * @property {number} seq
 * @property {string} todo_id
 * @property {Todo | null} after null: it is no longer there
 */

let laterRefresh = 0;

/**
 * Shows a change that was made anywhere. What the page has done itself it
 * knows already.
 * @param {Change} change
 */
export function apply({ seq, todo_id, after }) {
  if (seq <= listSeq.peek()) return;
  const shown = todos.peek()?.find((t) => t.id === todo_id);
  if (after && shown && shown.version >= seq) return;
  if (after && shown) replace(after);
  else if (!after && shown) todos.value = todos.peek()?.filter((t) => t.id !== todo_id) ?? null;
  // Order, filters and counters are the server's to tell: once for all that
  // comes at the same time.
  clearTimeout(laterRefresh);
  laterRefresh = setTimeout(() => {
    if (phase.peek() === "ready" && document.visibilityState === "visible") void refresh();
  }, 150);
}

// ---- writing todos ----

/** What stands in the form that adds todos. */
export const draft = signal(emptyDraft);

/** @typedef {{base: Todo, draft: Draft, newer: boolean, gone: boolean}} Editing */
/** What the edit dialog holds; null when there is none. */
export const editing = signal(/** @type {Editing | null} */ (null));

/** @param {Todo} todo */
export function openEditor(todo) {
  editing.value = { base: todo, draft: draftOf(todo, zone.peek()), newer: false, gone: false };
}

const createKey = keyring();

/**
 * Adds a todo. Without an answer it is sent once more under the same key, and
 * so it is when the person tries again.
 * @param {object} body
 * @returns {Promise<Todo>}
 */
export async function addTodo(body) {
  const send = () =>
    call("POST", "/api/todos", { body, headers: { "Idempotency-Key": createKey.keyFor(body) } });
  let todo;
  try {
    todo = await send().catch(async (error) => {
      if (!(error instanceof Problem) || error.status !== 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 800));
      return send();
    });
  } catch (error) {
    if (!asProblem(error).passing) createKey.done();
    throw error;
  }
  createKey.done();
  say(`Added #${todo.number} ${todo.title}`, todo.version);
  void refresh();
  return todo;
}

/**
 * The seq that takes back what made before into saved; none if nothing did,
 * for then the version is that of an older change.
 * @param {Todo} saved
 * @param {Todo} before
 */
const changeOf = (saved, before) => (saved.version === before.version ? undefined : saved.version);

/**
 * @param {Todo} todo
 * @param {object} patch
 */
export async function saveTodo(todo, patch) {
  const saved = await call("PATCH", `/api/todos/${todo.id}`, {
    body: patch,
    headers: { "If-Match": `"${todo.version}"` },
  });
  replace(saved);
  say(`Saved #${saved.number} ${saved.title}`, changeOf(saved, todo));
  void refresh();
}

/**
 * Completes or reopens; the box shows it at once, and takes it back if it fails.
 * @param {Todo} todo
 */
export async function toggleTodo(todo) {
  const completing = todo.status === "pending";
  replace({ ...todo, status: completing ? "completed" : "pending" });
  try {
    const saved = await call("POST", `/api/todos/${todo.id}/${completing ? "complete" : "reopen"}`);
    replace(saved);
    say(`${completing ? "Completed" : "Reopened"} #${saved.number} ${saved.title}`, changeOf(saved, todo));
    void refresh();
  } catch (error) {
    replace(todo);
    failed(error, todo);
  }
}

/** @param {Todo} todo */
export async function deleteTodo(todo) {
  try {
    const gone = await call("DELETE", `/api/todos/${todo.id}`);
    todos.value = todos.peek()?.filter((t) => t.id !== todo.id) ?? null;
    say(`Deleted #${todo.number} ${todo.title}`, gone.version);
    void refresh();
    return true;
  } catch (error) {
    failed(error, todo);
    return false;
  }
}

/**
 * @param {unknown} error
 * @param {Todo} todo
 */
function failed(error, todo) {
  if (asProblem(error).status !== 404) return complain(error);
  toast.value = { text: `#${todo.number} is no longer there.`, bad: true };
  void refresh();
}

/**
 * Takes back the request that seq belongs to, and returns the ids of the
 * todos that it touched. Throws a Problem.
 * @param {number} seq
 * @returns {Promise<string[]>}
 */
export async function undo(seq) {
  const answer = await call("POST", `/api/changes/${seq}/undo`);
  void refresh();
  return (answer.changes ?? []).map((/** @type {{todo_id: string}} */ c) => c.todo_id);
}

/** @param {number} seq */
export async function undoFromToast(seq) {
  try {
    await undo(seq);
    say("Taken back.");
  } catch (error) {
    complain(error);
  }
}

// ---- finding one todo ----

/** The number of the todo that was just pointed at. */
export const pointed = signal(0);

/**
 * Brings a todo into view and focus; one that the list does not show is opened.
 * @param {number} number
 */
export async function pointAt(number) {
  if (narrow.value) chatOpen.value = false;
  if (todos.peek()?.some((t) => t.number === number)) {
    pointed.value = 0;
    setTimeout(() => (pointed.value = number));
    return;
  }
  try {
    openEditor(await call("GET", `/api/todos/${number}`));
  } catch (error) {
    if (asProblem(error).status === 404) toast.value = { text: `#${number} is no longer there.`, bad: true };
    else complain(error);
  }
}

// ---- what the browser tells ----

let refreshed = Date.now();
const tick = () => {
  if (document.visibilityState !== "visible") return;
  now.value = new Date();
  if (phase.value === "ready" && Date.now() - refreshed > 30_000) {
    refreshed = Date.now();
    void refresh();
  }
};

/** Keeps signals in step with the clock, the window and the connection. */
export function watch() {
  narrowly.addEventListener("change", (event) => (narrow.value = event.matches));
  setInterval(() => document.visibilityState === "visible" && (now.value = new Date()), 20_000);
  document.addEventListener("visibilitychange", tick);
  addEventListener("online", () => {
    if (phase.value === "unreachable") void start();
    else if (phase.value === "ready") void refresh();
  });
}
