// @ts-check
// The conversation that is open: what was said in it, and everything that goes
// on with it. It is kept by the server; this tab remembers only which one it is.

import { asProblem, call, keyring, Problem } from "./api.js";
import { filtered, more, onOtherAccount, refresh, todos, undo, zone } from "./state.js";
import { follow } from "./stream.js";
import { batch, computed, signal } from "./vendor/preact.js";

/** @import { Todo } from "./api.js" */

/**
 * @typedef {{id: string, title: string, created_at?: string, updated_at?: string}} Conversation
 * @typedef {{op: string, todo?: Todo | null, seq?: number}} Action
 * @typedef {{op: string, number: number, title: string}} Proposed number: 0 for a todo that is not there yet
 * @typedef {{id: string, operations: Proposed[], expires_at: string, used?: boolean}} Proposal
 *
 * @typedef {object} Message
 * @property {string | number} id
 * @property {"user" | "assistant"} role
 * @property {string} text
 * @property {boolean} [live] it is being said: its text is in said
 * @property {boolean} [stopped] before its end, by the person
 * @property {Action[]} [actions] what was done
 * @property {string[]} [undone] ids of todos for which it was taken back
 * @property {Proposal} [proposal] what is to be confirmed
 * @property {"confirmed" | "cancelled" | "over"} [outcome] of the proposal
 * @property {string} [interpreter] what understood the message
 * @property {string} [model] what wrote part of the reply
 * @property {string} [notice] why a lesser interpreter understood it; the end of the text
 * @property {string} [problem] of a button of this message
 */

export const conversation = signal(/** @type {Conversation | null} */ (null));
export const messages = signal(/** @type {Message[]} */ ([]));
export const loading = signal(false);
export const loadProblem = signal("");

/** The way to older messages; "" where there are none. */
export const older = signal("");

/** What stands in the box. */
export const text = signal("");

/** Why the last message is in the box again. */
export const problem = signal("");

/** Whether an answer is under way: what it is about to do, and its words so far. */
export const waiting = signal(false);
export const stage = signal("");
export const said = signal("");

/** Whether something else can be begun now. */
export const free = computed(() => !waiting.value && !loading.value);

/** What is told to who cannot see it: whole answers, each once. */
export const told = signal({ id: 0, text: "" });

// ---- which conversation it is ----

const place = "todochat.conversation";

/** @param {Conversation | null} c */
function goTo(c) {
  conversation.value = c;
  try {
    if (c) sessionStorage.setItem(place, c.id);
    else sessionStorage.removeItem(place);
  } catch {
    // Switched off: a reload begins a new conversation.
  }
}

/** Goes on, after a reload, where this tab was. */
export function restore() {
  if (conversation.peek() || messages.peek().length > 0) return;
  let id = "";
  try {
    id = sessionStorage.getItem(place) ?? "";
  } catch {
    // Then nothing was kept.
  }
  if (/^[\da-f-]{36}$/.test(id)) void open({ id, title: "" });
}

function clear() {
  stopper?.abort();
  messages.value = [];
  older.value = "";
  problem.value = loadProblem.value = "";
  loading.value = false;
  opened++;
  messageKey.done();
}

export function startOver() {
  batch(() => {
    clear();
    goTo(null);
  });
}

onOtherAccount(() => {
  startOver();
  text.value = "";
});

// ---- what was said in it before ----

const pageSize = 50;

/** Counts what was opened, so that an answer which another overtook is dropped. */
let opened = 0;

/** @param {Conversation} c */
export async function open(c) {
  batch(() => {
    clear();
    goTo(c);
    loading.value = true;
  });
  const mine = opened;
  try {
    const page = await read(c.id);
    if (mine !== opened) return;
    batch(() => {
      conversation.value = page.conversation;
      messages.value = page.messages;
      older.value = page.next;
    });
  } catch (error) {
    if (mine !== opened) return;
    const failure = asProblem(error);
    if (failure.status === 404 && c.title === "") startOver(); // It was deleted meanwhile, or is somebody else's.
    else if (failure.status !== 401) loadProblem.value = failure.message;
  } finally {
    if (mine === opened) loading.value = false;
  }
}

/** Reads the messages before those that are shown. */
export async function openOlder() {
  const mine = opened;
  const { id } = /** @type {Conversation} */ (conversation.peek());
  if (!free.peek()) return;
  loading.value = true;
  try {
    const page = await read(id, older.peek());
    if (mine !== opened) return;
    batch(() => {
      messages.value = [...page.messages, ...messages.peek()];
      older.value = page.next;
      loadProblem.value = "";
    });
  } catch (error) {
    if (mine === opened) loadProblem.value = asProblem(error).message;
  } finally {
    if (mine === opened) loading.value = false;
  }
}

/**
 * @param {string} id
 * @param {string} [cursor]
 * @returns {Promise<{conversation: Conversation, messages: Message[], next: string}>}
 */
async function read(id, cursor) {
  const query = new URLSearchParams({ limit: String(pageSize), ...(cursor && { cursor }) });
  const page = await call("GET", `/api/chat/conversations/${id}?${query}`);
  /** @type {Message[]} */
  const all = page.messages;
  return { conversation: page.conversation, messages: all.map(remembered), next: page.next_cursor ?? "" };
}

/**
 * A message as the server tells it, with what became of its proposal.
 * @param {Message} message
 * @param {number} i
 * @param {Message[]} all
 * @returns {Message}
 */
function remembered(message, i, all) {
  if (!message.proposal) return message;
  const next = all.slice(i + 1).find(({ role, proposal }) => role === "user" || proposal);
  if (message.proposal.used) return { ...message, outcome: "confirmed" };
  return { ...message, outcome: next?.text === no ? "cancelled" : undefined };
}

/** Reads how the server calls the conversation that has just begun. */
async function learnTitle() {
  const c = conversation.peek();
  if (!c || c.title) return;
  try {
    const page = await call("GET", `/api/chat/conversations/${c.id}?limit=1`);
    if (conversation.peek()?.id === c.id) conversation.value = page.conversation;
  } catch {
    // It goes without one until it is opened again.
  }
}

// ---- talking ----

const messageKey = keyring();
const confirmKey = keyring();
let stopper = /** @type {AbortController | null} */ (null);
let lastId = Date.now();

/** @param {Omit<Message, "id">} message */
function push(message) {
  const made = { ...message, id: ++lastId };
  messages.value = [...messages.peek(), made];
  return made;
}

/** @param {Message} message */
const drop = (message) => (messages.value = messages.peek().filter((m) => m.id !== message.id));

/**
 * @param {Message} message
 * @param {Partial<Message>} changes
 */
const amend = (message, changes) =>
  (messages.value = messages.peek().map((m) => (m.id === message.id ? { ...m, ...changes } : m)));

/** What a message may be understood as, in a word or two. */
const understandings = /** @type {Record<string, string>} */ ({
  create: "add",
  list: "look up",
  complete: "complete",
  reopen: "reopen",
  update: "change",
  delete: "delete",
  undo: "take back",
  ask: "a question",
  help: "help",
});

/** @param {{op: string}[]} intents */
function understood(intents) {
  const words = [...new Set(intents.map(({ op }) => understandings[op]).filter(Boolean))];
  return words.length > 0 ? `Understood: ${words.slice(0, 3).join(", ")}…` : "Answering…";
}

/** The stages that need no more than their name. */
const stages = {
  first: "Understanding…",
  acted: "Done. Finding words…",
  slow: "This takes longer when something has to wake up first.",
};

/**
 * Sends a body and shows the answer as it comes.
 * @param {object} body
 * @returns {Promise<boolean>} false if the person wanted no more of it
 */
async function ask(body) {
  const stop = (stopper = new AbortController());
  const mine = push({ role: "assistant", text: "", live: true });
  let slow = false;
  let begun = ""; // what the server calls a new conversation, if it comes to keep it
  const go = (/** @type {string} */ id) => conversation.peek()?.id === id || goTo({ id, title: "" });
  let notice = "";
  const hear = {
    understood: (/** @type {{intents: {op: string}[], notice?: string, conversation_id: string}} */ event) => {
      notice = event.notice ?? "";
      said.value = "";
      stage.value = understood(event.intents);
      begun = event.conversation_id;
    },
    acted: (/** @type {{actions: Action[]}} */ { actions }) => {
      stage.value = stages.acted;
      amend(mine, { actions });
      void refresh();
    },
    token: (/** @type {{text: string}} */ event) => {
      if (notice === "" || event.text.trim() !== notice) said.value += event.text;
    },
    beat: () => {
      if (!said.peek() && !slow) stage.value = `${stage.peek()} ${stages.slow}`;
      slow = true;
    },
  };
  const attempt = async () => {
    batch(() => {
      said.value = "";
      stage.value = stages.first;
    });
    const at = conversation.peek();
    try {
      return await follow("/api/chat", { ...body, ...(at && { conversation_id: at.id }) }, hear, stop.signal);
    } catch (error) {
      if (!at || !("message" in body) || !(error instanceof Problem) || error.status !== 404) throw error;
      goTo(null); // It was deleted elsewhere: another begins.
      return null;
    }
  };
  try {
    // One that broke off is asked for once more: it has the same message id.
    const answer = (await attempt()) ?? (await attempt());
    if (!answer) throw new Problem(0, "The answer broke off. Nothing you typed is lost; try again in a moment.");
    const { reply, actions, proposal, interpreter, model, conversation_id } = answer;
    batch(() => {
      go(conversation_id);
      const text = notice && reply.endsWith(notice) ? reply.slice(0, -notice.length).trim() : reply;
      amend(mine, { live: false, text, actions: actions ?? [], proposal, interpreter, model, notice });
      told.value = { id: mine.id, text: reply };
    });
    void learnTitle();
    return true;
  } catch (error) {
    if (!stop.signal.aborted) {
      drop(mine);
      throw error;
    }
    if (!messages.peek().some(({ id }) => id === mine.id)) return false; // Somebody else is here now.
    batch(() => {
      if (begun) go(begun);
      amend(mine, { live: false, stopped: true, text: said.peek() });
      told.value = { id: mine.id, text: "Stopped." };
    });
    void refresh(); // It may have been done and not told.
    return false;
  } finally {
    if (stopper === stop) stopper = null;
  }
}

/** Ends the answer that is under way. What was done stays done. */
export const stop = () => stopper?.abort();

/**
 * Sends a message, by default what is in the box.
 * @param {string} [button] what a button says in the person's place
 */
export async function send(button) {
  const message = (button ?? text.peek()).trim();
  if (!message || !free.peek()) return;
  waiting.value = true;
  problem.value = "";
  if (button === undefined) text.value = "";
  const mine = push({ role: "user", text: message });
  try {
    await ask({ message, message_id: messageKey.keyFor(message), time_zone: zone.peek() });
    messageKey.done();
  } catch (error) {
    const failure = asProblem(error);
    if (!failure.passing) messageKey.done();
    // Back into the box with it; the same text goes out under the same id.
    drop(mine);
    if (button === undefined || !text.peek()) text.value = [message, text.peek()].filter(Boolean).join("\n");
    problem.value = failure.status === 401 ? "" : failure.message;
  } finally {
    waiting.value = false;
  }
}

/** @param {Message} message */
export async function confirm(message) {
  if (!message.proposal || !free.peek()) return;
  waiting.value = true;
  amend(message, { problem: "" });
  const { id } = message.proposal;
  try {
    if (!(await ask({ confirm: id, message_id: confirmKey.keyFor(id), time_zone: zone.peek() }))) return;
    amend(message, { outcome: "confirmed" });
    confirmKey.done();
  } catch (error) {
    const failure = asProblem(error);
    if (!failure.passing) confirmKey.done();
    amend(message, { problem: failure.message, outcome: failure.passing || failure.status === 401 ? undefined : "over" });
  } finally {
    waiting.value = false;
  }
}

/** What the button says that says no. */
const no = "Cancel";

/**
 * Says no, so that a later "yes" does not mean this any more. Only the last
 * offer can still be meant.
 * @param {Message} message
 */
export function cancel(message) {
  amend(message, { outcome: "cancelled", problem: "" });
  if (messages.peek().findLast((m) => m.proposal)?.id === message.id) void send(no);
}

/**
 * @param {Message} message
 * @param {Action} action
 */
export async function takeBack(message, action) {
  amend(message, { problem: "" });
  try {
    const touched = await undo(Number(action.seq));
    amend(message, { undone: [...(message.undone ?? []), ...touched, action.todo?.id ?? ""] });
  } catch (error) {
    amend(message, { problem: asProblem(error).message });
  }
}

/**
 * Whether what was done can still be taken back, as far as the list tells: not
 * after a later change of one of its todos.
 * @param {Message} message
 */
export function stands({ id, actions = [] }) {
  const last = Math.max(...actions.map(({ seq = 0 }) => seq));
  const all = todos.value !== null && !filtered.value && !more.value;
  const told = typeof id === "number"; // The list may lag behind what was done just now.
  return actions.every(({ op, todo }) => {
    const there = todos.value?.find((t) => t.id === todo?.id);
    return there ? there.version <= last : told || !all || op === "delete" || op === "undo";
  });
}
