// @ts-check
// Who is here: signing in and up, and the profile.

import { account, note, saveProfile, signIn, signOut, signUp, zone } from "./state.js";
import { browserZone, zones } from "./time.js";
import { Dialog, Field, Icon, Mark, PriorityBars, ThemeButton, Trouble, useSubmit } from "./ui.js";
import { html, useEffect, useId, useMemo, useRef, useSignal } from "./vendor/preact.js";

/** @typedef {{currentTarget: HTMLInputElement}} Typed */

export function SignIn() {
  const joining = useSignal(false);
  const email = useSignal(account.peek()?.email ?? "");
  const password = useSignal("");
  const name = useSignal("");
  const first = useRef(/** @type {HTMLInputElement | null} */ (null));
  const { busy, problem, submit } = useSubmit(() =>
    joining.value
      ? signUp(email.value.trim(), password.value, name.value.trim())
      : signIn(email.value.trim(), password.value),
  );
  useEffect(() => first.current?.focus(), [joining.value]);

  const swap = () => {
    joining.value = !joining.value;
    problem.value = null;
  };
  const said = problem.value;
  const besides = said?.besides("email", "password", ...(joining.value ? ["name"] : [])) ?? "";

  return html`
    <div class="gate">
      <${Glimpse} />
      <div class="gate-corner"><${ThemeButton} /></div>
      <main class="gate-card">
        <p class="brand"><${Mark} /> todo<b>chat</b></p>
        <h1>${joining.value ? "Make an account" : "Welcome back"}</h1>
        <p class="gate-lead">
          ${joining.value ? "A list of your own, and an assistant that acts on it." : "Sign in to your list."}
        </p>
        ${note.value && html`<p class="notice" role="status">${note.value}</p>`}
        ${besides && html`<${Trouble} text=${besides} />`}
        <form data-testid="auth-form" onSubmit=${submit}>
          ${joining.value &&
          html`
            <${Field} label="Name" error=${said?.at("name")} key="name">
              ${(/** @type {object} */ ties) => html`
                <input
                  ...${ties}
                  ref=${first}
                  name="name"
                  autocomplete="name"
                  required
                  maxlength="200"
                  value=${name.value}
                  onInput=${(/** @type {Typed} */ e) => (name.value = e.currentTarget.value)}
                />
              `}
            <//>
          `}
          <${Field} label="E-mail" error=${said?.at("email")} key="email">
            ${(/** @type {object} */ ties) => html`
              <input
                ...${ties}
                ref=${joining.value ? undefined : first}
                type="email"
                name="email"
                autocomplete="username"
                required
                value=${email.value}
                onInput=${(/** @type {Typed} */ e) => (email.value = e.currentTarget.value)}
              />
            `}
          <//>
          <${Field}
            label="Password"
            error=${said?.at("password")}
            hint=${joining.value ? "At least 8 characters; longer is better." : undefined}
            key="password"
          >
            ${(/** @type {object} */ ties) => html`
              <input
                ...${ties}
                type="password"
                name="password"
                autocomplete=${joining.value ? "new-password" : "current-password"}
                required
                minlength=${joining.value ? 8 : undefined}
                maxlength="128"
                value=${password.value}
                onInput=${(/** @type {Typed} */ e) => (password.value = e.currentTarget.value)}
              />
            `}
          <//>
          <button
            class="button primary wide"
            data-testid=${joining.value ? "sign-up" : "sign-in"}
            aria-disabled=${busy.value}
          >
            ${busy.value ? "One moment…" : joining.value ? "Sign up" : "Sign in"}
          </button>
        </form>
        <p class="gate-swap">
          ${joining.value ? "Already have an account?" : "New here?"}${" "}
          <button type="button" class="link" data-testid=${joining.value ? "to-sign-in" : "to-sign-up"} onClick=${swap}>
            ${joining.value ? "Sign in" : "Make an account"}
          </button>
        </p>
      </main>
    </div>
  `;
}

/** What it is like inside, for the eye only. */
const Glimpse = () => html`
  <div class="glimpse" aria-hidden="true">
    <div class="glimpse-talk">
      <div class="message user"><div class="bubble">add buy milk tomorrow, high priority</div></div>
      <div class="message assistant"><div class="bubble">Added <span class="number">#12</span> buy milk — due tomorrow, high priority.</div></div>
      <div class="message user"><div class="bubble">mark 9 done</div></div>
      <div class="message assistant"><div class="bubble">Done: <span class="number">#9</span> water the plants.</div></div>
    </div>
    <div class="card glimpse-list">
      <p><i></i><span>buy milk<small><span class="number">#12</span> Tomorrow <b class="high"><${PriorityBars} level="high" />High</b></small></span></p>
      <p><i></i><span>call the plumber<small><span class="number">#11</span> Friday, 10:00</small></span></p>
      <p class="done"><i class="on"></i><span>water the plants<small><span class="number">#9</span></small></span></p>
    </div>
  </div>
`;

/** @param {string} name */
function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked.map((word) => [...word][0].toLocaleUpperCase()).join("") || "?";
}

const Avatar = () => html`<span class="avatar" aria-hidden="true">${initials(account.value?.name ?? "")}</span>`;

/** The button with the avatar, and the menu behind it. */
export function Profile() {
  const menu = useRef(/** @type {HTMLElement | null} */ (null));
  const opening = useSignal(false);
  const who = account.value;
  if (!who) return null;
  const edit = () => {
    menu.current?.hidePopover();
    opening.value = true;
  };
  return html`
    <button type="button" class="avatar-button" data-testid="profile" popovertarget="profile-menu">
      <${Avatar} /><span class="unseen">Profile of ${who.name}</span>
    </button>
    <div class="menu" id="profile-menu" popover ref=${menu}>
      <div class="menu-who">
        <${Avatar} />
        <div>
          <p class="menu-name" dir="auto">${who.name}</p>
          <p class="menu-mail">${who.email}</p>
        </div>
      </div>
      <p class="menu-zone"><${Icon} name="clock" />Times in ${zone.value.replaceAll("_", " ")}</p>
      ${zone.value !== browserZone &&
      html`<p class="hint">This browser is in ${browserZone.replaceAll("_", " ")}.</p>`}
      <div class="menu-actions">
        <button type="button" class="button" data-testid="edit-profile" onClick=${edit}>Edit profile</button>
        <button type="button" class="button" data-testid="sign-out" onClick=${signOut}>Sign out</button>
      </div>
    </div>
    ${opening.value && html`<${ProfileEditor} onLeave=${() => (opening.value = false)} />`}
  `;
}

/** @param {{onLeave: () => void}} props */
function ProfileEditor({ onLeave }) {
  const who = /** @type {import("./api.js").Account} */ (account.peek());
  const name = useSignal(who.name);
  const timeZone = useSignal(who.time_zone);
  const list = useId();
  const known = useMemo(zones, []);
  const { busy, problem, submit } = useSubmit(async () => {
    const changes = {
      ...(name.value.trim() !== who.name && { name: name.value.trim() }),
      ...(timeZone.value.trim() !== who.time_zone && { time_zone: timeZone.value.trim() }),
    };
    if (Object.keys(changes).length > 0) await saveProfile(changes);
    onLeave();
  });
  const said = problem.value;
  const besides = said?.besides("name", "time_zone") ?? "";
  return html`
    <${Dialog} title="Your profile" class="small" onLeave=${onLeave}>
      <form onSubmit=${submit}>
        <div class="dialog-body">
          ${besides && html`<${Trouble} text=${besides} />`}
          <p class="menu-who"><${Avatar} /><span class="menu-mail">${who.email}</span></p>
          <${Field} label="Name" error=${said?.at("name")}>
            ${(/** @type {object} */ ties) => html`
              <input
                ...${ties}
                name="name"
                autocomplete="name"
                autofocus
                dir="auto"
                required
                value=${name.value}
                onInput=${(/** @type {Typed} */ e) => (name.value = e.currentTarget.value)}
              />
            `}
          <//>
          <${Field} label="Time zone" error=${said?.at("time_zone")} hint="Days begin and end there, and times are shown in it.">
            ${(/** @type {object} */ ties) => html`
              <input
                ...${ties}
                name="time_zone"
                list=${list}
                required
                value=${timeZone.value}
                onInput=${(/** @type {Typed} */ e) => (timeZone.value = e.currentTarget.value)}
              />
            `}
          <//>
          <datalist id=${list}>${known.map((one) => html`<option value=${one} key=${one} />`)}</datalist>
          ${timeZone.value !== browserZone &&
          html`
            <button type="button" class="link" onClick=${() => (timeZone.value = browserZone)}>
              Use this browser's: ${browserZone.replaceAll("_", " ")}
            </button>
          `}
        </div>
        <div class="dialog-foot">
          <button type="button" class="button" onClick=${onLeave}>Cancel</button>
          <button class="button primary" aria-disabled=${busy.value}>Save</button>
        </div>
      </form>
    <//>
  `;
}
