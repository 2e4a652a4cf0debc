// @ts-check
// Answers that come bit by bit: server-sent events, read from fetch, because
// EventSource cannot POST.

import { Problem, problemOf, request, unanswered } from "./api.js";

/** @import { Said } from "./api.js" */

/** How long a stream may be silent, in milliseconds. The server says something every few seconds. */
const silence = 60_000;

/**
 * Sends a request and hears what happens until its end.
 * @param {string} path
 * @param {unknown} body
 * @param {Record<string, (data: any) => void>} hear what to do with each event, by its name; beat: the server has
 *   nothing to say yet
 * @param {AbortSignal} [stop] ends it: its reason is thrown
 * @returns {Promise<any>} the data of done; null when the answer broke off, so that nobody knows what became of it.
 *   Whatever goes wrong in a way that the server could tell throws a Problem
 */
export async function follow(path, body, hear, stop) {
  stop?.throwIfAborted();
  const limit = new AbortController();
  const giveUp = () => limit.abort(stop?.reason);
  stop?.addEventListener("abort", giveUp);
  let timer = setTimeout(giveUp, silence);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, silence);
  };
  let begun = false;
  try {
    const response = await request("POST", path, { body, headers: { Accept: "text/event-stream" }, signal: limit.signal });
    begun = true;
    if (!response.body) return null;
    for await (const { name, data } of events(response.body, heard)) {
      if (name === "done") return JSON.parse(data);
      if (name === "error") throw failure(path, JSON.parse(data));
      hear[name]?.(data && JSON.parse(data));
    }
    stop?.throwIfAborted();
    return null;
  } catch (error) {
    if (stop?.aborted) throw stop.reason;
    if (begun || error instanceof Problem) throw error;
    throw unanswered();
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener("abort", giveUp);
    limit.abort(); // whoever has heard enough hangs up
  }
}

/**
 * @param {string} path
 * @param {Said & {status?: number}} said
 */
const failure = (path, said) => problemOf(path, said.status ?? 500, said);

/**
 * The events of a stream (HTML Living Standard, section 9.2), and its comments
 * as events named beat.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {() => void} heard called for each piece that comes
 * @returns {AsyncGenerator<{name: string, data: string}>}
 */
async function* events(stream, heard) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let name = "message";
  /** @type {string[]} */
  let data = [];
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined })); // It broke off.
    if (done) return; // An event without its empty line is half a one.
    heard();
    // A \r at the end may be half of a line's end.
    const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { name, data: data.join("\n") };
        [name, data] = ["message", []];
      } else if (line.startsWith(":")) yield { name: "beat", data: "" };
      else {
        const [, field, text] = /** @type {RegExpMatchArray} */ (line.match(/^([^:]*):? ?([^]*)$/));
        if (field === "event") name = text;
        else if (field === "data") data.push(text);
      }
    }
  }
}
