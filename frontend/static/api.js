// @ts-check
// Every request of the page goes through call. The page holds no token: the
// server keeps the session in cookies that scripts cannot read.

/**
 * @typedef {"low" | "medium" | "high"} Priority
 *
 * @typedef {object} Todo
 * @property {string} id
 * @property {number} number what people say: #12
 * @property {string} title
 * @property {string} description
 * @property {"pending" | "completed"} status
 * @property {Priority} priority
 * @property {string | null} due a day ("2026-02-01") or a moment ("2026-02-01T17:00:00Z")
 * @property {string[]} tags
 * @property {number} version the seq of its last change, and what If-Match is held against
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string | null} completed_at
 *
 * @typedef {object} Counts
 * @property {number} total
 * @property {number} pending
 * @property {number} completed
 * @property {number} overdue
 *
 * @typedef {object} Account
 * @property {string} id
 * @property {string} email
 * @property {string} name
 * @property {string} time_zone
 * @property {Counts} [counts] only GET /api/auth/me has them
 *
 * @typedef {{location: string, message: string}} FieldError
 */

/** What went wrong with a request, in words that can be shown. */
export class Problem extends Error {
  /**
   * @param {number} status the HTTP status; 0 when no answer came
   * @param {string} detail
   * @param {FieldError[]} [errors]
   */
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }

  /** Whether the same request may succeed later, or may have succeeded already. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /**
   * The complaint about one member of the body, or "".
   * @param {string} name
   */
  at(name) {
    const at = `body.${name}`;
    const is = (/** @type {FieldError} */ e) => e.location === at || e.location.startsWith(`${at}[`);
    return this.errors.find(is)?.message ?? "";
  }

  /**
   * Everything that at does not give away for these names.
   * @param {string[]} names
   */
  besides(...names) {
    if (this.errors.length === 0) return this.message;
    const shown = names.filter((name) => this.at(name)).length;
    if (shown === this.errors.length) return "";
    if (shown > 0) return this.message;
    return this.errors.map((e) => e.message).join(" ");
  }
}

/**
 * @param {unknown} error
 * @returns {Problem}
 */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem(-1, "Something in this page went wrong. Reload it and try again.");
}

/** Called when a session has ended under a request. state.js sets it. */
export const session = { ended: () => {} };

/**
 * Sends a request and returns the JSON of its answer; anything but success
 * throws a Problem.
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, headers?: Record<string, string>, seconds?: number}} [options]
 * @returns {Promise<any>}
 */
export async function call(method, path, { body, headers, seconds = 30 } = {}) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), seconds * 1000);
  try {
    const response = await request(method, path, { body, headers, signal: limit.signal });
    const text = await response.text();
    return text === "" ? null : JSON.parse(text);
  } catch (error) {
    throw error instanceof Problem ? error : unanswered();
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Sends a request and returns the answer that has begun. Whatever is no
 * success throws a Problem, and no answer at all what fetch throws.
 * @param {string} method
 * @param {string} path
 * @param {{body?: unknown, headers?: Record<string, string>, signal: AbortSignal}} options
 */
export async function request(method, path, { body, headers = {}, signal }) {
  /** @type {RequestInit} */
  const init = { method, headers: { Accept: "application/json", ...headers }, cache: "no-store", signal };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "Content-Type": "application/json", ...init.headers };
  }
  const response = await fetch(path, init);
  if (response.ok) return response;
  const text = await response.text();
  /** @type {Said} */
  let said = {};
  try {
    said = JSON.parse(text) ?? {};
  } catch {
    // A proxy's own error page: the status has to do.
  }
  throw problemOf(path, response.status, said, Number(response.headers.get("Retry-After")));
}

/** What there is to say when nothing came back. */
export const unanswered = () =>
  new Problem(
    0,
    navigator.onLine === false
      ? "You seem to be offline. Nothing you typed is lost; try again when you are back."
      : "The server did not answer. Nothing you typed is lost; try again in a moment.",
  );

/** @typedef {{title?: string, detail?: string, errors?: FieldError[]}} Said a problem as the server tells it */

/**
 * @param {string} path
 * @param {number} status
 * @param {Said} said
 * @param {number} [wait] seconds
 */
export function problemOf(path, status, said, wait = 0) {
  if (status === 401 && path.startsWith("/api/")) session.ended();
  let detail = said.detail || said.title || `The server answered ${status}.`;
  if ((status === 503 || status === 429) && !/try again/i.test(detail)) {
    detail = sentence(detail) + (wait > 0 ? ` Try again in ${wait} s.` : " Try again in a moment.");
  }
  const errors = (said.errors ?? []).map(({ location, message }) => ({ location, message: sentence(message) }));
  return new Problem(status, sentence(detail), errors);
}

/** @param {string} text */
export function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/**
 * A key that nobody else makes: for Idempotency-Key and message ids. Only
 * getRandomValues is there on plain http; randomUUID and subtle are not.
 */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/**
 * One key per thing to be sent: for the same content it gives the same key
 * until done is called, so that sending again after a lost answer acts once.
 */
export function keyring() {
  let content = "";
  let key = "";
  return {
    /** @param {unknown} body */
    keyFor(body) {
      const now = JSON.stringify(body);
      if (key === "" || now !== content) [content, key] = [now, newKey()];
      return key;
    },
    done() {
      key = "";
    },
  };
}
