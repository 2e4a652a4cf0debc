// @ts-check
// The assistant: a column of the page where there is room, a sheet over it
// where there is none.

import { asProblem, call, keyring } from "./api.js";
import { account, chatOpen, narrow, now, onOtherAccount, pointAt, refresh, undo, zone } from "./state.js";
import { Icon, Mark, Trouble } from "./ui.js";
import { effect, html, signal, useEffect, useLayoutEffect, useRef } from "./vendor/preact.js";

/** @import { Todo } from "./api.js" */

/**
 * @typedef {{op: string, todo?: Todo | null, seq?: number}} Action
 * @typedef {{id: string, operations: {op: string}[], expires_at: string}} Proposal
 *
 * @typedef {object} Message
 * @property {number} id
 * @property {"user" | "assistant"} role
 * @property {string} text
 * @property {Action[]} [actions] what was done
 * @property {string[]} [undone] ids of todos for which it was taken back
 * @property {Proposal} [proposal] what is to be confirmed
 * @property {"confirmed" | "cancelled" | "over"} [outcome] of the proposal
 * @property {string} [interpreter]
 * @property {string} [problem] of a button of this message
 */

const greeting = "Tell me what to do with your list, in your own words. I act on it, say what I did, and can take it back.";

const examples = [
  "Add buy milk tomorrow, high priority",
  "What is due this week?",
  "Mark 1 done",
  "Delete everything that is done",
];

const messages = signal(/** @type {Message[]} */ ([]));
const conversation = signal("");
const text = signal("");
const waiting = signal(false);
const problem = signal("");
const messageKey = keyring();

// ---- kept in this tab, so that a reload goes on where it was ----

const place = "todochat.conversation";
const kept = 60;

/** @param {string} owner */
function restore(owner) {
  try {
    const stored = JSON.parse(sessionStorage.getItem(place) ?? "null");
    if (stored?.owner !== owner || messages.peek().length > 0) return;
    messages.value = stored.messages;
    conversation.value = stored.conversation;
  } catch {
    // Nothing usable is stored: a new conversation begins.
  }
}

effect(() => {
  const owner = account.value?.id;
  if (!owner || messages.value.length === 0) return;
  const stored = { owner, conversation: conversation.value, messages: messages.value.slice(-kept) };
  try {
    sessionStorage.setItem(place, JSON.stringify(stored));
  } catch {
    // Full or switched off: the conversation lasts as long as the page.
  }
});

function startOver() {
  messages.value = [];
  conversation.value = "";
  problem.value = "";
  messageKey.done();
  try {
    sessionStorage.removeItem(place);
  } catch {
    // Nothing was stored then.
  }
}

onOtherAccount(() => {
  startOver();
  text.value = "";
});

// ---- talking ----

let lastId = Date.now();

/** @param {Omit<Message, "id">} message */
function push(message) {
  const made = { ...message, id: ++lastId };
  messages.value = [...messages.peek(), made];
  return made;
}

/**
 * @param {number} id
 * @param {Partial<Message>} changes
 */
const amend = (id, changes) =>
  (messages.value = messages.peek().map((m) => (m.id === id ? { ...m, ...changes } : m)));

/** @param {object} body */
async function ask(body) {
  const answer = await call("POST", "/api/chat", {
    body: { ...body, ...(conversation.peek() && { conversation_id: conversation.peek() }) },
    seconds: 180,
  });
  conversation.value = answer.conversation_id ?? "";
  push({
    role: "assistant",
    text: answer.reply,
    actions: answer.actions ?? [],
    proposal: answer.proposal ?? undefined,
    interpreter: answer.interpreter,
  });
  if (answer.actions?.length > 0) void refresh();
}

/**
 * Sends a message, by default what is in the box.
 * @param {string} [button] what a button says in the person's place
 */
async function send(button) {
  const message = (button ?? text.peek()).trim();
  if (!message || waiting.peek()) return;
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
    messages.value = messages.peek().filter((m) => m.id !== mine.id);
    if (button === undefined || !text.peek()) text.value = [message, text.peek()].filter(Boolean).join("\n");
    problem.value = failure.status === 401 ? "" : failure.message;
  } finally {
    waiting.value = false;
  }
}

/** @param {Message} message */
async function confirm(message) {
  if (!message.proposal || waiting.peek()) return;
  waiting.value = true;
  amend(message.id, { problem: "" });
  try {
    await ask({ confirm: message.proposal.id, time_zone: zone.peek() });
    amend(message.id, { outcome: "confirmed" });
  } catch (error) {
    const failure = asProblem(error);
    amend(message.id, { problem: failure.message, outcome: failure.passing || failure.status === 401 ? undefined : "over" });
  } finally {
    waiting.value = false;
  }
}

/**
 * Says no, so that a later "yes" does not mean this any more. Only the last
 * offer can still be meant.
 * @param {Message} message
 */
function cancel(message) {
  amend(message.id, { outcome: "cancelled", problem: "" });
  if (messages.peek().findLast((m) => m.proposal)?.id === message.id) void send("Cancel");
}

/**
 * @param {Message} message
 * @param {Action} action
 */
async function takeBack(message, action) {
  amend(message.id, { problem: "" });
  try {
    const touched = await undo(Number(action.seq));
    amend(message.id, { undone: [...(message.undone ?? []), ...touched, action.todo?.id ?? ""] });
  } catch (error) {
    amend(message.id, { problem: asProblem(error).message });
  }
}

// ---- the panel ----

export function Chat() {
  const log = useRef(/** @type {HTMLElement | null} */ (null));
  const box = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const opener = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const owner = account.value?.id ?? "";
  useEffect(() => restore(owner), [owner]);
  useLayoutEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [messages.value, waiting.value, chatOpen.value]);

  const sheet = narrow.value;
  const open = chatOpen.value;
  const was = useRef(open);
  useEffect(() => {
    if (sheet && open) box.current?.focus();
    // Unless what closed it has put the focus elsewhere.
    else if (sheet && was.current && (document.activeElement ?? document.body) === document.body) opener.current?.focus();
    was.current = open;
  }, [open, sheet]);

  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    void send();
  };
  const close = () => {
    chatOpen.value = false;
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && sheet) close();
  };

  return html`
    ${sheet &&
    html`
      <button
        type="button"
        class="chat-open"
        data-testid="chat-open"
        aria-haspopup="dialog"
        aria-expanded=${open}
        hidden=${open}
        ref=${opener}
        onClick=${() => (chatOpen.value = true)}
      >
        <${Icon} name="chat" />Assistant
      </button>
      <div class="veil" hidden=${!open} onClick=${close}></div>
    `}
    <section
      class="chat"
      hidden=${sheet && !open}
      role=${sheet ? "dialog" : "complementary"}
      aria-modal=${sheet ? "true" : undefined}
      aria-labelledby="chat-title"
      onKeyDown=${onKeyDown}
    >
      <header class="chat-head">
        <h2 id="chat-title"><${Mark} />Assistant</h2>
        ${messages.value.length > 0 &&
        html`
          <button
            type="button"
            class="icon-button"
            data-testid="chat-new"
            aria-label="New conversation"
            title="New conversation"
            aria-disabled=${waiting.value}
            onClick=${() => waiting.peek() || startOver()}
          >
            <${Icon} name="fresh" />
          </button>
        `}
        ${sheet &&
        html`
          <button type="button" class="icon-button" data-testid="chat-close" aria-label="Close the assistant" onClick=${close}>
            <${Icon} name="close" />
          </button>
        `}
      </header>

      <div class="chat-log" role="log" aria-label="Conversation" tabindex="0" ref=${log}>
        ${messages.value.length === 0 &&
        html`
          <div class="chat-hello">
            <p>${greeting}</p>
            <p class="hint">For instance:</p>
            <ul>
              ${examples.map(
                (example) => html`
                  <li key=${example}>
                    <button type="button" class="example" data-testid="chat-example" onClick=${() => send(example)}>${example}</button>
                  </li>
                `,
              )}
            </ul>
          </div>
        `}
        ${messages.value.map((message, i) => html`<${Bubble} message=${message} credit=${creditOf(messages.value, i)} key=${message.id} />`)}
        ${waiting.value && html`<p class="thinking"><span class="unseen">The assistant is thinking</span><i></i><i></i><i></i></p>`}
      </div>

      ${problem.value && html`<${Trouble} text=${problem.value} />`}
      <form class="chat-form" onSubmit=${submit}>
        <textarea
          ref=${box}
          data-testid="chat-input"
          aria-label="Message to the assistant"
          placeholder="Add, find, finish, change…"
          rows="1"
          dir="auto"
          maxlength="4000"
          enterkeyhint="send"
          value=${text.value}
          onInput=${(/** @type {{currentTarget: HTMLTextAreaElement}} */ e) => (text.value = e.currentTarget.value)}
          onKeyDown=${(/** @type {KeyboardEvent} */ e) => {
            if (e.key === "Enter" && !e.shiftKey && !e.isComposing) submit(e);
          }}
        />
        <button class="send" data-testid="chat-send" aria-label="Send" aria-disabled=${waiting.value || !text.value.trim()}>
          <${Icon} name="send" />
        </button>
      </form>
    </section>
  `;
}

/**
 * Who has answered, where that is not who answered before.
 * @param {Message[]} all
 * @param {number} i
 */
function creditOf(all, i) {
  const { interpreter } = all[i];
  const before = all.slice(0, i).findLast((message) => message.interpreter);
  const credit = interpreter ? answeredBy(interpreter) : "";
  return before?.interpreter && answeredBy(before.interpreter) === credit ? "" : credit;
}

/** @param {{message: Message, credit: string}} props */
function Bubble({ message, credit }) {
  const { role, actions = [], undone = [], proposal, outcome } = message;
  const left = actions.filter((action) => action.seq && !undone.includes(action.todo?.id ?? ""));
  const taken = actions.length > 0 && undone.length > 0 && left.length === 0;
  return html`
    <article class="message ${role}" data-testid="chat-message" data-role=${role}>
      <h3 class="unseen">${role === "user" ? "You" : "Assistant"}</h3>
      <div class="bubble" dir="auto">${role === "user" ? message.text : linked(message.text)}</div>
      ${left.length > 0 &&
      html`
        <button type="button" class="button small" data-testid="chat-undo" onClick=${() => takeBack(message, left[0])}>
          Undo${left.length > 1 && ` all ${left.length}`}
        </button>
      `}
      ${taken && html`<p class="message-note"><${Icon} name="check" />Taken back.</p>`}
      ${proposal && html`<${Offer} message=${message} proposal=${proposal} />`}
      ${outcome === "cancelled" && html`<p class="message-note">Cancelled. Nothing was changed.</p>`}
      ${message.problem && html`<${Trouble} text=${message.problem} />`}
      ${credit && html`<p class="message-note">${credit}</p>`}
    </article>
  `;
}

/** @param {{message: Message, proposal: Proposal}} props */
function Offer({ message, proposal }) {
  if (message.outcome) return null;
  if (new Date(proposal.expires_at) < now.value) return html`<p class="message-note">This offer has run out. Ask again.</p>`;
  const { operations } = proposal;
  const deleting = operations.length > 0 && operations.every(({ op }) => op === "delete");
  const what = deleting ? `Delete ${operations.length}` : "Confirm";
  return html`
    <p class="offer">
      <button
        type="button"
        class="button small ${deleting ? "danger" : "primary"}"
        data-testid="chat-confirm"
        aria-disabled=${waiting.value}
        onClick=${() => confirm(message)}
      >
        ${what}
      </button>
      <button type="button" class="button small" data-testid="chat-cancel" onClick=${() => cancel(message)}>Cancel</button>
    </p>
  `;
}

/**
 * The text, with every #12 in it a way to that todo.
 * @param {string} text
 */
const linked = (text) =>
  text.split(/(?<!\w)(#\d+)(?!\w)/).map((part, i) =>
    i % 2 === 0
      ? part
      : html`<a
          href="#todo-${part.slice(1)}"
          class="number"
          onClick=${(/** @type {Event} */ event) => {
            event.preventDefault();
            void pointAt(Number(part.slice(1)));
          }}
          >${part}</a
        >`,
  );

/** @param {string} interpreter */
function answeredBy(interpreter) {
  const model = interpreter.match(/^ollama:(.+)$/)?.[1];
  if (model) return `answered by ${model}`;
  return "answered by the built-in interpreter"; // its model or its rules, by message
}
