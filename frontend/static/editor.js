// @ts-check
// The inputs of a todo, and the dialog that changes one.

import { asProblem, call } from "./api.js";
import { creation, draftOf, patchFor, rebase, same, take } from "./drafts.js";
import { addTodo, editing, refresh, saveTodo, zone } from "./state.js";
import { browserZone, dayIn, readDue, stamp } from "./time.js";
import { Dialog, Field, PriorityBars, Trouble, useSubmit } from "./ui.js";
import { html, useId, useSignal } from "./vendor/preact.js";

/** @import { Priority, Problem, Todo } from "./api.js" */
/** @import { Draft, Member } from "./drafts.js" */
/** @import { Editing } from "./state.js" */

/** @typedef {{currentTarget: HTMLInputElement & HTMLTextAreaElement}} Typed */

const priorities = /** @type {[Priority, string][]} */ ([["low", "Low"], ["medium", "Medium"], ["high", "High"]]);

/**
 * Everything of a todo but its title.
 * @param {{draft: Draft, problem: Problem | null, onChange: (changes: Partial<Draft>) => void,
 *   beside?: (member: Member) => any}} props beside: what to show under a member
 */
export function Details({ draft, problem, onChange, beside = () => null }) {
  const group = useId();
  const elsewhere = zone.value !== browserZone && draft.clock !== "";
  return html`
    <div class="details">
      <div class="due-fields">
        <${Field} label="Due day" error=${problem?.at("due")}>
          ${(/** @type {object} */ ties) => html`
            <input
              ...${ties}
              type="date"
              name="day"
              max="9999-12-31"
              value=${draft.day}
              onInput=${(/** @type {Typed} */ e) => onChange({ day: e.currentTarget.value })}
            />
          `}
        <//>
        <${Field} label="Time, if any" hint=${elsewhere ? `In ${zone.value.replaceAll("_", " ")}.` : undefined}>
          ${(/** @type {object} */ ties) => html`
            <input
              ...${ties}
              type="time"
              name="clock"
              value=${draft.clock}
              onInput=${(/** @type {Typed} */ e) =>
                onChange({ clock: e.currentTarget.value, day: draft.day || dayIn(zone.value, new Date()) })}
            />
          `}
        <//>
        ${(draft.day || draft.clock) &&
        html`<button type="button" class="link" onClick=${() => onChange({ day: "", clock: "" })}>No date</button>`}
      </div>
      ${beside("due")}
      <fieldset class="segments">
        <legend>Priority</legend>
        <div>
          ${priorities.map(
            ([level, text]) => html`
              <label key=${level} class=${level}>
                <input
                  type="radio"
                  name=${group}
                  value=${level}
                  checked=${draft.priority === level}
                  onChange=${() => onChange({ priority: level })}
                />
                <span><${PriorityBars} level=${level} />${text}</span>
              </label>
            `,
          )}
        </div>
      </fieldset>
      ${beside("priority")}
      <${Field} label="Tags" error=${problem?.at("tags")} hint="With commas between: home, errands">
        ${(/** @type {object} */ ties) => html`
          <input
            ...${ties}
            name="tags"
            dir="auto"
            autocomplete="off"
            value=${draft.tags}
            onInput=${(/** @type {Typed} */ e) => onChange({ tags: e.currentTarget.value })}
          />
        `}
      <//>
      ${beside("tags")}
      <${Field} label="Description" error=${problem?.at("description")}>
        ${(/** @type {object} */ ties) => html`
          <textarea
            ...${ties}
            name="description"
            rows="3"
            dir="auto"
            maxlength="10000"
            value=${draft.description}
            onInput=${(/** @type {Typed} */ e) => onChange({ description: e.currentTarget.value })}
          />
        `}
      <//>
      ${beside("description")}
    </div>
  `;
}

/** The dialog, while there is something to edit. */
export function Editor() {
  const at = editing.value;
  return at && html`<${EditDialog} at=${at} key=${at.base.id} />`;
}

/** @param {{at: Editing}} props */
function EditDialog({ at }) {
  const leaving = useSignal(false);
  const { base, draft, newer, gone } = at;
  const patch = patchFor(base, draft, zone.value);
  const changed = gone || Object.keys(patch).length > 0;

  const change = (/** @type {Partial<Draft>} */ changes) => {
    leaving.value = false;
    editing.value = { ...at, draft: { ...draft, ...changes } };
  };
  const close = () => (editing.value = null);
  const leave = () => (changed && !leaving.peek() ? (leaving.value = true) : close());

  const { busy, problem, submit } = useSubmit(async () => {
    if (gone) await addTodo(creation(draft, zone.peek()));
    else if (changed) {
      try {
        await saveTodo(base, patch);
      } catch (error) {
        const { status } = asProblem(error);
        if (status !== 412 && status !== 404) throw error;
        if (!(await catchUp())) return;
      }
    }
    close();
  });
  const said = problem.value;
  const besides = said?.besides("title", "description", "due", "tags") ?? "";

  const beside = (/** @type {Member} */ member) =>
    newer &&
    !same(member, draft, draftOf(base, zone.value)) &&
    html`
      <div class="newer" role="note">
        <p>Now elsewhere: <b dir="auto">${spoken(member, base)}</b></p>
        <button type="button" class="link" onClick=${() => change(take(draft, member, draftOf(base, zone.peek())))}>
          Use that
        </button>
      </div>
    `;

  return html`
    <${Dialog} title="Todo #${base.number}" onLeave=${leave}>
      <form data-testid="edit-form" onSubmit=${submit}>
        <div class="dialog-body">
          ${newer &&
          html`<p class="notice" role="alert" data-testid="edit-newer">
            This todo was changed elsewhere while you were editing. What you typed is still here; where the newer version
            says something else, it stands below your words. Save to keep yours.
          </p>`}
          ${gone &&
          html`<p class="notice" role="alert" data-testid="edit-gone">
            This todo was deleted elsewhere while you were editing. You can add what you typed as a new one.
          </p>`}
          ${besides && html`<${Trouble} text=${besides} />`}
          <${Field} label="Title" error=${said?.at("title")}>
            ${(/** @type {object} */ ties) => html`
              <input
                ...${ties}
                name="title"
                data-testid="edit-title"
                autofocus
                dir="auto"
                autocomplete="off"
                required
                maxlength="255"
                value=${draft.title}
                onInput=${(/** @type {Typed} */ e) => change({ title: e.currentTarget.value })}
              />
            `}
          <//>
          ${beside("title")}
          <${Details} draft=${draft} problem=${said} onChange=${change} beside=${beside} />
          <p class="hint">
            Added ${stamp(zone.value, base.created_at)}${base.updated_at !== base.created_at &&
            html`, changed ${stamp(zone.value, base.updated_at)}`}${base.completed_at &&
            html`, done ${stamp(zone.value, base.completed_at)}`}.
          </p>
        </div>
        <div class="dialog-foot">
          ${leaving.value
            ? html`
                <p role="alert">Leave without saving?</p>
                <button type="button" class="button" onClick=${() => (leaving.value = false)}>Stay</button>
                <button type="button" class="button danger" data-testid="edit-discard" onClick=${close}>Discard</button>
              `
            : html`
                <button type="button" class="button" data-testid="edit-cancel" onClick=${leave}>Cancel</button>
                <button class="button primary" data-testid="edit-save" aria-disabled=${busy.value}>
                  ${busy.value ? "Saving…" : gone ? "Add as new" : said?.passing ? "Try again" : "Save"}
                </button>
              `}
        </div>
      </form>
    <//>
  `;
}

/**
 * Fetches the newer version of what is being edited and puts it beside the
 * draft. True if it already says what the draft says: an answer was lost.
 */
async function catchUp() {
  const at = /** @type {Editing} */ (editing.peek());
  void refresh();
  /** @type {Todo} */
  let newest;
  try {
    newest = await call("GET", `/api/todos/${at.base.id}`);
  } catch (error) {
    if (asProblem(error).status !== 404) throw error;
    editing.value = { ...at, gone: true, newer: false };
    return false;
  }
  const draft = rebase(at.draft, at.base, newest, zone.peek());
  if (Object.keys(patchFor(newest, draft, zone.peek())).length === 0) return true;
  editing.value = { ...at, base: newest, draft, newer: true };
  return false;
}

/**
 * @param {Member} member
 * @param {Todo} todo
 */
function spoken(member, todo) {
  const value = todo[member];
  if (member === "due") return todo.due === null ? "no date" : readDue(todo.due, zone.peek(), new Date()).text;
  if (Array.isArray(value)) return value.join(", ") || "no tags";
  return value || "empty";
}

