// @ts-check
// The language models that the assistant is set up for: how each stands, and
// how to get one that is missing. A pull belongs to the server: it goes on when
// the page leaves, and who comes back joins it.

import { asProblem, call, Problem, sentence } from "./api.js";
import { follow } from "./stream.js";
import { Icon, Trouble } from "./ui.js";
import { batch, computed, html, signal, useEffect } from "./vendor/preact.js";

/**
 * @typedef {object} Pull how far a pull is
 * @property {string} status
 * @property {number} completed bytes
 * @property {number} total bytes; 0 before any is known
 * @property {number} speed bytes per second
 * @property {number} seconds_left -1 when nobody knows
 *
 * @typedef {object} Model
 * @property {string} name
 * @property {"conversation" | "interpreter"} purpose
 * @property {"ready" | "present" | "loading" | "missing" | "pulling" | "unknown"} state
 * @property {number} size bytes; 0 if unknown
 * @property {Pull} [pull]
 * @property {string} [problem] why the last pull failed
 */

const models = signal(/** @type {Model[] | null} */ (null));
const talking = signal(false); // one of them answers free questions
const problem = signal("");

/** The pulls that this page watches or has seen fail, by model. */
const pulls = signal(/** @type {Record<string, Pull & {share: number, problem: string}>} */ ({}));

/** What answers free questions, if that is set up: what reads messages, where that is the same. */
const talker = computed(() => {
  const all = talking.value ? (models.value ?? []) : [];
  return all.find(({ purpose }) => purpose === "conversation") ?? all[0] ?? null;
});

/** Whether it is there. */
export const talks = computed(() => ["ready", "present", "loading"].includes(talker.value?.state ?? ""));

/** Asks how the models stand, and joins what is being pulled. */
async function look() {
  try {
    const answer = await call("GET", "/api/chat/models");
    batch(() => {
      models.value = answer.models;
      talking.value = answer.conversation;
      problem.value = "";
    });
  } catch (error) {
    const failure = asProblem(error);
    if (failure.status !== 401) problem.value = failure.message;
    return;
  }
  for (const { name, state, pull } of models.peek() ?? []) if (state === "pulling") void get(name, pull);
}

// ---- getting one ----

/** Whose pull is being watched. */
const watched = new Set();

/**
 * What is shown of a pull: it never goes back, whatever the server counts
 * again after an interruption, or finds that there is to get besides.
 * @param {string} name
 * @param {Partial<Pull> & {problem?: string}} changes
 */
function note(name, changes) {
  const before = pulls.peek()[name] ?? { status: "", completed: 0, total: 0, speed: 0, seconds_left: -1, share: 0, problem: "" };
  const after = { ...before, ...changes };
  after.completed = Math.max(after.completed, before.completed);
  after.total = Math.max(after.total, before.total);
  after.share = Math.max(before.share, after.total > 0 ? after.completed / after.total : 0);
  pulls.value = { ...pulls.peek(), [name]: after };
}

/**
 * Gets a model, or joins the pull that is under way.
 * @param {string} name
 * @param {Pull} [known] how far it is
 */
async function get(name, known) {
  if (watched.has(name)) return;
  watched.add(name);
  note(name, { ...known, problem: "" });
  try {
    const hear = { progress: (/** @type {Pull} */ pull) => note(name, pull) };
    const far = () => pulls.peek()[name]?.completed ?? 0;
    // The pull outlasts each watching of it. Who asks again joins it, and gives
    // up once it gets nowhere.
    for (let tries = 0, before = far(); ; before = far()) {
      let done;
      let problem = new Problem(0, "The connection broke off. What has been fetched is kept.");
      try {
        done = await follow("/api/chat/models/pull", { model: name }, hear);
      } catch (error) {
        problem = asProblem(error);
        if (!problem.passing) throw problem;
      }
      if (done) break;
      tries = far() > before ? 0 : tries + 1;
      if (tries > 1) throw problem;
    }
    const { [name]: _, ...others } = pulls.peek();
    pulls.value = others;
  } catch (error) {
    note(name, { problem: asProblem(error).message, status: "interrupted" });
    return;
  } finally {
    watched.delete(name);
  }
  await look();
}

/**
 * How a model stands, as far as this page has seen.
 * @param {Model} model
 */
function stateOf({ name, state }) {
  const pull = pulls.value[name];
  return pull && !pull.problem ? "pulling" : state;
}

// ---- in words ----

/** @param {number} size */
const bytes = (size) => (size >= 1e9 ? `${(size / 1e9).toFixed(1)} GB` : `${Math.round(size / 1e6)} MB`);

/** @param {number} seconds */
function left(seconds) {
  if (seconds < 0) return "";
  if (seconds < 60) return "less than a minute left";
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min left` : `${Math.round(minutes / 60)} h left`;
}

/** @param {Pull} pull */
function progressOf({ status, completed, total, speed, seconds_left }) {
  const downloading = status === "downloading" && total > 0;
  const words = [
    total > 0 && `${bytes(completed)} of ${bytes(total)}`,
    downloading ? speed > 0 && `${bytes(speed)}/s` : status || "starting",
    downloading && left(seconds_left),
  ];
  return words.filter(Boolean).join(" · ");
}

const states = {
  ready: "In memory",
  present: "On the server's disk",
  loading: "Loading into memory",
  missing: "Not here yet",
  pulling: "On its way",
  unknown: "Ollama does not answer",
};

const purposes = { conversation: "Answers free questions", interpreter: "Reads what you write" };

// ---- on the page ----

/**
 * Which languages work, in one quiet line.
 * @param {{onMore?: () => void}} props onMore: the person wants to see the models
 */
export function Languages({ onMore }) {
  useEffect(() => {
    if (models.peek() === null) void look();
  }, []);
  const model = talker.value;
  const state = model ? stateOf(model) : "unknown";
  return html`
    <p class="hint languages" data-testid="chat-languages">
      ${talks.value ? `Commands in English; free questions in any language that ${model?.name} speaks.` : "Commands in English."}
      ${["missing", "pulling"].includes(state) &&
      html`
        ${" "}Free questions, in other languages too, once ${model?.name} is
        here${onMore
          ? html`: <button type="button" class="link" onClick=${onMore}>${state === "missing" ? "get it" : "it is on its way"}</button>`
          : "."}
      `}
    </p>
  `;
}

/** @param {{open: boolean, onToggle: (open: boolean) => void}} props */
export function Models({ open, onToggle }) {
  useEffect(() => {
    if (open) void look();
  }, [open]);
  const known = models.value;
  return html`
    <details
      class="models"
      data-testid="models"
      open=${open}
      onToggle=${(/** @type {{currentTarget: HTMLDetailsElement}} */ e) => onToggle(e.currentTarget.open)}
    >
      <summary><${Icon} name="more" />Language models</summary>
      ${problem.value &&
      html`
        <${Trouble} text=${problem.value}>
          <button type="button" class="button small" onClick=${look}>Try again</button>
        <//>
      `}
      ${known?.length === 0 && html`<p class="hint">None is set up. What is built in reads commands and answers.</p>`}
      ${known !== null &&
      known.length > 0 &&
      html`
        <ul>
          ${known.map((model) => html`<${Row} model=${model} key=${model.name} />`)}
        </ul>
      `}
      ${known === null && !problem.value && html`<p class="hint">Looking…</p>`}
    </details>
  `;
}

/** @param {{model: Model}} props */
function Row({ model }) {
  const { name, purpose, size } = model;
  const pull = pulls.value[name];
  const trouble = pull?.problem || (!pull && model.problem && sentence(model.problem)) || "";
  const state = stateOf(model);
  return html`
    <li class="model" data-testid="model" data-name=${name} data-state=${state}>
      <p class="model-name">${name}</p>
      <p class="hint">${purposes[purpose]} · ${states[state]}${size > 0 && ` · ${bytes(size)}`}</p>
      ${pull &&
      (!trouble || pull.share > 0) &&
      html`
        <progress
          class="bar"
          aria-label="${name}: how much of it is here"
          max="1"
          value=${pull.total > 0 || trouble ? pull.share : undefined}
        />
        <p class="hint model-progress" data-testid="model-progress">${progressOf(pull)}</p>
      `}
      ${trouble
        ? html`
            <${Trouble} text=${trouble}>
              <button type="button" class="button small" data-testid="model-get" onClick=${() => get(name)}>Try again</button>
            <//>
          `
        : state === "missing" &&
          html`<button type="button" class="button small" data-testid="model-get" onClick=${() => get(name)}>Get ${name}</button>`}
    </li>
  `;
}
