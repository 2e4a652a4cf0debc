// @ts-check
// The assistant's panel: a column of the page where there is room, a sheet over
// it where there is none.

import { Conversations } from "./conversations.js";
import { Languages, Models, talks } from "./models.js";
import { account, chatOpen, narrow, now, pointAt } from "./state.js";
import {
  cancel,
  confirm,
  conversation,
  free,
  loading,
  loadProblem,
  messages,
  older,
  open,
  openOlder,
  problem,
  restore,
  said,
  send,
  stage,
  stands,
  startOver,
  stop,
  takeBack,
  text,
  told,
  waiting,
} from "./talk.js";
import { Icon, Mark, Trouble } from "./ui.js";
import { html, useEffect, useLayoutEffect, useRef, useSignal } from "./vendor/preact.js";

/** @import { Message, Proposal } from "./talk.js" */

const greeting = "Tell me what to do with your list, in your own words. I act on it, say what I did, and can take it back.";

const examples = [
  "Add buy milk tomorrow, high priority",
  "What is due this week?",
  "What should I do first?",
  "Mark 1 done",
  "Delete everything that is done",
];

/** What only a language model can do. */
const talkedExamples = ["Plan a birthday party"];

export function Chat() {
  const box = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const log = useRef(/** @type {HTMLElement | null} */ (null));
  const opener = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const choosing = useSignal(false); // among conversations, in place of the one that is open
  const models = useSignal(false); // are unfolded

  const sheet = narrow.value;
  const shown = !sheet || chatOpen.value;
  const owner = account.value?.id ?? "";
  useEffect(() => {
    if (shown) restore();
  }, [owner, shown]);

  const was = useRef(shown);
  useEffect(() => {
    if (sheet && shown) box.current?.focus();
    // Unless what closed it has put the focus elsewhere.
    else if (sheet && was.current && (document.activeElement ?? document.body) === document.body) opener.current?.focus();
    was.current = shown;
  }, [shown, sheet]);

  // Where the focus goes when what had it is hidden.
  const title = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const next = useRef(/** @type {{current: HTMLElement | null} | null} */ (null));
  useEffect(() => {
    next.current?.current?.focus();
    next.current = null;
  });

  const close = () => {
    chatOpen.value = false;
  };
  const begin = () => {
    if (!free.peek()) return;
    startOver();
    choosing.value = false;
    next.current = box;
  };
  const leave = (/** @type {{current: HTMLElement | null}} */ to) => {
    choosing.value = false;
    next.current = to;
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    if (choosing.peek()) leave(title);
    else if (sheet) close();
  };

  return html`
    ${sheet &&
    html`
      <button
        type="button"
        class="chat-open"
        data-testid="chat-open"
        aria-haspopup="dialog"
        aria-expanded=${shown}
        hidden=${shown}
        ref=${opener}
        onClick=${() => (chatOpen.value = true)}
      >
        <${Icon} name="chat" />Assistant
      </button>
      <div class="veil" hidden=${!shown} onClick=${close}></div>
    `}
    <section
      class="chat"
      hidden=${!shown}
      role=${sheet ? "dialog" : "complementary"}
      aria-modal=${sheet ? "true" : undefined}
      aria-label="Assistant"
      onKeyDown=${onKeyDown}
    >
      <header class="chat-head">
        <${Mark} />
        <h2>
          <button
            type="button"
            class="chat-title"
            data-testid="chat-menu"
            aria-expanded=${choosing.value}
            aria-controls="chat-menu"
            title="Conversations and language models"
            ref=${title}
            onClick=${() => (choosing.value = !choosing.value)}
          >
            <bdi data-testid="chat-title">${conversation.value?.title || "Assistant"}</bdi>
            <span class="unseen">: conversations and language models</span>
            <${Icon} name="more" />
          </button>
        </h2>
        ${(conversation.value || messages.value.length > 0) &&
        html`
          <button
            type="button"
            class="icon-button"
            data-testid="chat-new"
            aria-label="New conversation"
            title="New conversation"
            aria-disabled=${!free.value}
            onClick=${begin}
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

      <div class="chat-menu" id="chat-menu" hidden=${!choosing.value}>
        ${choosing.value &&
        html`
          <${Conversations} onOpen=${() => leave(log)} />
          <div class="chat-models">
            <${Models} open=${models.value} onToggle=${(/** @type {boolean} */ to) => (models.value = to)} />
            <${Languages} onMore=${models.value ? undefined : () => (models.value = true)} />
          </div>
        `}
      </div>
      <div class="chat-talk" hidden=${choosing.value}>
        <${Log} log=${log} shown=${shown && !choosing.value} onModels=${() => (models.value = choosing.value = true)} />
        ${problem.value && html`<${Trouble} text=${problem.value} />`}
        <${Box} box=${box} />
      </div>
      <div class="unseen" role="status" data-testid="chat-told"><p key=${told.value.id}>${told.value.text}</p></div>
    </section>
  `;
}

/**
 * Where the next message is written.
 * @param {{box: {current: HTMLTextAreaElement | null}}} props
 */
function Box({ box }) {
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    void send();
  };
  return html`
    <form class="chat-form" onSubmit=${submit}>
      <textarea
        ref=${box}
        data-testid="chat-input"
        aria-label="Message to the assistant"
        placeholder="Add, find, finish, change, ask…"
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
      ${waiting.value
        ? html`
            <button
              type="button"
              class="send"
              data-testid="chat-stop"
              aria-label="Stop"
              title="Stop"
              onClick=${(/** @type {MouseEvent} */ e) => {
                e.preventDefault(); // It may be the send button again before the click has ended.
                if (e.detail < 2) stop(); // The second click of two was meant to send.
              }}
            >
              <${Icon} name="stop" />
            </button>
          `
        : html`
            <button class="send" data-testid="chat-send" aria-label="Send" title="Send" aria-disabled=${!free.value || !text.value.trim()}>
              <${Icon} name="send" />
            </button>
          `}
    </form>
  `;
}

// ---- what was said ----

/**
 * @param {{log: {current: HTMLElement | null}, shown: boolean, onModels: () => void}} props
 */
function Log({ log, shown, onModels }) {
  const all = messages.value;
  // At its end the log stays at its end; elsewhere somebody is reading.
  const atEnd = useRef(true);
  const before = useRef({ first: /** @type {unknown} */ (0), last: /** @type {unknown} */ (0), height: 0, shown });
  const stick = () => {
    if (log.current && atEnd.current) log.current.scrollTop = log.current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (!log.current) return;
    const { first, last, height, shown: shownBefore } = before.current;
    const now = { first: all[0]?.id, last: all.at(-1)?.id, height: log.current.scrollHeight, shown };
    before.current = now;
    if (now.last !== last || shown !== shownBefore) atEnd.current = true;
    else if (now.first !== first) log.current.scrollTop += now.height - height;
    stick();
  }, [all, shown]);

  return html`
    <div
      class="chat-log"
      id="chat-log"
      role="log"
      aria-live="off"
      aria-label="Conversation"
      aria-busy=${loading.value}
      tabindex="0"
      ref=${log}
      onScroll=${(/** @type {{currentTarget: HTMLElement}} */ { currentTarget: at }) =>
        (atEnd.current = at.scrollHeight - at.scrollTop - at.clientHeight < 48)}
    >
      ${older.value &&
      html`
        <button type="button" class="button small older" data-testid="chat-older" aria-disabled=${!free.value} onClick=${openOlder}>
          Show earlier messages
        </button>
      `}
      ${loadProblem.value &&
      html`
        <${Trouble} text=${loadProblem.value}>
          <button
            type="button"
            class="button small"
            onClick=${() => (all.length > 0 ? openOlder() : conversation.value && open(conversation.value))}
          >
            Try again
          </button>
        <//>
      `}
      ${all.length === 0 && loading.value && html`<${Dots} />`}
      ${all.length === 0 && !loading.value && !loadProblem.value && shown && html`<${Hello} onModels=${onModels} />`}
      ${all.map((message, i) => html`<${Bubble} message=${message} credit=${creditOf(all, i)} stick=${stick} key=${message.id} />`)}
    </div>
  `;
}

/** @param {{onModels: () => void}} props */
const Hello = ({ onModels }) => html`
  <div class="chat-hello">
    <p>${greeting}</p>
    <p class="hint">For instance:</p>
    <ul>
      ${[...examples, ...(talks.value ? talkedExamples : [])].map(
        (example) => html`
          <li key=${example}>
            <button type="button" class="example" data-testid="chat-example" onClick=${() => send(example)}>${example}</button>
          </li>
        `,
      )}
    </ul>
    <${Languages} onMore=${onModels} />
  </div>
`;

/** @param {{children?: any}} props */
const Dots = ({ children }) => html`<p class="thinking"><i></i><i></i><i></i> ${children ?? html`<span class="unseen">Loading</span>`}</p>`;

/**
 * Who has answered: a model that wrote it, or else what understood it, where
 * that is not what understood the message before.
 * @param {Message[]} all
 * @param {number} i
 */
function creditOf(all, i) {
  const { interpreter, model } = all[i];
  if (model) return `written by ${model}`;
  const before = all.slice(0, i).findLast((message) => message.interpreter);
  const credit = interpreter ? answeredBy(interpreter) : "";
  return before?.interpreter && answeredBy(before.interpreter) === credit ? "" : credit;
}

/** @param {string} interpreter */
function answeredBy(interpreter) {
  const model = interpreter.match(/^ollama:(.+)$/)?.[1];
  if (model) return `answered by ${model}`;
  return "answered by the built-in interpreter"; // its model or its rules, by message
}

/** @param {{message: Message, credit: string, stick: () => void}} props */
function Bubble({ message, credit, stick }) {
  const { role, actions = [], undone = [], proposal, outcome } = message;
  const left = actions.filter((action) => action.seq && !undone.includes(action.todo?.id ?? ""));
  const taken = actions.length > 0 && undone.length > 0 && left.length === 0;
  const words = role === "user" ? message.text : linked(message.text);
  return html`
    <article class="message ${role}" data-testid="chat-message" data-role=${role} aria-busy=${message.live}>
      <h3 class="unseen">${role === "user" ? "You" : "Assistant"}</h3>
      ${message.live && html`<${Saying} stick=${stick} />`}
      ${!message.live && message.text && html`<div class="bubble" dir="auto">${words}</div>`}
      ${message.stopped && html`<p class="message-note" data-testid="chat-stopped">Stopped.${actions.length > 0 && " What was done stays done."}</p>`}
      ${left.length > 0 &&
      stands(message) &&
      html`
        <${Buttons}>
          <button type="button" class="button small" data-testid="chat-undo" onClick=${() => takeBack(message, left[0])}>
            Undo${left.length > 1 && ` all ${left.length}`}
          </button>
        <//>
      `}
      ${taken && html`<p class="message-note"><${Icon} name="check" />Taken back.</p>`}
      ${proposal && !outcome && html`<${Offer} message=${message} proposal=${proposal} />`}
      ${outcome === "cancelled" && html`<p class="message-note">Cancelled. Nothing was changed.</p>`}
      ${message.problem && html`<${Trouble} text=${message.problem} />`}
      ${message.notice && html`<p class="message-note" data-testid="chat-notice">${message.notice.replace(/^\((.*)\)$/, "$1")}</p>`}
      ${credit && html`<p class="message-note">${credit}</p>`}
    </article>
  `;
}

/**
 * What is being said: what it is about, and then its words as they come.
 * @param {{stick: () => void}} props
 */
function Saying({ stick }) {
  const words = said.value;
  const doing = stage.value;
  useLayoutEffect(stick, [words, doing]);
  if (!words) return html`<${Dots}><span data-testid="chat-stage">${doing}</span><//>`;
  return html`<div class="bubble saying" dir="auto">${linked(words)}</div>`;
}

/**
 * Buttons that go once they have done their work. The log gets the focus if
 * they had it.
 * @param {{children?: any}} props
 */
function Buttons({ children }) {
  const row = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(
    () => () => {
      if (row.current?.contains(document.activeElement)) queueMicrotask(() => document.getElementById("chat-log")?.focus());
    },
    [],
  );
  return html`<p class="offer" ref=${row}>${children}</p>`;
}

const offers = /** @type {Record<string, string>} */ ({ create: "Add", complete: "Complete", reopen: "Reopen", delete: "Delete" });

/** @param {{message: Message, proposal: Proposal}} props */
function Offer({ message, proposal }) {
  if (new Date(proposal.expires_at) < now.value) return html`<p class="message-note">This offer has run out. Ask again.</p>`;
  const { operations } = proposal;
  const kinds = new Set(operations.map(({ op }) => op));
  const kind = kinds.size === 1 ? [...kinds][0] : "";
  return html`
    <${Buttons}>
      <button
        type="button"
        class="button small ${kind === "delete" ? "danger" : "primary"}"
        data-testid="chat-confirm"
        aria-disabled=${!free.value}
        onClick=${() => confirm(message)}
      >
        ${offers[kind] ? `${offers[kind]} ${operations.length}` : "Confirm"}
      </button>
      <button type="button" class="button small" data-testid="chat-cancel" aria-disabled=${!free.value} onClick=${() => free.peek() && cancel(message)}>
        Cancel
      </button>
    <//>
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
