package intent

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Rules reads a message by rules alone: the answer when no language model is
// there. It knows plain English commands, and prefers Chat to acting when a
// message could be meant otherwise: no todo is deleted, completed, reopened or
// changed unless the message says so in words of that kind.
//
// A blank message yields nil; any other yields at least one intent. It
// takes time linear in the length of the message for all practical purposes,
// keeps no state and is safe for concurrent use.
//
// The message is cut into tokens (tokens.go) and clauses (clause.go). Each
// clause is offered to the readers below, in order; the first that knows it
// says what it means. Readers are mostly lists of forms (phrase.go).
func Rules(message string) []Intent {
	p := &parser{text: scan(message)}
	if len(p.tokens) == 0 {
		if strings.TrimSpace(message) == "" {
			return nil
		}
		return chat()
	}
	var found []Intent
	for _, c := range clauses(p.text) {
		found = join(found, p.read(c))
	}
	return settle(found)
}

// parser reads the clauses of one message.
type parser struct{ text }

// read returns what a clause means; nothing for one that denies a wish.
func (p *parser) read(whole clause) []Intent {
	c := trimPolite(whole)
	if len(c.words) > longestClause {
		return p.readLong(c)
	}
	for _, reader := range []func(*parser, clause) ([]Intent, bool){
		(*parser).readNegated, // first: "don't delete 3" holds a command
		(*parser).readSmallTalk,
		(*parser).readUndo,
		(*parser).readTagging, // before create: "add a tag to 3" adds no todo
		(*parser).readRefused, // before create: "add a reminder at 5" cannot be had
		(*parser).readLeadIn,
		(*parser).readCreate, // before the commands: a title may hold any of them
		(*parser).readHelp,   // before the commands: "how do I delete one" deletes none
		(*parser).readAsk,
		(*parser).readRemark,
		(*parser).readQuestion,
		(*parser).readReopen, // before update and complete: "change 3 to open", "mark 3 as not done"
		(*parser).readUpdate,
		(*parser).readComplete,
		(*parser).readDelete,
		(*parser).readList,
		(*parser).readReport, // statements: "paid the rent"
		(*parser).readWish,   // last: what is left may be a bare todo
	} {
		if found, ok := reader(p, c); ok {
			return found
		}
	}
	return chat()
}

// readLong reads a clause that is too long for anything but a title.
func (p *parser) readLong(c clause) []Intent {
	if found, ok := p.readCreate(c); ok {
		return found
	}
	return chat()
}

func chat() []Intent { return []Intent{{Op: Chat}} }

// join adds what a clause means to what came before. A change of "it" right
// after a create or an update is part of that: "add milk and make it urgent".
func join(before, more []Intent) []Intent {
	for _, m := range more {
		if n := len(before); n > 0 && m.Target == "it" && before[n-1].takes(m) {
			continue
		}
		before = append(before, m)
	}
	return before
}

// takes makes a remark about "it" part of i, which came just before, if it can.
func (i *Intent) takes(remark Intent) bool {
	if remark.Op == i.Op && (i.Op == Complete || i.Op == Reopen || i.Op == Delete) {
		return true // "tick 3 off, it's done" says one thing twice
	}
	if i.Op == List && remark.Op == Update && remark.Priority != "" && remark.Title+remark.Due == "" {
		narrowed := i.filter()
		narrowed.Priority = cmp.Or(narrowed.Priority, remark.Priority)
		i.Filter = &narrowed
		return true // "list what is overdue and urgent"
	}
	if remark.Op != Update || (i.Op != Create && i.Op != Update) || i.Target == "it" {
		return false
	}
	agree := func(a, b string) bool { return a == "" || b == "" || a == b }
	if !agree(i.Title, remark.Title) || !agree(i.Due, remark.Due) || !agree(i.Priority, remark.Priority) {
		return false
	}
	i.Title = cmp.Or(i.Title, remark.Title)
	i.Due = cmp.Or(i.Due, remark.Due)
	i.Priority = cmp.Or(i.Priority, remark.Priority)
	i.Tags = slices.Concat(i.Tags, remark.Tags)
	return true
}

// settle drops small talk beside real wishes, and what is said twice in a row.
func settle(found []Intent) []Intent {
	var out []Intent
	for _, i := range found {
		if i.Op == Chat || len(out) > 0 && reflect.DeepEqual(out[len(out)-1], i) {
			continue
		}
		out = append(out, i)
	}
	if len(out) == 0 {
		return chat()
	}
	return out
}

// readNegated knows a clause that says what is not to be done.
func (p *parser) readNegated(c clause) ([]Intent, bool) {
	if matchesPrefix(dontForget(), c.words) || anyMatch(noNeed(), c.words) {
		return nil, false
	}
	if _, ok := matchAny(sparing(), c.words); ok {
		return nil, true
	}
	return nil, matchesPrefix(negations(), c.words) && !c.question
}

var sparing = lazyForms("leave|keep {ref}", "leave|keep {target} alone|there|as_it_is|as_is|open", "{thing} can|should|must stay")

var noNeed = lazyForms("i|we do not need {ref} anymore|any_more|any_longer|now", "i|we no longer need {ref}")

var dontForget = lazyForms(
	"do not [you] [let_me] forget", "do not let me forget", "never forget", "do not let it slip",
	"must not|never forget", "not done", "i must|should not forget", "not urgent|important",
)

var negations = lazyForms(
	"do not", "not", "never", "except [for]", "but not", "no need", "i do not want|need|wish|have",
	"you do not need|have", "i did not mean|say|ask|want",
	"please do not", "nothing", "no longer need", "i will not", "we do not", "i would not", "i do not think", "without",
	"apart from", "stop", "would not", "should not", "must not", "can not",
)

// readSmallTalk knows what is said for politeness, and answers to nothing.
func (p *parser) readSmallTalk(c clause) ([]Intent, bool) {
	if _, ok := matchAny(smallTalkForms(), c.words); ok {
		return chat(), true
	}
	if len(c.words) == 1 && smallTalk.has(c.words[0]) {
		return chat(), true
	}
	return nil, false
}

var smallTalkForms = lazyForms(
	"never mind", "nevermind [that]", "forget it|that", "good morning|evening|night|afternoon|day|job|work|bot|one",
	"well done", "thank you [so|very] [much]", "thanks [a|so] [lot|much|again]",
	"how are you [doing] [today]", "what 's up", "what is up", "how 's it going", "who are you", "what are you",
	"i am done", "i am finished", "all done", "done", "finished",
	"all good", "sounds good", "looks good", "got it", "i see", "of course", "no problem", "no worries",
	"see you [later|tomorrow|soon]", "talk to you later", "have a nice|good|great day|evening|weekend|one",
	"tell me a joke", "tell me about|a|an|something|some {any}", "sing {any}", "nice work|one|job", "great job|work", "good to know",
	"my day {any}", "that 's|is {any} great|nice|good|funny|cool|all|it|amazing|awful|wrong|right",
	"that 's|is great|nice|good|funny|cool|all|it|amazing|awful|wrong|right|fine|okay|enough",
	"you 're|are {any}", "i love|like|hate|miss {any}",
	"i am [so|very|really|feeling|not|a_bit] tired|bored|happy|sad|hungry|sick|busy|stressed|overwhelmed|excited|back|here|late|home|sorry|ok|okay|fine|good|great|exhausted",
	"long time no see", "happy {any}", "merry {any}", "what time is it", "do it", "go ahead", "yes please", "drop it", "call me {any}", "check this|it|that out", "no thanks",
	"no thank you", "not now", "not yet", "talk soon", "let 's go", "whatever you say", "write|sing|compose me {any}",
)

// readUndo knows the wish to take the last change back.
func (p *parser) readUndo(c clause) ([]Intent, bool) {
	_, ok := matchAny(undoForms(), c.words)
	return []Intent{{Op: Undo}}, ok
}

var undoForms = lazyForms(
	"undo [it|that|this|please|everything|all] [please|again]",
	"undo [the|my|your] last|previous|latest [one|few|two|three|couple_of] [one|change|changes|action|thing|things|step|steps|command|edit|operation|message|deletion|delete|add|update|completion|task|todo|move|rename|request]",
	"undo the|that|my|this change|deletion|edit|delete|mistake",
	"undo what you|i [just] did", "undo what i just said", "take|turn|roll|put that|it|this back",
	"take back [the] last|previous [one|change|action|thing]", "take back that|it|what_i_said",
	"take back what i just did|said", "revert [it|that|this]",
	"revert the|that|my last|previous [change|action|one|thing|edit]", "revert that|the change",
	"reverse [it|that|this]", "reverse the last|previous [change|action|one|thing]",
	"roll back [that|it|the_last_change]", "rollback [that|it]", "roll back the last change|action|thing",
	"go back [one|a] [step]", "step back", "that was a mistake", "i did not mean [to_do] [it|that]",
	"i did not want that", "put it back the way it was", "put everything back",
	"bring it|that back", "restore it|that|what_i_deleted|the_last_one", "scratch|strike that", "ctrl z", "ctrl+z",
	"ctrl-z", "cmd+z", "cancel that [last] [change|action]", "cancel the last change|action|command",
	"not what i meant [undo]", "unsay that", "un-do [that|it]", "can i undo that|it|this", "i take that|it back",
)

// readRemark knows what is said of the todo just named: "it's urgent".
func (p *parser) readRemark(c clause) ([]Intent, bool) {
	words := c.words
	if n := remarkLeads.at(words); n > 0 && n < len(words) {
		words = words[n:]
	} else if c.question {
		return nil, false
	}
	var d details
	if prio, ok := priorityOf(p.takeTags(words, &d)); ok {
		return []Intent{{Op: Update, Target: "it", Priority: prio, Tags: d.tags}}, true
	}
	if tags, ok := p.allTags(words); ok {
		return []Intent{{Op: Update, Target: "it", Tags: tags}}, true
	}
	if due, ok := p.dueOf(words); ok && len(words) < len(c.words) && saysDue(c.words) {
		return []Intent{{Op: Update, Target: "it", Due: due}}, true
	}
	return nil, false
}

// saysDue tells "it's due friday" and "make it friday" from "it's friday!".
func saysDue(words []token) bool {
	if wordIs(words[0], "make", "set", "due", "needed", "do") {
		return true
	}
	for _, k := range words[1:] {
		if wordIs(k, "due", "by", "for", "until", "before", "done", "need", "at", "on") {
			return true
		}
	}
	return false
}

// target copies the words that name a todo, without what does not count.
func (p *parser) target(words []token) string {
	words = coreTarget(words)
	if len(words) == 1 && (isDigits(words[0]) || ordinals.has(words[0])) {
		return p.source[words[0].start:words[0].end]
	}
	if isPronoun(words) {
		return "it"
	}
	return p.span(words)
}

// coreTarget takes off "number" before digits, and "the … one" around them.
func coreTarget(words []token) []token {
	for len(words) > 1 && wordIs(words[0], "also", "off", "just", "only", "that", "then") &&
		!pronouns.has(words[1]) && !nouns.has(words[1]) {
		words = words[1:]
	}
	core := words
	if len(core) > 1 && articles.has(core[0]) {
		core = core[1:]
	}
	for range 2 { // "task number 3"
		if len(core) > 1 && numberNouns.has(core[0]) && (isDigits(core[1]) || numberNouns.has(core[1])) {
			core = core[1:]
		}
	}
	if len(core) == 2 && ordinalOrDigits(core[0]) && singleNouns.has(core[1]) {
		core = core[:1]
	}
	if len(core) == 1 && ordinalOrDigits(core[0]) {
		return core
	}
	return words
}

func ordinalOrDigits(k token) bool { return isDigits(k) || ordinals.has(k) }

// isPronoun reports words that stand for the todo, or todos, last spoken of.
func isPronoun(words []token) bool {
	switch {
	case len(words) == 1:
		return pronounTargets.has(words[0])
	case len(words) != 2:
		return false
	case wordIs(words[0], "that", "this", "those", "these", "both"):
		return wordIs(words[1], "one", "ones", "two", "task", "todo", "item", "thing", "them")
	}
	return wordIs(words[0], "the") && wordIs(words[1], "one")
}

// targets reads one or more targets: "2, 3 and the dentist", "all the garden
// ones". It returns nothing for words that name none.
func (p *parser) targets(op Op, words []token) []Intent {
	if bulk, ok := p.bulk(words); ok {
		bulk.Op = op
		return []Intent{bulk}
	}
	var found []Intent
	for _, item := range splitItems(words) {
		item = trimItem(item)
		if len(item) == 0 {
			continue
		}
		if countsSeveral(item) || len(item) == 1 && nouns.has(item[0]) {
			return nil
		}
		if bulk, ok := p.bulk(item); ok {
			bulk.Op = op
			found = append(found, bulk)
			continue
		}
		if len(item) > 12 {
			return nil // nobody names a todo with so many words
		}
		if target := p.target(item); target != "" {
			found = append(found, Intent{Op: op, Target: target})
		}
	}
	return found
}

// countsSeveral reports "the first two": several todos that no single target
// can stand for.
func countsSeveral(item []token) bool {
	for len(item) > 2 && articles.has(item[0]) {
		item = item[1:]
	}
	return len(item) >= 2 && len(item) <= 3 && ordinals.has(item[0]) && (isDigits(item[1]) || spelledNumber(item[1].word) > 1 || wordIs(item[1], "few", "couple"))
}

func trimItem(item []token) []token {
	for len(item) > 1 && wordIs(item[0], "both", "and", "also", "either", "plus") && !wordIs(item[1], "of", "them") {
		item = item[1:]
	}
	if len(item) > 2 && wordIs(item[0], "both") && wordIs(item[1], "of") {
		return item[2:]
	}
	return item
}

// splitItems cuts an enumeration at commas and "and".
func splitItems(words []token) [][]token {
	var out [][]token
	start := 0
	for i, k := range words {
		if wordIs(k, "and", "plus", "or") && i > start && i < len(words)-1 && !fixedPair(words, i) {
			out = append(out, words[start:i])
			start = i + 1
			continue
		}
		if k.after == ',' && i < len(words)-1 && i >= start {
			out = append(out, words[start:i+1])
			start = i + 1
			if wordIs(words[start], "and", "plus") && start < len(words)-1 {
				start++
			}
		}
	}
	return append(out, words[start:])
}

// fixedPair reports an "and" that belongs to a name.
func fixedPair(words []token, and int) bool {
	if and == 0 || and+1 >= len(words) || words[and-1].quoted || words[and+1].quoted {
		return false
	}
	switch words[and-1].word + " " + words[and+1].word {
	case "mac cheese", "fish chips", "salt pepper", "rock roll", "black white", "pros cons", "terms conditions", "q a", "r d",
		"bed breakfast", "ups downs", "lost found", "arts crafts", "h m", "b b", "in out", "on off", "up down", "back forth", "gin tonic", "peanut jelly", "health safety", "research development", "friends family", "mum dad", "mom dad":
		return true
	}
	return false
}

// priorityOf reads words that say a priority and nothing else.
func priorityOf(words []token) (string, bool) {
	for len(words) > 1 && priorityIntensifiers.has(words[0]) {
		words = words[1:]
	}
	for len(words) > 1 && priorityAsides.has(words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	if len(words) == 0 || len(words) > 4 || words[0].quoted {
		return "", false
	}
	for _, p := range [...]struct {
		phrases phraseSet
		name    string
	}{{highPhrases, "high"}, {lowPhrases, "low"}, {mediumPhrases, "medium"}} {
		if p.phrases.at(words) == len(words) {
			return p.name, true
		}
	}
	return "", false
}

// What people say for the three priorities.
var (
	highPhrases = phraseList(`
	urgent, important, asap, high, high priority, high-priority, top priority, highest priority, critical,
	priority high, urgently, as soon as possible, crucial, vital, a priority, priority, priority 1, p1,
	high prio, prio high, priority high, top, highest, essential, urgent important, high importance, pressing,
	emergency, high urgency, super urgent, urgent priority, top prio`)
	lowPhrases = phraseList(`
	not important, not urgent, whenever, someday, low, low priority, low-priority, lowest priority,
	priority low, no rush, no hurry, less urgent, less important, unimportant, not that important,
	not so important, low prio, not very important, not very urgent, not that urgent, not so urgent,
	not a priority, some day, p3, prio low, lowest, non-urgent, low importance, not really important,
	not urgent anymore, no longer urgent, no longer important, whenever possible, whenever i can,
	not urgent at all, not too important, minor, not important anymore, not high priority`)
	mediumPhrases = phraseList(`
	medium, medium priority, normal, normal priority, medium-priority, average priority, priority medium, p2,
	mid priority, moderate, moderate priority, standard priority, regular priority, medium prio`)
)

// dueOf reads words that are a due phrase and nothing else.
func (p *parser) dueOf(words []token) (string, bool) {
	rest, ok := wholeDue(words)
	if !ok {
		return "", false
	}
	return p.span(rest), true
}

// wholeDue returns the due phrase that the words are, without its preposition.
func wholeDue(words []token) ([]token, bool) {
	const longest = 14
	if len(words) == 0 || len(words) > longest {
		return nil, false
	}
	rest, prep := trimDuePreposition(words)
	_, n := readMoment(rest, duringParsing, cmp.Or(prep, "on"))
	return rest, n > 0 && n == len(rest)
}

func isDue(words []token) bool {
	_, ok := wholeDue(words)
	return ok
}

// constraint returns what a capture of that name must satisfy.
func constraint(name string) func([]token) bool {
	switch name {
	case "due":
		return isDue
	case "prio":
		return func(w []token) bool { _, ok := priorityOf(w); return ok }
	case "ref":
		return func(w []token) bool { return namesTodo(w) && !wordIs(w[len(w)-1], "back") }
	case "label": // "5:", as in "edit task 5: buy hammers"
		return func(w []token) bool { return len(w) == 1 && isDigits(w[0]) && w[0].after == ':' }
	case "tag":
		return func(w []token) bool { return len(w) <= 5 && !w[0].quoted }
	case "quoted":
		return func(w []token) bool { return len(w) == 1 && w[0].quoted }
	case "list":
		return func(w []token) bool { return listNames.at(w) == len(w) }
	case "hash":
		return func(w []token) bool { return w[0].hash && !isDigits(w[0]) }
	case "verb":
		return func(w []token) bool {
			return len(w) == 1 && (everydayVerbs.has(w[0]) || wordIs(w[0], "finish", "complete", "do"))
		}
	case "past":
		return func(w []token) bool { return len(w) == 1 && isPast(w[0]) }
	case "thing":
		return isSubject
	case "target":
		return func(w []token) bool { return len(w) <= 24 && !wordIs(w[0], "as", "to", "is", "of", "and", "'s") }
	}
	return nil
}

// The word lists of this file.
var (
	remarkLeads = phraseList(`
		it 's, it is, that 's, that is, this is, they 're, they are, both, make it, make that, it 's also,
		it 's really, it is really, it 's very, it is very, both are, due, it 's due, it is due, set it to, which is,
		mark it, mark it as, it should be, needed, i need it, i need that, it has to be done, it needs to be done,
		do it, it must be done, with`)
	numberNouns = vocab(`
		number no nr task todo item to-do # num numbers tasks items todos entry`)
	pronounTargets = vocab(`
		it that this them those these both itself they`)
	priorityIntensifiers = vocab(`
		really very super quite so pretty extremely a also as now to is of at with just actually the it 's more most
		and fairly`)
	priorityAsides = vocab(`
		now please too though again one ones really`)
)
