// @ts-check
// Between a todo and the inputs that hold one. No state and no requests.

import { momentIn, splitDue } from "./time.js";

/** @import { Priority, Todo } from "./api.js" */

/**
 * @typedef {object} Draft a todo as the inputs hold it
 * @property {string} title
 * @property {string} description
 * @property {Priority} priority
 * @property {string} day
 * @property {string} clock
 * @property {string} tags with commas between
 */

/** @type {Draft} */
export const emptyDraft = { title: "", description: "", priority: "medium", day: "", clock: "", tags: "" };

/** The inputs behind each member of a todo. */
const members = /** @type {const} */ ({
  title: ["title"],
  description: ["description"],
  priority: ["priority"],
  due: ["day", "clock"],
  tags: ["tags"],
});

/** @typedef {keyof typeof members} Member */
export const memberNames = /** @type {Member[]} */ (Object.keys(members));

/**
 * @param {Todo} todo
 * @param {string} zone
 * @returns {Draft}
 */
export function draftOf(todo, zone) {
  const { title, description, priority, due, tags } = todo;
  return { title, description, priority, ...splitDue(due, zone), tags: tags.join(", ") };
}

/** @param {string} text */
export function tagsIn(text) {
  const tags = text.split(",").map((tag) => tag.trim().replace(/^#+/, "").trim());
  return [...new Set(tags.filter(Boolean))];
}

/**
 * @param {Draft} draft
 * @param {string} zone
 */
const contents = (draft, zone) => ({
  title: draft.title.trim(),
  description: draft.description,
  priority: draft.priority,
  due: draft.day ? (draft.clock ? momentIn(zone, draft.day, draft.clock) : draft.day) : null,
  tags: tagsIn(draft.tags),
});

/**
 * What creates this todo: nothing that was left empty.
 * @param {Draft} draft
 * @param {string} zone
 */
export function creation(draft, zone) {
  const { title, description, priority, due, tags } = contents(draft, zone);
  return {
    title,
    priority,
    ...(description && { description }),
    ...(due && { due }),
    ...(tags.length > 0 && { tags }),
  };
}

/**
 * @param {Member} member
 * @param {Draft} a
 * @param {Draft} b
 */
export const same = (member, a, b) => members[member].every((input) => a[input] === b[input]);

/**
 * The merge patch that makes todo what draft says: only members whose inputs
 * were changed, so that a moment keeps its seconds and a title its spaces.
 * @param {Todo} todo
 * @param {Draft} draft
 * @param {string} zone
 */
export function patchFor(todo, draft, zone) {
  const before = draftOf(todo, zone);
  const wanted = contents(draft, zone);
  const changed = memberNames.filter(
    (member) => !same(member, before, draft) && JSON.stringify(wanted[member]) !== JSON.stringify(todo[member]),
  );
  return Object.fromEntries(changed.map((member) => [member, wanted[member]]));
}

/**
 * Moves a draft of base onto a newer version of it: inputs that were not
 * touched follow the newer one, what was typed stays.
 * @param {Draft} draft
 * @param {Todo} base
 * @param {Todo} newer
 * @param {string} zone
 */
export function rebase(draft, base, newer, zone) {
  const before = draftOf(base, zone);
  return memberNames.reduce(
    (moved, member) => (same(member, draft, before) ? take(moved, member, draftOf(newer, zone)) : moved),
    draft,
  );
}

/**
 * @param {Draft} draft
 * @param {Member} member
 * @param {Draft} from
 * @returns {Draft}
 */
export const take = (draft, member, from) => ({
  ...draft,
  ...Object.fromEntries(members[member].map((input) => [input, from[input]])),
});
