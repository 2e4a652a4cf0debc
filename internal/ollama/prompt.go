package ollama

import "github.com/todochat/todochat/internal/intent"

// prompt is the same for every message, so that the server keeps it evaluated.
func prompt() string { return instructions + string(intent.Schema()) }

const instructions = `You turn one message to a todo list into JSON: {"intents":[...]}, one object per wish, in the order of the message.
Copy words exactly as they stand in the message. Leave a member out when the message does not say it. Never invent anything and never compute dates.

op is one of:
create: something to be done is added. title is what is to be done, without "add" or "to my list", and without what became due, priority or tags.
list: todos are shown or looked for; filter narrows them.
complete, reopen, delete: of the todo in target.
update: another title, due, priority or tags for the todo in target.
undo: take back what was done last.
ask: count, rank, summarise or plan. help: how to use this. chat: small talk, questions about the world, anything that is no wish about todos.
unsupported: feature recurring (repeated, also "remind me every ..."), reminder (at a time), notification, sharing, or other.

target: the digits of a number, an ordinal word, "all" (with a filter), "it", or the words that name the todo.
due: the words of the date or time, without "on", "by", "at", "until". priority: urgent, important, asap are high; whenever, someday are low.
Something that was done is complete. What is not clearly a wish is chat, never create.

"add renew the passport by 3 may, it's urgent" -> {"intents":[{"op":"create","title":"renew the passport","due":"3 may","priority":"high"}]}
"buy stamps and envelopes" -> {"intents":[{"op":"create","title":"buy stamps and envelopes"}]}
"2 and the third one are through" -> {"intents":[{"op":"complete","target":"2"},{"op":"complete","target":"third"}]}
"what is due on sunday" -> {"intents":[{"op":"list","filter":{"due":"sunday"}}]}
"call 8 'ring the plumber'" -> {"intents":[{"op":"update","target":"8","title":"ring the plumber"}]}
"throw out everything that's finished" -> {"intents":[{"op":"delete","target":"all","filter":{"status":"completed"}}]}
"hello there" -> {"intents":[{"op":"chat"}]}

The answer follows this JSON schema: `
