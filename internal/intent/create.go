package intent

// readCreate knows the wish to add a todo, said outright: whatever follows is
// its title, be it a command elsewhere.
func (p *parser) readCreate(c clause) ([]Intent, bool) {
	if caught, ok := matchAny(putOnList(), c.words); ok && !(c.question && auxiliaries.has(c.words[0])) && !putsBack(caught["title"]) {
		found := p.creates(caught["title"])
		if due, ok := p.dueOf(caught["due"]); ok {
			for i := range found {
				found[i].Due = due
			}
		}
		return found, true
	}
	rest, ok := matchPrefix(createForms(), c.words)
	if !ok || len(rest) == 0 {
		return nil, false
	}
	if c.question && auxiliaries.has(c.words[0]) {
		return nil, false
	}
	if head := c.words[0]; nouns.has(head) && head.after == 0 {
		if isDigits(rest[0]) || auxiliaries.has(rest[0]) || wordIs(rest[0], "number", "with", "tagged", "for") {
			return nil, false // "task 12 is done"
		}
	}
	rest = trimLead(rest)
	if len(rest) == 0 {
		return nil, false
	}
	return p.creates(rest), true
}

var createForms = lazyForms(
	"add [me]", "add [me] [<a>] [new] <thing> [called|named|titled|saying|for|that_says|to|about]",
	"add to|onto|on|into <list>",
	"create|make|open|start|enter|insert|log|register|set_up|put_in|put_down|file|record|give_me|include|i_need|i_want|need|we_need|throw_in|new [me] <a> [new] <thing> [called|named|titled|saying|for|that_says|to|about]",
	"create|make|enter|insert|log|include|new [new] <thing> [called|named|titled|saying|for|that_says|to|about]",
	"create", "insert", "new <thing>", "one more <thing>", "another <thing>", "add another one", "<a> new <thing>",
	"i have [got] <a> new <thing>",
	"remember to", "remember", "do not [you] forget [to|about|that_i_need_to|that_i_have_to]", "never forget [to|about]",
	"do not let me forget [to|about|that_i_need_to|i_need_to]", "i must|should not forget [to|about]",
	"must not forget [to|about]",
	"i can not forget [to|about]", "not to forget", "note [down] [that|to] [i_need_to|i_have_to]",
	"make a note [to|that|of|about] [i_need_to|i_have_to]", "take a note [to|that|of|about]", "jot down|this", "jot",
	"write down|this", "write this down", "put down", "pop",
	"make sure [that] [i|we] [remember_to]", "make sure to", "i need you to remember [to]", "todo", "to-do", "to do",
	"task", "my next task is [to]", "schedule in",
	"i forgot to add", "i also|still need|have to add", "forgot to add", "note to self", "please note", "memo",
	"reminder to self", "i would better", "get this down", "put this down", "also on my list",
	"i need a <thing> [for|to|called|about]", "i need to add", "i want to add", "could use a <thing> for", "let 's add",
	"it would be good to", "queue|enqueue [up]", "save [as] [<a>] <thing>", "track [<a>] [new] <thing>", "capture",
	"i need to remember [to]", "i have to remember [to]", "i ought to remember to",
	"stick", "chuck", "adding [<a>] [new] <thing>", "adding", "putting down",
)

// readLeadIn knows what announces a todo before a colon: "one more for friday:
// wash the car". What the announcement says beside that holds for the todo.
func (p *parser) readLeadIn(c clause) ([]Intent, bool) {
	const longest = 9 // words of an announcement
	for i, k := range c.words {
		if i == longest || i+1 == len(c.words) {
			return nil, false
		}
		if k.after != ':' {
			continue
		}
		lead, rest := c.words[:i+1], c.words[i+1:]
		if !announces(lead) {
			return nil, false
		}
		found := p.creates(rest)
		d := p.details(lead)
		for n := range found {
			if found[n].Op == Create && found[n].Due == "" {
				found[n].Due = d.due
			}
			if found[n].Op == Create && found[n].Priority == "" {
				found[n].Priority = d.priority
			}
			if found[n].Op == Create && len(found[n].Tags) == 0 {
				found[n].Tags = d.tags
			}
		}
		return found, true
	}
	return nil, false
}

// announces reports whether words say that a todo follows, and nothing of one
// that is there.
func announces(lead []token) bool {
	if !announcing.has(lead[0]) {
		return false
	}
	for i, k := range lead {
		if isReference(k) || k.quoted || questioning.has(k) || i > 0 && isVerb(k) && !leadVerbs.has(k) {
			return false
		}
	}
	for _, k := range lead {
		if nouns.has(k) || announced.has(k) {
			return true
		}
	}
	return false
}

var (
	announcing = vocab(`
		new another one more two three few next here also a an the i we got need quick fresh additional extra low high urgent
		important added add todo task item my for please first last something these this following`)
	leadVerbs = vocab(`add adding need got have had put note do list forget one`)
	announced = vocab(`
		one more another list few three two add adding todo note forget something these following`)
)

// putOnList is how people add by naming the list.
var putOnList = lazyForms(
	"put|stick|pop|throw|chuck|get|place|write|jot|drop|slap|note [down] {title} on|onto|in|into|to <list>",
	"put|stick|pop|throw|chuck|get|place|write|jot|drop|slap|note [down] {title} on|onto|in|into|to <list> {due}",
	"put|stick|pop|throw|chuck|get|place|jot|write {title} down",
	"put|stick|pop|throw|chuck|place|write on|in <list> {title}",
	"{title} goes|should_go|needs_to_go on|onto <list>",
	"i want|need|would_like {title} on <list>", "have {title} on|added_to <list>", "i want {title} added [to] [<list>]",
	"i need {title} added [to] [<list>]", "get {title} added [to] [<list>]", "i|we get {title} added [to] [<list>]",
	"putting|sticking|popping {title} on|onto <list>",
)

// putsBack tells "put 3 back on my list" from a new todo.
func putsBack(title []token) bool {
	return namesTodo(title) || wordIs(title[len(title)-1], "back") || wordIs(title[0], "back")
}

// trimLead takes off what only leads to the title: "task:", "called", a list.
func trimLead(words []token) []token {
	for range 3 {
		n := titleLeads.at(words)
		if n == 0 || n == len(words) {
			break
		}
		one := words[0]
		if n == 1 && wordIs(one, "this", "these", "me", "please") && one.after != ':' && one.after != ',' {
			break
		}
		words = words[n:]
	}
	return words
}

// details are what a wish says beside its title.
type details struct {
	title    []token
	due      string
	priority string
	tags     []string
}

// creates reads title words, which may be an enumeration, into creates.
func (p *parser) creates(words []token) []Intent {
	var found []Intent
	for _, group := range groupItems(trimCarriers(words)) {
		d := p.details(group)
		if len(d.title) == 0 {
			continue
		}
		i := Intent{Op: Create, Title: p.span(d.title), Due: d.due, Priority: d.priority, Tags: d.tags}
		if i.Title == "" {
			continue
		}
		found = append(found, i)
	}
	if len(found) == 0 {
		return chat()
	}
	return found
}

// groupItems cuts an enumeration into titles. Items that share the verb of the
// first, or a closing phrase, stay together.
func groupItems(words []token) [][]token {
	items := splitItems(words)
	if len(items) == 1 || len(items) > 20 {
		return [][]token{words}
	}
	verbs := 0
	for _, item := range items {
		if beginsWithVerb(item) {
			verbs++
		}
	}
	if verbs == 0 {
		if sharesClosing(items) || clausal(words) {
			return [][]token{words}
		}
		return items
	}
	return groupByVerb(words, items)
}

// groupByVerb starts a title at each item that begins with a verb.
func groupByVerb(words []token, items [][]token) [][]token {
	var out [][]token
	start := items[0][0].seq
	offset := words[0].seq
	for _, item := range items[1:] {
		if !beginsWithVerb(item) || len(item) == 1 || refersBack(item) {
			continue
		}
		end := item[0].seq - offset
		part := words[start-offset : end]
		out = append(out, trimJoint(part))
		start = item[0].seq
	}
	return append(out, words[start-offset:])
}

func trimJoint(words []token) []token {
	for len(words) > 1 && wordIs(words[len(words)-1], "and", "plus") {
		words = words[:len(words)-1]
	}
	return words
}

// refersBack reports an item that needs the one before: "and feed them".
func refersBack(item []token) bool {
	for _, k := range item {
		if wordIs(k, "it", "them", "him", "her", "there", "one") {
			return true
		}
	}
	return false
}

func beginsWithVerb(item []token) bool {
	return everydayVerbs.has(item[0]) && len(item) > 1 && !wordIs(item[1], "for", "and", "list", "'s") ||
		appVerbs.has(item[0]) && len(item) > 1 || softAppVerbs.has(item[0]) && len(item) > 1
}

// sharesClosing reports that the last item closes with words meant for all of
// them, or that the pair is the object of one preposition.
func sharesClosing(items [][]token) bool {
	last := items[len(items)-1]
	if hasPreposition(last) || endsInDue(last) {
		return true
	}
	return len(items) == 2 && hasPreposition(items[0]) && items[0][len(items[0])-1].after != ','
}

func hasPreposition(item []token) bool {
	for i, k := range item {
		if i > 0 && i < len(item)-1 && prepositions.has(k) {
			return true
		}
	}
	return false
}

func endsInDue(item []token) bool {
	start, _ := dueAtEnd(item)
	return start > 0 && start < len(item)
}

// clausal reports that words are a sentence, not a list of things.
func clausal(words []token) bool {
	for _, k := range words {
		if subjects.has(k) || auxiliaries.has(k) && k.word != "'s" {
			return true
		}
	}
	return false
}

// details takes tags, priority and due out of the words; the title is the rest.
func (p *parser) details(words []token) details {
	var d details
	words = p.takeTags(words, &d)
	for range 6 {
		before := len(words)
		words = trimCarriers(words)
		words = p.takeTailTags(words, &d)
		words = takePriority(words, &d)
		words = p.takeDue(words, &d)
		if len(words) == before {
			break
		}
	}
	if rest, ok := matchPrefix(obligations(), words); ok && len(rest) > 0 && startsVerb(rest) {
		words = rest // "by monday I have to …"
	}
	d.title = trimEdges(words)
	return d
}

// takeTags takes every #tag out.
func (p *parser) takeTags(words []token, d *details) []token {
	var out []token
	for i, k := range words {
		if k.hash && !isDigits(k) {
			d.tags = append(d.tags, p.source[k.start:k.end])
			if n := len(out); n > 0 && i > 0 && wordIs(out[n-1], "tag", "tagged", "tags", "and") && n > 1 {
				out = out[:n-1]
			}
			continue
		}
		out = append(out, k)
	}
	return out
}

// takeTailTags takes "tagged home", "with the tags a and b" off the end.
func (p *parser) takeTailTags(words []token, d *details) []token {
	const longest = 6
	for i := max(1, len(words)-longest); i < len(words); i++ {
		n := tagLeads.at(words[i:])
		if n == 0 || i+n == len(words) || wordIs(words[i], "tag", "label", "category", "tags") && n == 1 && words[i-1].after == 0 {
			continue
		}
		tags, ok := p.tagWords(words[i+n:])
		if !ok {
			continue
		}
		d.tags = append(d.tags, tags...)
		return words[:i]
	}
	return words
}

// tagWords reads "home", "home and garden": each tag is one word.
func (p *parser) tagWords(words []token) ([]string, bool) {
	var tags []string
	for _, item := range splitItems(words) {
		for len(item) > 1 && wordIs(item[0], "and", "the", "as", "tag") {
			item = item[1:]
		}
		if len(item) == 2 && wordIs(item[1], "too", "also") {
			item = item[:1]
		}
		if len(item) != 1 || !item[0].quoted && (prepositions.has(item[0]) || pronouns.has(item[0])) {
			return nil, false
		}
		if item[0].quoted {
			tags = append(tags, p.span(item))
			continue
		}
		tags = append(tags, p.source[item[0].start:item[0].end])
	}
	return tags, len(tags) > 0 && len(tags) <= 5
}

// allTags reads words that are nothing but tags: "#home #garden", "tagged home".
func (p *parser) allTags(words []token) ([]string, bool) {
	n := tagRemarks.at(words)
	if n > 0 && n < len(words) {
		return p.tagWords(words[n:])
	}
	var tags []string
	for _, k := range words {
		if !k.hash || isDigits(k) {
			return nil, false
		}
		tags = append(tags, p.source[k.start:k.end])
	}
	return tags, len(tags) > 0
}

// trimCarriers takes off "to my list" and the like.
func trimCarriers(words []token) []token {
	for i := max(1, len(words)-6); i < len(words); i++ {
		n := carriers.at(words[i:])
		if n > 0 && i+n == len(words) && !(n == 1 && wordIs(words[i], "down") && i < 2) && !(wordIs(words[i], "to") && wordIs(words[len(words)-1], "it")) {
			return words[:i]
		}
	}
	return words
}

// takePriority takes a priority off either end: "…, it's urgent", "urgent: …".
func takePriority(words []token, d *details) []token {
	if d.priority != "" {
		return words
	}
	for i := max(1, len(words)-6); i < len(words); i++ {
		tail := words[i:]
		n := priorityLeads.at(tail)
		if n == len(tail) {
			continue
		}
		if n == 0 && ambiguousPriorities.has(tail[0]) && len(tail) == 1 && words[i-1].after == 0 {
			continue // "check the water level: high" is no priority
		}
		prio, ok := priorityOf(tail[n:])
		if !ok || n == 0 && dependentWords.has(tail[0]) {
			continue
		}
		if predicateWords.has(words[i-1]) {
			continue
		}
		d.priority = prio
		return words[:i]
	}
	return takeLeadingPriority(words, d)
}

func takeLeadingPriority(words []token, d *details) []token {
	for n := min(5, len(words)-1); n > 0; n-- {
		rest := words[n:]
		prio, ok := priorityOf(words[:n])
		if !ok {
			continue
		}
		if m := todoLeads.at(rest); m > 0 && m < len(rest) {
			d.priority = prio
			return rest[m:]
		}
		last := words[n-1]
		set := pauses(last.after) || last.after == '!' || wordIs(last, "priority", "asap", "high-priority", "low-priority")
		if set || n == 1 && wordIs(last, "urgent") && everydayVerbs.has(rest[0]) {
			d.priority = prio
			return rest
		}
	}
	return words
}

// takeDue takes the due phrase off the end, off the front, or out of the
// middle where it cannot be anything else.
func (p *parser) takeDue(words []token, d *details) []token {
	if d.due != "" || len(words) < 2 {
		return words
	}
	if start, phrase := dueAtEnd(words); start > 0 {
		d.due = p.span(words[phrase:])
		return words[:start]
	}
	if end, phrase := dueAtFront(words); end > 0 {
		d.due = p.span(words[phrase:end])
		return words[end:]
	}
	if start, phrase, end := dueInside(words); end > 0 {
		d.due = p.span(words[phrase:end])
		return append(append([]token{}, words[:start]...), words[end:]...)
	}
	return words
}

// dueAtEnd returns where the due phrase at the end begins, with and without
// its preposition; 0 when there is none.
func dueAtEnd(words []token) (start, phrase int) {
	for i := max(1, len(words)-14); i < len(words); i++ {
		rest, prep := trimDuePreposition(words[i:])
		if _, n := readMoment(rest, duringParsing, prep); n > 0 && n == len(rest) {
			from := len(words) - len(rest)
			if prep == "" && dateDeterminers.has(words[i-1]) {
				continue
			}
			if i > 1 && wordIs(words[i-1], "due") {
				i--
			}
			return i, from
		}
	}
	return 0, 0
}

// dueAtFront returns where the due phrase at the front ends.
func dueAtFront(words []token) (end, phrase int) {
	rest, prep := trimDuePreposition(words)
	phrase = len(words) - len(rest)
	_, n := readMoment(rest, duringParsing, prep)
	end = phrase + n
	if n == 0 || end >= len(words) {
		return 0, 0
	}
	next, mark := words[end], words[end-1].after
	free := prep != "" || pauses(mark) ||
		wordIs(words[phrase], "tomorrow", "today", "tonight", "next", "this", "in", "later")
	if !free && !everydayVerbs.has(next) && !subjects.has(next) {
		return 0, 0 // "friday prayers", "christmas cards"
	}
	if prep != "" && !everydayVerbs.has(next) && mark == 0 && wordIs(words[0], "for", "from", "before") && !subjects.has(next) {
		return 0, 0
	}
	return end, phrase
}

// dueInside finds "call mum tomorrow about the party".
func dueInside(words []token) (start, phrase, end int) {
	for i := 1; i < len(words)-1 && i < longestClause; i++ {
		rest, prep := trimDuePreposition(words[i:])
		if prep == "" && !wordIs(words[i], "tomorrow", "today", "tonight", "next", "in", "this") || len(rest) == 0 {
			continue
		}
		m, n := readMoment(rest, duringParsing, prep)
		from := len(words) - len(rest)
		to := from + n
		if n == 0 || to >= len(words) || m.vague || wordIs(words[i-1], "the", "a", "my", "until", "for", "from", "of") {
			continue
		}
		if n == 1 && m.timed && isDigits(rest[0]) {
			continue // "at 5" in the middle may be anything
		}
		follower := words[to]
		if afterDue.has(follower) || words[to-1].after == ',' {
			return i, from, to
		}
	}
	return 0, 0, 0
}

// trimEdges takes off joints and lead words that were left bare.
func trimEdges(words []token) []token {
	for len(words) > 1 && wordIs(words[len(words)-1], "and", "due", "but", "plus") {
		words = words[:len(words)-1]
	}
	for len(words) > 1 && (wordIs(words[0], "and") || wordIs(words[0], "to", "that") && isVerb(words[1])) {
		words = words[1:]
	}
	return words
}

// readWish knows a todo said bare: "buy milk", "oat milk", "tomorrow call mum".
func (p *parser) readWish(c clause) ([]Intent, bool) {
	words := c.words
	if c.question || len(words) == 0 {
		return nil, false
	}
	if c.obliged {
		return p.creates(words), true
	}
	if caught, ok := matchAny(wishForms(), words); ok {
		return p.creates(caught["title"]), true
	}
	d := p.details(words)
	if len(d.title) == 0 {
		return nil, false
	}
	words = d.title
	first := words[0]
	switch {
	case softAppVerbs.has(first) && len(words) > 1 && (isDigits(words[1]) || wordIs(words[1], "it", "them")):
		return nil, false // "delay it by a week": a command, but not one of ours
	case everydayVerbs.has(first) || softAppVerbs.has(first):
		if len(words) == 1 || wordIs(words[1], "'s", "is", "are", "was", "were") || idleVerbs.has(first) && len(words) == 2 && idleObjects.has(words[1]) {
			return nil, false
		}
	case smallTalk.has(first) || questioning.has(first) || subjects.has(first) || auxiliaries.has(first) || appVerbs.has(first):
		return nil, false
	case !p.nounPhrase(c.words, d):
		return nil, false
	}
	return p.creates(c.words), true
}

var wishForms = lazyForms(
	"{title} needs|need to be done|written|sent|paid|called|fixed|bought|cleaned|booked|finished",
	"it 's|is time to {title}", "i want|wish to {title}", "would like to {title}",
)

// nounPhrase reports words that look like a thing to get or do, not a sentence
// or a lone unknown word.
func (p *parser) nounPhrase(words []token, d details) bool {
	const longest = 9 // words; a longer one reads like talk
	if len(d.title) > longest {
		return false
	}
	plain := 0
	for i, k := range d.title {
		if k.quoted {
			plain += 2
			continue
		}
		if subjects.has(k) || auxiliaries.has(k) && k.word != "'s" || sentenceWords.has(k) {
			return false
		}
		if k.word == "'s" && (i+1 >= len(d.title) || articles.has(d.title[i+1]) || prepositions.has(d.title[i+1])) {
			return false
		}
		if i > 0 && questioning.has(k) {
			return false
		}
		if isWord(p.source[k.start:k.end]) {
			plain++
		}
	}
	first, last := d.title[0], d.title[len(d.title)-1]
	more := d.due != "" || d.priority != "" || d.tags != nil
	if nouns.has(last) || everything.has(first) || prepositions.has(first) || pronouns.has(first) || isPast(first) ||
		articles.has(first) && len(d.title) == 2 && !more {
		return false
	}
	return plain >= 2 || plain == 1 && more
}

// isWord reports a word in Latin letters: of other scripts the rules cannot
// say whether they are a wish, and do not guess.
func isWord(s string) bool {
	letters := 0
	for _, r := range s {
		switch {
		case r >= 0x250 && r != '’':
			return false
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0xc0:
			letters++
		}
	}
	return letters > 0
}

// The word lists of this file.
var (
	titleLeads = phraseList(`
		this please, these please, the following please, please, to my list, to the list, to my todos, to my todo list,
		to my to-do list, to the todo list, to my tasks, on my list, this to my list, these to my list, this, these,
		the following, a todo, a task, me, called, named, titled, a todo to, a task to, a todo for, a task for,
		a todo called, a new task to, to list, that i need to, that i have to, that i should, i need to, i have to,
		that i must, as a todo, down`)
	tagLeads = phraseList(`
		tagged, tagged as, tagged with, tag it, tag it as, tag it with, tag, with tag, with the tag, with tags,
		with the tags, and tag it, labelled, labeled, label it, under the tag, with label, with the label, tags,
		tagged under, and tag it as, and tag it with, tag this, tag as, tagged #, labelled as, labeled as, tag :,
		category, filed under, in category`)
	tagRemarks = phraseList(`
		tagged, tagged as, tagged with, tag it, tag it as, tag it with, with the tag, tag that, tag this, label it,
		tag it under, tag them, with tag, tag them as, tag it :, label it as, tag as, label it with, add tag,
		add the tag, tag :`)
	carriers = phraseList(`
		to my list, to the list, to my todos, to my to-dos, to my todo list, to my to-do list, to the todo list,
		to my tasks, to my task list, on my list, on the list, onto my list, onto the list, in my list, to list,
		as a todo, as a task, as a new task, as todo, to our list, to my to do list, to the to-do list,
		on my todo list, on my to-do list, into my list, to my todo, as a new todo, to the tasks, to the todos,
		as task, to todo list, to todos, to this list, as an item, to it, as my next task, in the list, for me, please,
		down, to tasks`)
	priorityLeads = phraseList(`
		it 's, it is, that 's, that is, this is, this one is, they are, they 're, with, as, and it 's, and it is,
		and make it, make it, both, and make that, it 's a, and that 's, which is, at, set as, marked as, marked,
		make that, but, but it 's, and, because it 's, since it 's, mark it, mark it as, and mark it as, of, both are,
		and mark it, set to, priority, with priority, set it to, flagged, flagged as`)
	todoLeads = phraseList(`
		todo, task, item, todo to, task to, item to, todo for, task for, todo called, task called, to-do, one,
		priority task, priority todo`)
	ambiguousPriorities = vocab(`
		priority top critical high low medium normal vital essential highest lowest minor standard crucial pressing
		moderate emergency`)
	dependentWords = vocab(`
		a the very so more most to is at of it`)
	predicateWords = vocab(`
		not is are was be something anything 's very most so more the a`)
	dateDeterminers = vocab(`
		the a this every each last my until than of in`)
	afterDue = vocab(`
		about with for to because so regarding at from on`)
	idleVerbs = vocab(`
		have get go try take thank help show look`)
	idleObjects = vocab(`
		fun lost well away on care it you again up me`)
	sentenceWords = vocab(`
		not so very me too please because if than yourself myself just really am`)
)
