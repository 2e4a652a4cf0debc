// @ts-check
// The conversations there were: which to go on with, what to call them, and
// which to forget.

import { asProblem, call } from "./api.js";
import { now, onOtherAccount, zone } from "./state.js";
import { conversation, free, open, startOver } from "./talk.js";
import { readDue } from "./time.js";
import { Icon, Trouble, useSubmit } from "./ui.js";
import { batch, html, signal, useEffect, useRef, useSignal } from "./vendor/preact.js";

/** @import { Conversation } from "./talk.js" */

/** Those loaded so far, of late first; null before the first answer. */
const list = signal(/** @type {Conversation[] | null} */ (null));
const cursor = signal("");
const problem = signal("");
const pageSize = 20;

onOtherAccount(() => {
  list.value = null;
  cursor.value = problem.value = "";
});

/** @param {string} [after] the cursor of the page before; without it the list is loaded anew */
async function load(after) {
  try {
    const query = new URLSearchParams({ limit: String(pageSize), ...(after && { cursor: after }) });
    const page = await call("GET", `/api/chat/conversations?${query}`);
    batch(() => {
      const before = after ? (list.peek() ?? []) : [];
      const known = new Set(before.map(({ id }) => id));
      list.value = [...before, ...page.conversations.filter((/** @type {Conversation} */ c) => !known.has(c.id))];
      cursor.value = page.next_cursor ?? "";
      problem.value = "";
    });
  } catch (error) {
    const failure = asProblem(error);
    if (failure.status !== 401) problem.value = failure.message;
  }
}

/**
 * @param {Conversation} c
 * @param {string} title
 */
async function rename(c, title) {
  const renamed = await call("PATCH", `/api/chat/conversations/${c.id}`, { body: { title } });
  batch(() => {
    list.value = list.peek()?.map((one) => (one.id === c.id ? renamed : one)) ?? null;
    if (conversation.peek()?.id === c.id) conversation.value = renamed;
  });
}

/** @param {Conversation} c */
async function remove(c) {
  try {
    await call("DELETE", `/api/chat/conversations/${c.id}`);
  } catch (error) {
    if (asProblem(error).status !== 404) throw error; // Somebody else was faster.
  }
  batch(() => {
    list.value = list.peek()?.filter(({ id }) => id !== c.id) ?? null;
    if (conversation.peek()?.id === c.id) startOver();
  });
}

// ---- on the page ----

/** @param {{onOpen: () => void}} props onOpen: one was opened */
export function Conversations({ onOpen }) {
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => void load(), []);
  const shown = list.value;
  return html`
    <section class="conversations" aria-labelledby="conversations-title">
      <h3 id="conversations-title" tabindex="-1" ref=${title}>Conversations</h3>
      ${problem.value &&
      html`
        <${Trouble} text=${problem.value}>
          <button type="button" class="button small" onClick=${() => load()}>Try again</button>
        <//>
      `}
      ${shown === null && !problem.value && html`<p class="hint">Looking…</p>`}
      ${shown?.length === 0 && html`<p class="hint">None yet. What you say to the assistant begins one.</p>`}
      ${shown !== null &&
      shown.length > 0 &&
      html`
        <ul>
          ${shown.map((c) => html`<${Row} c=${c} key=${c.id} onOpen=${onOpen} onGone=${() => title.current?.focus()} />`)}
        </ul>
      `}
      ${cursor.value &&
      html`<button type="button" class="button small" data-testid="conversations-more" onClick=${() => load(cursor.peek())}>Show more</button>`}
    </section>
  `;
}

/** @param {{c: Conversation, onOpen: () => void, onGone: () => void}} props */
function Row({ c, onOpen, onGone }) {
  const doing = useSignal(/** @type {"" | "renaming" | "deleting"} */ (""));
  const was = useRef("");
  const row = useRef(/** @type {HTMLElement | null} */ (null));
  const here = conversation.value?.id === c.id;
  // What asked gets the focus back.
  useEffect(() => {
    const back = { renaming: "conversation-rename", deleting: "conversation-delete" }[was.current];
    if (back && !doing.value) /** @type {HTMLElement | null} */ (row.current?.querySelector(`[data-testid=${back}]`))?.focus();
    was.current = doing.value;
  }, [doing.value]);
  const leave = () => (doing.value = "");
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !doing.peek()) return;
    event.stopPropagation();
    leave();
  };
  const choose = () => {
    if (!free.peek()) return;
    if (!here) void open(c);
    onOpen();
  };
  return html`
    <li class="conversation ${here ? "on" : ""}" data-testid="conversation" data-id=${c.id} ref=${row} onKeyDown=${onKeyDown}>
      ${doing.value === "renaming" && html`<${Rename} c=${c} onLeave=${leave} />`}
      ${doing.value === "deleting" && html`<${Remove} c=${c} onLeave=${leave} onGone=${onGone} />`}
      ${!doing.value &&
      html`
        <button
          type="button"
          class="conversation-open"
          data-testid="conversation-open"
          aria-current=${here ? "true" : undefined}
          aria-disabled=${!free.value}
          onClick=${choose}
        >
          <bdi>${c.title || "Untitled"}</bdi>
          ${c.updated_at && html`<small>${readDue(c.updated_at, zone.value, now.value).text}</small>`}
        </button>
        <button type="button" class="icon-button" data-testid="conversation-rename" aria-label="Rename ${c.title}" title="Rename" onClick=${() => (doing.value = "renaming")}>
          <${Icon} name="edit" />
        </button>
        <button type="button" class="icon-button" data-testid="conversation-delete" aria-label="Delete ${c.title}" title="Delete" aria-disabled=${here && !free.value} onClick=${() => (!here || free.peek()) && (doing.value = "deleting")}>
          <${Icon} name="trash" />
        </button>
      `}
    </li>
  `;
}

/** @param {{c: Conversation, onLeave: () => void}} props */
function Rename({ c, onLeave }) {
  const title = useSignal(c.title);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    input.current?.focus();
    input.current?.select();
  }, []);
  const { busy, problem, submit } = useSubmit(async () => {
    const wanted = title.peek().trim();
    if (wanted !== c.title) await rename(c, wanted);
    onLeave();
  });
  return html`
    <form class="conversation-form" aria-label="Rename ${c.title}" onSubmit=${submit}>
      <input
        ref=${input}
        data-testid="conversation-title"
        name="title"
        aria-label="Title of the conversation"
        autocomplete="off"
        dir="auto"
        required
        maxlength="200"
        value=${title.value}
        onInput=${(/** @type {{currentTarget: HTMLInputElement}} */ e) => (title.value = e.currentTarget.value)}
      />
      <button type="button" class="button small" onClick=${onLeave}>Cancel</button>
      <button class="button small primary" data-testid="conversation-save" aria-disabled=${busy.value}>Save</button>
      ${problem.value && html`<${Trouble} text=${problem.value.besides()} />`}
    </form>
  `;
}

/** @param {{c: Conversation, onLeave: () => void, onGone: () => void}} props */
function Remove({ c, onLeave, onGone }) {
  const keep = useRef(/** @type {HTMLButtonElement | null} */ (null));
  useEffect(() => keep.current?.focus(), []);
  const { busy, problem, submit } = useSubmit(async () => {
    await remove(c);
    onGone();
  });
  return html`
    <form class="conversation-form" aria-label="Delete ${c.title}" onSubmit=${submit}>
      <p>Delete <b dir="auto">${c.title || "Untitled"}</b> and all that was said in it? The todos stay.</p>
      <button type="button" class="button small" ref=${keep} onClick=${onLeave}>Keep</button>
      <button class="button small danger" data-testid="conversation-delete-yes" aria-disabled=${busy.value}>Delete</button>
      ${problem.value && html`<${Trouble} text=${problem.value.besides()} />`}
    </form>
  `;
}
