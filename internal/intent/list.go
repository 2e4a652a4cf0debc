package intent

// readList knows the wish to see todos: "show me tomorrow", "find the dentist".
func (p *parser) readList(c clause) ([]Intent, bool) {
	rest, ok := matchPrefix(listForms(), c.words)
	if ok && (len(rest) > 0 || len(c.words) > 0 && !needsObject.has(c.words[0])) {
		if looksElsewhere(rest) {
			return nil, false
		}
		f := p.filter(rest, true)
		search := wordIs(c.words[0], "find", "search", "look", "where", "lookup", "locate")
		if f.Tag != "" && search && f.Query == "" && len(rest) == 1 {
			f.Tag, f.Query = "", f.Tag
		}
		return []Intent{{Op: List, Filter: f.orNil()}}, true
	}
	if found, ok := p.bareList(c); ok {
		return found, true
	}
	return nil, false
}

var listForms = lazyForms(
	"show|list|display|view|print|gimme|see [me|us] [again]", "show", "list", "display",
	"let me see|have_a_look_at|look_at|view", "can|could|may i see|get|have|view|look_at",
	"give me [a] [list|overview] [of]", "give me the list [of]", "get me", "pull|bring up", "read [me] [out]",
	"look at|up|for", "look through",
	"find|search|locate|lookup [me] [for|through] [todos|tasks]", "search my|the tasks|todos|list for", "go through",
	"run through", "i want|need|would_like|wan to see|view|know_what_is|know_what_'s", "what are",
	"tell me what is|'s|are", "remind myself of", "open [up] my|the list", "filter [by|for|on|to]",
	"sort|order [them|it|my_list|the_list|my_tasks] by", "check my|the list|tasks|todos", "pull|bring me up",
	"fetch [me]", "see [all]", "get [me] a|the|my list [of]", "where 's|is|are", "only|just show [me]", "show|list only",
	"narrow [it] down to",
)

// looksElsewhere reports a search for what is no todo: "find a plumber", "get eggs".
func looksElsewhere(rest []token) bool {
	return len(rest) > 0 && (wordIs(rest[0], "a", "an", "some", "out", "how") && !anyNoun(rest))
}

func anyNoun(words []token) bool {
	for _, k := range words {
		if nouns.has(k) {
			return true
		}
	}
	return false
}

// bareList knows "open tasks", "everything tagged garden", "overdue?", "my list".
func (p *parser) bareList(c clause) ([]Intent, bool) {
	words := c.words
	first, last := words[0], words[len(words)-1]
	switch {
	case everything.has(first) && len(words) > 1 && !everydayVerbs.has(words[1]):
	case wordIs(first, "any") && len(words) > 1 && (anyNoun(words) || hasStatus(words)):
	case listNames.at(words) == len(words):
	case wordIs(first, "todos", "tasks", "to-dos", "chores") && len(words) <= 8 && !clausal(words[1:]):
	case pluralNouns.has(last) && len(words) <= 6 && !wordIs(last, "stuff", "things", "ones", "items") && !opensSentence(first):
	case len(words) <= 4 && hasStatus(words) && !auxiliaries.has(first) && !subjects.has(first) && !isPast(first) && anyNoun(words):
	case len(words) == 1 && loneListWords.has(first):
	case len(words) <= 3 && wordIs(last, "list", "agenda") && !isVerb(first) && !wordIs(first, "shopping", "a", "guest", "new"):
	case c.question && isDue(words):
	default:
		return nil, false
	}
	f := p.filter(words, true)
	return []Intent{{Op: List, Filter: f.orNil()}}, true
}

// opensSentence reports a word that begins more than a noun phrase.
func opensSentence(k token) bool {
	return isVerb(k) || subjects.has(k) || auxiliaries.has(k) || questioning.has(k)
}

// readQuestion knows questions about particular todos: "is the report done?",
// "did I add the passport thing?", "what do I have on sunday".
func (p *parser) readQuestion(c clause) ([]Intent, bool) {
	words := c.words
	if rest, ok := matchPrefix(whatForms(), words); ok {
		if len(rest) > 0 && wordIs(rest[0], "you", "your", "the") && len(rest) > 1 && worldTopics.has(rest[1]) {
			return chat(), true
		}
		found := p.list(words, rest)
		if elsewhere(words, found[0].Filter) {
			return chat(), true
		}
		return found, true
	}
	if rest, ok := matchPrefix(didForms(), words); ok && len(rest) > 0 {
		for len(rest) > 1 && (questionAdverbs.has(rest[0]) || isPast(rest[0]) || isVerb(rest[0])) {
			rest = rest[1:]
		}
		return p.list(words, trimAsides(rest)), true
	}
	if _, ok := matchPrefix(anyForms(), words); ok {
		return p.list(words, words[existenceLeads.at(words):]), true
	}
	if caught, ok := matchAny(isItForms(), words); ok && !pronounSubject(caught["query"]) {
		return p.list(words, caught["query"]), true
	}
	return nil, false
}

// trimAsides takes off what does not narrow a question.
func trimAsides(words []token) []token {
	for len(words) > 1 && wordIs(words[len(words)-1], "already", "yet", "finally", "too", "now", "though") {
		words = words[:len(words)-1]
	}
	return words
}

func pronounSubject(words []token) bool {
	return len(words) > 0 && (subjects.has(words[0]) || isPronoun(words)) && !wordIs(words[0], "it") || len(words) == 1 && wordIs(words[0], "it")
}

// elsewhere reports a question about the world: "what's 2 plus 2" looks for
// words that no status, date, tag or word for todos ties to this list.
func elsewhere(words []token, f *Filter) bool {
	if f == nil || f.Query == "" || f.Status+f.Due+f.Priority+f.Tag != "" || anyNoun(words) {
		return false
	}
	last := words[len(words)-1]
	switch {
	case len(words) < 3:
		return true
	case wordIs(words[0], "when"):
		return isDue(words[2:]) || !wordIs(words[2], "the", "my", "i", "our", "we") ||
			wordIs(last, "open", "close", "start", "end", "begin", "arrive") || wordIs(words[min(3, len(words)-1)], "next", "best")
	case wordIs(words[0], "what") && wordIs(words[1], "'s", "is", "are", "was", "were"):
		return !isReference(last) || len(words) > 4
	}
	return wordIs(words[0], "where")
}

func (p *parser) list(all, rest []token) []Intent {
	f := p.filter(rest, true)
	if f.Status == "" && pastQuestions.at(all) > 0 && anyPast(all) {
		f.Status = "completed"
	}
	if f.Status == "" && f.Query == "" && leftToDo(all) {
		f.Status = "open"
	}
	return []Intent{{Op: List, Filter: f.orNil()}}
}

func anyPast(words []token) bool {
	for _, k := range words {
		if isPast(k) && k.word != "got" || wordIs(k, "finish", "complete", "accomplish", "tick", "achieve") {
			return true
		}
	}
	return endsWith(words, "do") && len(words) <= 5 || phraseAt(words, "what did i do,what did i get done") > 0
}

func leftToDo(words []token) bool {
	for _, k := range words {
		if wordIs(k, "still", "left", "remaining", "remains", "outstanding") {
			return true
		}
	}
	return false
}

var whatForms = lazyForms(
	"what|which [all|else|things|tasks|todos|ones|stuff] do|did|have|must|should|will|can|am|was i|we [still|also|already] [have|need|want|got|plan|supposed|meant|going] [still] [on|left|to_do|to_get_done|to|planned|scheduled|got]",
	"what did|have i|we [already] finish|finished|complete|completed|do|done|accomplish|get_done|got_done|tick_off|ticked_off|achieve|added|add",
	"what|which [else|all|tasks|todos|ones|things|items|stuff] is|'s|are|remain|remains|were|was [all|already|currently|coming] [on|planned|scheduled|there|up|waiting|going_on]",
	"what|which tasks|todos|ones|things|items", "what 's|is", "what about",
	"what needs|has|have to be done|finished|completed", "what needs|has|have to happen|get_done",
	"what should|must|can be done", "what needs doing",
	"when|by_when|until_when is|'s|are|do|did|was|should|must [i|my|we] [have|need|want] [to]", "what of",
	"which of my|the tasks|todos|ones", "what tags do i have", "what does my|the", "how does my|the", "how 's|is my",
	"where 's|is|did|are",
)

var didForms = lazyForms(
	"did|have|had i|we [already|ever|really|just|yet]", "did somebody|someone|anyone",
	"do i|we [still|also|already] have|need|want to", "do i|we still have|need", "was i supposed|meant to",
	"am i supposed|meant to", "must|should i still", "had i",
)

var anyForms = lazyForms(
	"do i|we [still] have|need [any|anything|something|nothing]",
	"is|are there [still] [any|anything|something|nothing]", "have i|we got", "is|are|has any|anything|something",
	"got|have any|anything|something", "do i|we have any|anything",
)

var isItForms = lazyForms(
	"is|are|was|were|has|have {query} [already|still|all|been|now|really|actually] <done> [yet|already|now]",
	"is|are|was|were|has|have {query} [already|still|been] {past} [in|up|off|out|away|back|down|over] [yet|already]",
	"is|are {query} [still] open|pending|left|overdue|urgent|important|late|there|due [yet|already]",
	"is|are {query} [already|still] on|in <list>", "is|are {query} [still] due {due}",
	"is|are {query} done|finished|completed [yet|already]",
	"when is|'s {query} due", "when must|should|do|does {query} [need|have] [to] be done|due",
)

// filter reads what narrows a list. Words that narrow it in no known way are
// looked for when free is set, or else name a tag.
func (p *parser) filter(words []token, free bool) Filter {
	var f Filter
	var left []token
	adjective := false
	for i := 0; i < len(words); {
		rest := words[i:]
		switch n, status := statusAt(rest); {
		case n > 0 && f.Status == "":
			f.Status = status
			i += n
			continue
		}
		if n := p.tagAt(rest, &f); n > 0 {
			i += n
			continue
		}
		if n, prio := priorityAt(rest); n > 0 && f.Priority == "" {
			f.Priority = prio
			i += n
			continue
		}
		if n := p.filterDueAt(rest, &f, i == 0 || len(left) == 0); n > 0 {
			i += n
			continue
		}
		if n := queryAt(rest); n > 0 && i+n < len(words) && f.Query == "" {
			f.Query = p.query(words[i+n:], &f)
			break
		}
		if fillers.has(rest[0]) && !quotedOrDigits(rest[0]) {
			adjective = adjective || len(left) > 0 && nouns.has(rest[0])
			i++
			continue
		}
		left = append(left, rest[0])
		i++
	}
	left = trimFillers(left)
	switch {
	case len(left) == 0:
	case f.Query != "" || f.Tag != "" && !free:
	case adjective && f.Tag == "" && len(left) == 1 && !isDigits(left[0]) && wordIsPlain(left[0]):
		if singularAsked(words) {
			f.Query = p.span(left)
			break
		}
		f.Tag = p.span(left)
	default:
		f.Query = p.span(coreTarget(left))
	}
	return f
}

func quotedOrDigits(k token) bool { return k.quoted || isDigits(k) }

func wordIsPlain(k token) bool { return !k.quoted }

// singularAsked reports "the passport thing": one todo, not those of a tag.
func singularAsked(words []token) bool { return singleNouns.has(words[len(words)-1]) }

// query reads the words looked for up to the end, leaving out a due phrase,
// status or tag that closes them.
func (p *parser) query(words []token, f *Filter) string {
	if start, phrase := dueAtEnd(words); start > 0 && f.Due == "" {
		f.Due = p.span(words[phrase:])
		words = words[:start]
	}
	words = trimFillers(words)
	if len(words) > 0 {
		return p.span(words)
	}
	return ""
}

func trimFillers(words []token) []token {
	for len(words) > 0 && (fillers.has(words[0]) || prepositions.has(words[0])) {
		words = words[1:]
	}
	for len(words) > 0 && (fillers.has(words[len(words)-1]) || prepositions.has(words[len(words)-1])) {
		words = words[:len(words)-1]
	}
	return words
}

var fillers = vocab(`
	the a an my all any every everything anything each me us our of that which are is 's was were be been i we you have has got need needs want
	todo todos to-do to-dos task tasks item items one ones thing things stuff entries entry list lists to do does did
	with for on in at from by this these those there again please now only just right it them what so far else due
	still left already currently and yet not something some added add put say says called agenda day 'm am no also scheduled planned plan plate
	happening really who getting done doing next up coming here anymore your board about how as them chores tick created set look looking like number`)

// statusAt reads words that say open, completed or all.
func statusAt(words []token) (int, string) {
	if n := openPhrases.at(words); n > 0 {
		return n, "open"
	}
	if n := completedPhrases.at(words); n > 0 {
		return n, "completed"
	}
	if n := anyStatusPhrases.at(words); n > 0 {
		return n, "all"
	}
	return 0, ""
}

// priorityAt reads words that say a priority.
func priorityAt(words []token) (int, string) {
	for n := min(4, len(words)); n > 0; n-- {
		if prio, ok := priorityOf(words[:n]); ok && !weakPriorityStarts.has(words[0]) {
			return n, prio
		}
		if n >= 2 && wordIs(words[0], "top", "with") {
			if prio, ok := priorityOf(words[:n]); ok {
				return n, prio
			}
		}
	}
	return 0, ""
}

// tagAt reads "#home", "tagged home", "with the tag home".
func (p *parser) tagAt(words []token, f *Filter) int {
	if f.Tag != "" {
		return 0
	}
	if words[0].hash && !isDigits(words[0]) {
		f.Tag = p.source[words[0].start:words[0].end]
		return 1
	}
	n := filterTagLeads.at(words)
	if n == 0 || n >= len(words) {
		if len(words) > 1 && wordIs(words[1], "tag", "tagged", "label") && !fillers.has(words[0]) && !words[0].quoted {
			f.Tag = p.span(words[:1])
			return 2
		}
		return 0
	}
	f.Tag = p.span(words[n : n+1])
	return n + 1
}

// filterDueAt reads the due phrase of a filter.
func (p *parser) filterDueAt(words []token, f *Filter, first bool) int {
	if f.Due != "" {
		return 0
	}
	if n := phraseAt(words, "overdue,past due,late"); n > 0 {
		f.Due = p.span(words[:n])
		return n
	}
	rest, prep := trimDuePreposition(words)
	at := len(words) - len(rest)
	for i := range min(4, len(rest)) {
		if rest[i].word == "'s" {
			rest = rest[:i] // "today's tasks"
			break
		}
	}
	n := 0
	if len(rest) > 0 {
		if prep == "" && first {
			prep = "on"
		}
		if prep == "at" && !isDigits(rest[0]) || prep != "at" {
			_, n = readMoment(rest, duringParsing, prep)
		}
	}
	if n == 0 || n == 1 && isDigits(rest[0]) {
		return 0
	}
	f.Due = p.span(rest[:n])
	if at+n < len(words) && words[at+n].word == "'s" {
		n++
	}
	return at + n
}

// queryAt reads the words that lead to what is looked for.
func queryAt(words []token) int {
	return queryLeads.at(words)
}

// The word lists of this file.
var (
	existenceLeads = phraseList(`
		do i have, are there, is there, have i got, do we have, is anything, are any, has anything, do i still have,
		do i need to do, do i have to do, got, have`)
	pastQuestions = phraseList(`
		what did i, what have i, which did i, which have i, what i, which tasks did i, which todos did i,
		which ones did i, which tasks have i, which ones have i, what tasks did i`)
	openPhrases = phraseList(`
		not done, not finished, not completed, not complete, not yet done, still open, open, pending, unfinished,
		incomplete, remaining, left, outstanding, uncompleted, undone, still to do, left to do, not done yet,
		unchecked, active, still have to do, still need to do, to be done, still need, still have, still got,
		still pending, not ticked off, remains, yet to be done, yet to do`)
	completedPhrases = phraseList(`
		done, completed, finished, complete, ticked off, ticked, crossed off, checked off, closed, already done,
		checked, get done, got done, already finished, already completed`)
	anyStatusPhrases = phraseList(`
		including done, including completed, including finished, including the done ones, including completed ones,
		including the completed ones, done and open, open and done, completed and open, open and completed,
		both open and done, done or not, finished or not, whether done or not, done and undone, regardless of status`)
	filterTagLeads = phraseList(`
		tagged, tagged as, tagged with, with tag, with the tag, labelled, labeled, with label, with the label,
		under the tag, under tag, tag, in the category, labelled as, labeled as, with a tag, marked with, by tag,
		that have the tag, has the tag, having the tag, carrying the tag, the tag, under`)
	queryLeads = phraseList(`
		about, regarding, concerning, containing, mentioning, that mention, mention, with the word, with the words,
		that contain, that say, matching, related to, relating to, to do with, that have to do with, which mention,
		having to do with, that mentions, including the word, with, for, around, called, named, involving,
		that involve, on the topic of, that contains, that says, dealing with, that are about, that is about,
		which are about, to do about, with the name, that has`)
	needsObject = vocab(`
		see view check find search get open any read anything everything display what`)
	loneListWords = vocab(`
		overdue todos tasks list agenda open pending completed todo`)
	worldTopics = vocab(`
		weather time name news capital temperature meaning point date score matter difference best most world
		population`)
	questionAdverbs = vocab(`
		already just ever really actually yet even have put add remember to note write create still finally got down`)
	weakPriorityStarts = vocab(`
		a to is of at it the 's top priority just and`)
)
