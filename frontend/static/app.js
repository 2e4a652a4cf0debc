// @ts-check
// The page: a todo list and an assistant that acts on it.
//
// No build step: these modules are what the browser runs. They are written for
// a Content-Security-Policy of 'self' with Trusted Types, so there is no inline
// script or style, no innerHTML and nothing from elsewhere; and for plain http,
// where browsers have no crypto.randomUUID, crypto.subtle or navigator.locks.
//
//   api.js      requests, and what went wrong with them
//   state.js    signals, and everything that changes them
//   live.js     keeps them in step with what is changed elsewhere
//   drafts.js   between a todo and the inputs that hold one
//   time.js     days and moments in the account's time zone
//   ui.js       small parts: icons, fields, the dialog, the toast
//   session.js  sign in, sign up, profile
//   todos.js    counters, the form that adds, filters, the list
//   editor.js   the inputs of a todo, the dialog that changes one
//   stream.js   answers that come bit by bit
//   talk.js     the conversation that is open, and what goes on in it
//   conversations.js  the list of them
//   models.js   the language models, and getting one
//   chat.js     the assistant's panel
//   theme.js    the chosen theme, before the first paint
//   vendor/     Preact, signals and htm; made by hack/vendorjs
//
// Tests find things by data-testid, and nothing else:
//
//   auth-form        the form; inputs name=email, password, name (sign-up only)
//   sign-in sign-up  its button; to-sign-up to-sign-in swap the two
//   theme            the button: system → light → dark
//   profile          opens the menu that holds edit-profile and sign-out
//   count-total count-pending count-overdue count-completed
//                    figures; a click on one filters by it
//   add-title add-submit; add-details unfolds name=day, clock, tags, description
//   filters-open     unfolds the selects where the page is narrow (a phone)
//   search; filter-status filter-due filter-priority filter-sort (selects);
//   filter-tag       the tag filtered by; a click clears it. clear-filters
//   offline          a line while changes from elsewhere cannot be heard of
//   list-total       how many match; load-more is there while more do
//   todo             an li with data-number, data-id, data-status; in it
//                    todo-title, todo-toggle, todo-edit, todo-delete, and
//                    [data-overdue] on the due date of one that is late
//   edit-form        in the dialog: edit-title, edit-save, edit-cancel,
//                    edit-discard, edit-newer (after 412), edit-gone (after 404)
//   toast toast-undo the newest message
//   chat-open chat-close only where the assistant is a sheet (below 1080 px)
//   chat-input chat-send chat-example; chat-stop is there while it answers
//   chat-message     with data-role user or assistant; in it chat-stage (before
//                    its words come), chat-undo, chat-confirm, chat-cancel,
//                    chat-stopped, chat-notice. chat-older loads those before
//   chat-told        what a screen reader is told: whole answers
//   chat-title       of the conversation; chat-menu opens the list of them,
//                    chat-new begins one
//   conversation     an li with data-id; in it conversation-open,
//                    conversation-rename (then conversation-title,
//                    conversation-save), conversation-delete (then
//                    conversation-delete-yes). conversations-more loads more
//   chat-languages   which languages work
//   models           a details of them; in it model, an li with data-name and
//                    data-state; in it model-get, model-progress

import { Chat } from "./chat.js";
import { Editor } from "./editor.js";
import { follow } from "./live.js";
import { Profile, SignIn } from "./session.js";
import { chatOpen, narrow, note, phase, start, watch } from "./state.js";
import { Todos } from "./todos.js";
import { Mark, ThemeButton, Toaster, Trouble } from "./ui.js";
import { html, render } from "./vendor/preact.js";

function App() {
  switch (phase.value) {
    case "starting":
      return html`<div class="splash"><${Mark} /><p class="unseen">Loading</p></div>`;
    case "unreachable":
      return html`
        <main class="splash">
          <${Mark} />
          <${Trouble} text=${note.value}>
            <button type="button" class="button" onClick=${start}>Try again</button>
          <//>
        </main>
      `;
    case "signed-out":
      return html`<${SignIn} /><${Toaster} />`;
    case "ready":
      return html`<${Desk} />`;
  }
}

/** The page of somebody who is signed in. */
function Desk() {
  const covered = narrow.value && chatOpen.value;
  return html`
    <a class="skip" href="#list-title" inert=${covered}>Skip to the todos</a>
    <header class="top" inert=${covered}>
      <a class="brand" href="/"><${Mark} /> todo<b>chat</b></a>
      <div class="top-end"><${ThemeButton} /><${Profile} /></div>
    </header>
    <div class="desk">
      <main inert=${covered}><${Todos} /></main>
      <${Chat} />
    </div>
    <${Editor} />
    <${Toaster} />
  `;
}

watch();
follow();
void start();
const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(html`<${App} />`, root);
}
