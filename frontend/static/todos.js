// @ts-check
// The list: counters, the form that adds, filters, and the todos themselves.

import { creation, emptyDraft } from "./drafts.js";
import { Details } from "./editor.js";
import { offline } from "./live.js";
import {
  account,
  addTodo,
  counts,
  deleteTodo,
  draft,
  filtered,
  filters,
  listProblem,
  loading,
  loadMore,
  loadTodos,
  more,
  noFilters,
  now,
  openEditor,
  pointed,
  setFilters,
  todos,
  toggleTodo,
  total,
  zone,
} from "./state.js";
import { longDay, readDue } from "./time.js";
import { Icon, Mark, PriorityBars, Trouble, useSubmit } from "./ui.js";
import { html, useEffect, useId, useRef, useSignal } from "./vendor/preact.js";

/** @import { Todo } from "./api.js" */
/** @import { Filters } from "./state.js" */

export const Todos = () => html`
  <h1 class="day">
    <span>${account.value?.name ? html`Todos of <bdi>${account.value.name}</bdi>` : "Todos"}</span>
    ${longDay(zone.value, now.value)}
  </h1>
  <${Counters} />
  <${AddForm} />
  <${Toolbar} />
  <${List} />
`;

// ---- counters ----

/** @type {{name: keyof import("./api.js").Counts, label: string, filter: Partial<Filters>}[]} */
const counters = [
  { name: "total", label: "All", filter: { status: "", due: "" } },
  { name: "pending", label: "Open", filter: { status: "pending", due: "" } },
  { name: "overdue", label: "Overdue", filter: { status: "pending", due: "overdue" } },
  { name: "completed", label: "Done", filter: { status: "completed", due: "" } },
];

function Counters() {
  const { status, due } = filters.value;
  const have = counts.value;
  return html`
    <div class="counters" role="group" aria-label="How many there are; each shows its todos">
      ${counters.map(({ name, label, filter }) => {
        const on = filter.status === status && filter.due === due;
        return html`
          <button
            type="button"
            key=${name}
            class="counter ${name} ${have?.[name] ? "" : "none"}"
            aria-pressed=${on}
            onClick=${() => setFilters(filter)}
          >
            <span class="counter-figure" data-testid="count-${name}">${have ? have[name] : "–"}</span>
            <span class="counter-label">${label}</span>
          </button>
        `;
      })}
      ${have !== null &&
      html`<progress
        class="done-share"
        aria-label="${have.completed} of ${have.total} done"
        max=${have.total || 1}
        value=${have.completed}
      />`}
    </div>
  `;
}

// ---- adding ----

function AddForm() {
  const open = useSignal(false);
  const title = useRef(/** @type {HTMLInputElement | null} */ (null));
  const more = useId();
  const { busy, problem, submit } = useSubmit(async () => {
    await addTodo(creation(draft.peek(), zone.peek()));
    draft.value = emptyDraft;
    title.current?.focus();
  });
  const said = problem.value;
  const besides = said?.besides("title", "description", "due", "tags") ?? "";
  const wrong = said?.at("title") ?? "";
  // What is wrong must not hide in a folded part.
  const shown = open.value || ["description", "due", "tags"].some((name) => said?.at(name));

  return html`
    <form class="add card" onSubmit=${submit} aria-label="Add a todo">
      <div class="add-row">
        <input
          ref=${title}
          class="add-title"
          data-testid="add-title"
          name="title"
          aria-label="What is to be done"
          aria-invalid=${wrong ? "true" : undefined}
          aria-describedby=${wrong ? `${more}-wrong` : undefined}
          placeholder="What is to be done?"
          autocomplete="off"
          dir="auto"
          required
          maxlength="255"
          value=${draft.value.title}
          onInput=${(/** @type {{currentTarget: HTMLInputElement}} */ e) =>
            (draft.value = { ...draft.value, title: e.currentTarget.value })}
        />
        <button
          type="button"
          class="icon-button fold ${shown ? "open" : ""}"
          data-testid="add-details"
          aria-expanded=${shown}
          aria-controls=${more}
          aria-label="Due date, priority, tags, description"
          title="Due date, priority, tags, description"
          onClick=${() => (open.value = !shown)}
        >
          <${Icon} name="more" />
        </button>
        <button class="button primary" data-testid="add-submit" aria-disabled=${busy.value}>
          ${busy.value ? "Adding…" : said?.passing ? "Try again" : "Add"}
        </button>
      </div>
      ${wrong && html`<p class="field-error" id="${more}-wrong"><${Icon} name="alert" />${wrong}</p>`}
      ${besides && html`<${Trouble} text=${besides} />`}
      <div class="add-more" id=${more} hidden=${!shown}>
        ${shown &&
        html`<${Details}
          draft=${draft.value}
          problem=${said}
          onChange=${(/** @type {object} */ changes) => (draft.value = { ...draft.value, ...changes })}
        />`}
      </div>
    </form>
  `;
}

// ---- search, filters, order ----

/** @type {{name: keyof Filters, label: string, options: [string, string][]}[]} */
const selects = [
  { name: "status", label: "Status", options: [["", "Open and done"], ["pending", "Open"], ["completed", "Done"]] },
  {
    name: "due",
    label: "Due",
    options: [["", "Any date"], ["overdue", "Overdue"], ["today", "Today"], ["upcoming", "Upcoming"], ["none", "No date"]],
  },
  {
    name: "priority",
    label: "Priority",
    options: [["", "Any priority"], ["high", "High"], ["medium", "Medium"], ["low", "Low"]],
  },
  {
    name: "sort",
    label: "Order",
    options: [
      ["created desc", "Newest first"],
      ["created asc", "Oldest first"],
      ["due asc", "Due first"],
      ["due desc", "Due last"],
      ["priority desc", "Most urgent first"],
      ["priority asc", "Least urgent first"],
      ["title asc", "Title A–Z"],
      ["title desc", "Title Z–A"],
    ],
  },
];

/** How long after the last key a search begins. */
const searchWaits = 250;

function Toolbar() {
  const typed = useSignal(filters.peek().q);
  const unfolded = useSignal(false); // matters on a phone only
  const timer = useRef(0);
  // Filters may be cleared from elsewhere.
  useEffect(() => {
    clearTimeout(timer.current);
    typed.value = filters.value.q;
  }, [filters.value.q]);

  const search = (/** @type {string} */ text) => {
    typed.value = text;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      if (text !== filters.peek().q) setFilters({ q: text });
    }, searchWaits);
  };
  const at = filters.value;
  const set = selects.filter(({ name }) => at[name] !== noFilters[name]).length;
  return html`
    <search class="toolbar">
      <div class="search">
        <${Icon} name="search" />
        <input
          type="search"
          data-testid="search"
          aria-label="Search todos"
          placeholder="Search"
          maxlength="200"
          autocomplete="off"
          dir="auto"
          value=${typed.value}
          onInput=${(/** @type {{currentTarget: HTMLInputElement}} */ e) => search(e.currentTarget.value)}
        />
      </div>
      <button
        type="button"
        class="button unfold ${set > 0 ? "on" : ""}"
        data-testid="filters-open"
        aria-expanded=${unfolded.value}
        aria-controls="selects"
        onClick=${() => (unfolded.value = !unfolded.value)}
      >
        <${Icon} name="sliders" />Filters${set > 0 && ` (${set})`}
      </button>
      <div class="selects ${unfolded.value ? "open" : ""}" id="selects">
        ${selects.map(
          ({ name, label, options }) => html`
            <label class="select ${at[name] !== noFilters[name] ? "on" : ""}" key=${name}>
              <span>${label}</span>
              <select
                data-testid="filter-${name}"
                value=${at[name]}
                onChange=${(/** @type {{currentTarget: HTMLSelectElement}} */ e) =>
                  setFilters({ [name]: e.currentTarget.value })}
              >
                ${options.map(([value, text]) => html`<option value=${value} selected=${value === at[name]}>${text}</option>`)}
              </select>
            </label>
          `,
        )}
      </div>
      ${at.tag &&
      html`
        <button type="button" class="chip on" data-testid="filter-tag" onClick=${() => setFilters({ tag: "" })}>
          <${Icon} name="tag" /><bdi>${at.tag}</bdi><${Icon} name="close" />
          <span class="unseen">: show all tags</span>
        </button>
      `}
    </search>
  `;
}

// ---- the list ----

function List() {
  const shown = todos.value;
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  return html`
    <section class="list" aria-labelledby="list-title" aria-busy=${loading.value}>
      <header class="list-head">
        <h2 id="list-title" tabindex="-1" ref=${title}>
          ${filtered.value ? "Found" : "Todos"}
          ${shown && html`<span class="count" data-testid="list-total">${total.value}</span>`}
        </h2>
        ${filtered.value &&
        html`<button type="button" class="link" data-testid="clear-filters" onClick=${clear}>Clear filters</button>`}
      </header>
      <p class="offline" role="status" data-testid="offline" hidden=${!offline.value}>
        ${offline.value && "You are offline. What is changed elsewhere shows when the connection is back."}
      </p>
      ${listProblem.value &&
      html`
        <${Trouble} text=${listProblem.value}>
          <button type="button" class="button" onClick=${() => loadTodos({ keep: true })}>Try again</button>
        <//>
      `}
      ${shown === null ? !listProblem.value && html`<${Skeleton} />` : shown.length === 0 && html`<${Empty} />`}
      ${shown !== null &&
      shown.length > 0 &&
      html`
        <ul class="card todos">
          ${shown.map((todo) => html`<${Row} todo=${todo} key=${todo.id} />`)}
        </ul>
        <footer class="list-foot">
          <span>${shown.length} of ${total.value} shown</span>
          ${more.value &&
          html`<button type="button" class="button" data-testid="load-more" aria-disabled=${loading.value} onClick=${loadMore}>
            Show more
          </button>`}
        </footer>
      `}
    </section>
  `;
}

const clear = () => setFilters({ ...noFilters, sort: filters.peek().sort });

const Skeleton = () => html`
  <div class="card skeleton" aria-hidden="true"><i></i><i></i><i></i><i></i></div>
`;

const Empty = () =>
  filtered.value
    ? html`
        <div class="empty">
          <p class="empty-title">Nothing here matches.</p>
          <p>Other words, or fewer filters, may find it.</p>
        </div>
      `
    : html`
        <div class="empty">
          <${Mark} />
          <p class="empty-title">A clean page.</p>
          <p>Write the first thing above, or tell the assistant: “add buy milk tomorrow”.</p>
        </div>
      `;

/** @param {{todo: Todo}} props */
function Row({ todo }) {
  const row = useRef(/** @type {HTMLElement | null} */ (null));
  const done = todo.status === "completed";
  const here = pointed.value === todo.number;
  useEffect(() => {
    if (!here || !row.current) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    row.current.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
    row.current.focus({ preventScroll: true });
  }, [here]);

  const remove = async () => {
    const neighbour = row.current?.nextElementSibling ?? row.current?.previousElementSibling;
    if (!(await deleteTodo(todo))) return;
    const next = neighbour?.querySelector("[data-testid=todo-toggle]") ?? document.getElementById("list-title");
    /** @type {HTMLElement | null} */ (next)?.focus({ preventScroll: true });
  };
  const title = `todo-${todo.number}-title`;
  return html`
    <li
      class="todo ${done ? "done" : ""} ${here ? "here" : ""}"
      id="todo-${todo.number}"
      data-testid="todo"
      data-number=${todo.number}
      data-id=${todo.id}
      data-status=${todo.status}
      tabindex="-1"
      ref=${row}
    >
      <label class="tick">
        <input
          type="checkbox"
          data-testid="todo-toggle"
          aria-labelledby=${title}
          checked=${done}
          onChange=${() => toggleTodo(todo)}
        />
      </label>
      <div class="todo-text">
        <p class="todo-title" id=${title} data-testid="todo-title" dir="auto">${todo.title}</p>
        ${todo.description && html`<p class="todo-description" dir="auto">${todo.description}</p>`}
        <p class="todo-facts">
          <span class="number">#${todo.number}</span>
          <${Due} todo=${todo} />
          ${todo.priority !== "medium" &&
          html`<span class="priority ${todo.priority}"><${PriorityBars} level=${todo.priority} />${todo.priority === "high" ? "High" : "Low"}<span class="unseen"> priority</span></span>`}
          ${todo.tags.map(
            (tag) => html`
              <button type="button" class="tag" key=${tag} aria-label="Tag ${tag}: show its todos" onClick=${() => setFilters({ tag })}>
                <bdi>${tag}</bdi>
              </button>
            `,
          )}
        </p>
      </div>
      <div class="todo-actions">
        <button type="button" class="icon-button" data-testid="todo-edit" aria-label="Edit #${todo.number} ${todo.title}" title="Edit" onClick=${() => openEditor(todo)}>
          <${Icon} name="edit" />
        </button>
        <button type="button" class="icon-button" data-testid="todo-delete" aria-label="Delete #${todo.number} ${todo.title}" title="Delete" onClick=${remove}>
          <${Icon} name="trash" />
        </button>
      </div>
    </li>
  `;
}

/** @param {{todo: Todo}} props */
function Due({ todo }) {
  if (todo.due === null) return null;
  const { text, full, when } = readDue(todo.due, zone.value, now.value);
  const over = when === "over" && todo.status === "pending";
  return html`
    <time class="due ${over ? "over" : when}" datetime=${todo.due} title=${full} data-overdue=${over || undefined}>
      <${Icon} name=${over ? "alert" : "clock"} />${over && "Overdue: "}${text}
    </time>
  `;
}
