// @ts-check
// Days and moments in the account's time zone. A day is "2026-02-01", a clock
// is "17:00", a moment is a Date or its RFC 3339 form.

/** The page speaks English; how English writes dates is the reader's choice. */
const locale = navigator.languages.find((tag) => /^en(-|$)/i.test(tag)) ?? "en-GB";

/** The browser's own time zone. */
export const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * @param {string} zone
 * @param {Intl.DateTimeFormatOptions} options
 * @param {string} [language]
 */
function format(zone, options, language = locale) {
  const key = JSON.stringify([zone, language, options]);
  let made = formats.get(key);
  if (!made) {
    try {
      made = new Intl.DateTimeFormat(language, { timeZone: zone, ...options });
    } catch {
      // A zone that the server knows and this browser does not.
      made = new Intl.DateTimeFormat(language, { timeZone: "UTC", ...options });
    }
    formats.set(key, made);
  }
  return made;
}

/**
 * @param {string} zone
 * @param {Date} at
 */
function wall(zone, at) {
  const options = /** @type {const} */ ({
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  const parts = format(zone, options, "en-US").formatToParts(at);
  return Object.fromEntries(parts.map(({ type, value }) => [type, value]));
}

/**
 * @param {string} zone
 * @param {Date} at
 */
export function dayIn(zone, at) {
  const { year, month, day } = wall(zone, at);
  return `${year}-${month}-${day}`;
}

/**
 * @param {string} zone
 * @param {Date} at
 */
export function clockIn(zone, at) {
  const { hour, minute } = wall(zone, at);
  return `${hour}:${minute}`;
}

/**
 * How far the zone's clocks are ahead of UTC, in milliseconds.
 * @param {string} zone
 * @param {number} at
 */
function ahead(zone, at) {
  const { year, month, day, hour, minute, second } = wall(zone, new Date(at));
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) - Math.floor(at / 1000) * 1000;
}

const dayLong = 86_400_000;

/**
 * The moment at which the zone's clocks show this day and time: the first of
 * two where they are set back, and as much later where they are set forward
 * over it, as other calendars do.
 * @param {string} zone
 * @param {string} day
 * @param {string} clock
 */
export function momentIn(zone, day, clock) {
  const shown = Date.parse(`${day}T${clock}:00Z`);
  const offsets = [ahead(zone, shown - dayLong), ahead(zone, shown + dayLong)];
  const fits = offsets.find((offset) => ahead(zone, shown - offset) === offset);
  return new Date(shown - (fits ?? offsets[0])).toISOString().replace(".000Z", "Z");
}

/**
 * Splits a due date into what the two inputs hold.
 * @param {string | null} due
 * @param {string} zone
 */
export function splitDue(due, zone) {
  if (due === null) return { day: "", clock: "" };
  if (isDay(due)) return { day: due, clock: "" };
  const at = new Date(due);
  return { day: dayIn(zone, at), clock: clockIn(zone, at) };
}

/** @param {string} due */
const isDay = (due) => due.length === 10;

/**
 * How a due date reads now.
 * @param {string} due
 * @param {string} zone
 * @param {Date} now
 * @returns {{text: string, full: string, when: "over" | "today" | "ahead"}}
 */
export function readDue(due, zone, now) {
  const { day, clock } = splitDue(due, zone);
  const noon = new Date(`${day}T12:00:00Z`);
  const days = Math.round((noon.getTime() - Date.parse(`${dayIn(zone, now)}T12:00:00Z`)) / dayLong);
  const time = clock && format(zone, { hour: "numeric", minute: "2-digit" }).format(new Date(due));
  const full = format("UTC", { dateStyle: "full" }).format(noon) + (time && `, ${time}`);

  let text;
  if (days === 0) text = "Today";
  else if (days === 1) text = "Tomorrow";
  else if (days === -1) text = "Yesterday";
  else if (days > 1 && days < 7) text = format("UTC", { weekday: "long" }).format(noon);
  else if (day.slice(0, 4) === dayIn(zone, now).slice(0, 4)) {
    text = format("UTC", { day: "numeric", month: "short" }).format(noon);
  } else text = format("UTC", { day: "numeric", month: "short", year: "numeric" }).format(noon);

  const over = clock ? new Date(due) < now : days < 0;
  return { text: time ? `${text}, ${time}` : text, full, when: over ? "over" : days === 0 ? "today" : "ahead" };
}

/**
 * "Friday 24 November"
 * @param {string} zone
 * @param {Date} now
 */
export const longDay = (zone, now) => format(zone, { weekday: "long", day: "numeric", month: "long" }).format(now);

/**
 * "24 Nov 2026, 17:05"
 * @param {string} zone
 * @param {string} at
 */
export const stamp = (zone, at) => format(zone, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));

/** Every zone this browser knows. */
export function zones() {
  const known = Intl.supportedValuesOf?.("timeZone") ?? [];
  return known.includes("UTC") ? known : ["UTC", ...known];
}
