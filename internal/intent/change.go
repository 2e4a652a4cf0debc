package intent

// The readers of this file know the operations on todos that are there. Each
// asks for words of its own kind, and for a target.

// readTagging knows "add the tag home to 3", which adds no todo.
func (p *parser) readTagging(c clause) ([]Intent, bool) {
	caught, ok := matchAny(taggingForms(), c.words)
	if !ok {
		return nil, false
	}
	words := caught["tag"]
	if words == nil {
		words = caught["hash"]
	}
	tags, ok := p.tagWords(words)
	if !ok {
		return nil, false
	}
	return p.each(Update, caught.target(), func(i *Intent) { i.Tags = tags })
}

var taggingForms = lazyForms(
	"add|put|stick|attach|apply|give [the|a] tag|label|tags [:] {tag} to|on|for {target}",
	"add|put|stick|attach|apply the|a {tag} tag|label to|on|for {target}",
	"add|put|stick {hash} to|on|for {target}",
	"tag|label {target} as|with [tag|the_tag|the_tags] {tag}",
	"tag|label {target} {hash}",
	"tag|label {ref} {tag}",
	"give {target} the|a tag|label {tag}", "give {target} the|a {tag} tag|label", "put {target} under [the] [tag] {tag}",
	"mark|flag {target} as|with {hash}", "{thing} should be tagged [as|with] {tag}", "{thing} gets the tag {tag}", "{ref} {hash}",
)

// readUpdate knows a new title, due date, priority or tag for a todo.
func (p *parser) readUpdate(c clause) ([]Intent, bool) {
	if c.question && (auxiliaries.has(c.words[0]) || questioning.has(c.words[0])) {
		return nil, false
	}
	if c.obliged && !anyReference(c.words) {
		return nil, false // "I have to move the piano to the attic" is a todo
	}
	if phraseAt(c.words, "pull up,bring up,call up,pull me up,bring me up") > 0 {
		return nil, false // "bring up my tasks for friday" shows them
	}
	for _, f := range updateForms() {
		caught, ok := f.match(c.words)
		if !ok || !plausible(caught) {
			continue
		}
		if found, ok := p.update(caught); ok {
			return found, true
		}
	}
	return nil, false
}

func anyReference(words []token) bool {
	for i := range words {
		if i > 0 && (isReference(words[i]) || wordIs(words[i], "it", "them")) {
			return true
		}
	}
	return false
}

// plausible tells a target from the subject of small talk: "I am low", "the
// weather is important".
func plausible(caught captures) bool {
	t := caught.target()
	return len(t) == 0 || !talkSubjects.has(t[0])
}

func (p *parser) update(caught captures) ([]Intent, bool) {
	target := caught.target()
	var change Intent
	if w := caught["prio"]; w != nil {
		change.Priority, _ = priorityOf(w)
	}
	if w := caught["due"]; w != nil {
		change.Due, _ = p.dueOf(w)
	}
	if caught["high"] != nil {
		change.Priority = "high"
	}
	if w := caught["title"]; w != nil {
		d := p.details(w)
		change.Title, change.Tags, change.Priority = p.span(w), nil, ""
		if len(d.tags) > 0 && len(d.title) > 0 {
			change.Title, change.Tags = p.span(d.title), d.tags
		}
	}
	if w := caught["quoted"]; w != nil {
		change.Title = p.span(w)
	}
	if w := caught["tag"]; w != nil {
		tags, ok := p.tagWords(w)
		if !ok {
			return nil, false
		}
		change.Tags = tags
	}
	return p.each(Update, target, func(i *Intent) {
		i.Title, i.Due, i.Priority, i.Tags = change.Title, change.Due, change.Priority, change.Tags
	})
}

// target returns the words that name a todo, by whichever name a form has for
// them: any words, a reference beyond doubt, or the subject of a statement.
func (c captures) target() []token {
	for _, name := range [...]string{"target", "ref", "thing", "label"} {
		if words := c[name]; words != nil {
			return words
		}
	}
	return nil
}

// isSubject tells the subject of a statement ("the parcel is sent") from a
// command or a relative clause ("delete everything that is done").
func isSubject(words []token) bool {
	last := words[len(words)-1]
	if isPronoun(words) {
		return true
	}
	for _, k := range words[1:] {
		if everything.has(k) {
			return false
		}
	}
	if len(words) == 1 && (softAppVerbs.has(last) || everydayVerbs.has(last)) && !nounsAlsoVerbs.has(last) {
		return false
	}
	return len(words) <= 12 && !appVerbs.has(words[0]) && !wordIs(last, "that", "which", "who", "whatever", "what", "if") && !auxiliaries.has(last) &&
		!auxiliaries.has(words[0]) && !questioning.has(words[0]) &&
		!wordIs(words[0], "almost", "nearly", "half", "not", "well", "soon", "never", "hardly", "just", "once", "if", "nothing")
}

// each applies a change to every target that the words name.
func (p *parser) each(op Op, target []token, change func(*Intent)) ([]Intent, bool) {
	if len(target) == 0 {
		return nil, false
	}
	found := p.targets(op, target)
	for n := range found {
		change(&found[n])
	}
	return found, len(found) > 0
}

var updateForms = lazyForms(
	// a new title
	"rename|retitle|reword|rephrase {target} to|as|into|: {title}",
	"change|edit|update|rename|reword|modify [number|task|todo|item] {label} {title}", "rename|retitle|call {target} {quoted}",
	"rename|retitle {ref} {title}",
	"call number|task|todo|item {ref} {title}", "call {ref} {title}",
	"change|edit|update|alter|set|correct|fix|make [the] <title> of|for|on|in {target} to|into {title}",
	"change|edit|update|set {target} 's <title> to {title}",
	"change|edit|update|correct|make|fix {target} to|so_it|so_that_it [say|read|says|reads] {quoted}",
	"change|edit|update|correct|make|fix {target} to|so_it|so_that_it say|read|says|reads {title}",
	"make|let {target} say|read {title}",
	"{thing} should|must [actually|now|really|instead] [be_called|say|read|be_named|be_renamed_to] {quoted}",
	"{thing} should|must [actually|now|really] be_called|say|read|be_named|be_renamed_to {title}",
	"replace {target} with {title}", "the <title> of {target} should be {title}", "{thing} is actually|now called {title}",

	// a new date
	"set|change|move|update|make|push|shift|put|adjust|extend|switch [the|my] [<deadline>|due] [<deadline>] of|for|on {target} to|as|until|: {due}",
	"set|change|move|update|push|put {target} 's <deadline> to {due}",
	"set|give|put|add|assign {target} a|the|another <deadline> of|on|for|: {due}", "give {target} until|till {due}",
	"add|put|set a|the <deadline> of {due} to|on|for {target}",
	"make|set|mark {target} [as|to|be] due {due}",
	"move|push|postpone|reschedule|shift|delay|defer|bump|bring|put|change|set|pull|slide|snooze|schedule|switch|make|get|extend|kick|drag|carry|reset [back|off|out] {target} [back|forward|out|off|up|over|ahead|on] to|until|till|by|for|on|from_now_to {due}",
	"postpone|reschedule|push|move|delay|snooze|defer|bump|shift|schedule {target} {due}",
	"make {ref} {due}", "move up {target} to {due}", "push back {target} to|until|till {due}",
	"put off {target} to|until|till {due}",
	"{thing} <is> [now] [only|actually|really] due {due}", "{thing} is due {due}",
	"{thing} can|could|should|may|must|has_to wait until|till|for {due}",
	"{thing} should|must|needs_to|has_to|can|could [now] be due|done|finished|moved [on|by|at|until|to] {due}",
	"{thing} should|must be {due}",
	"{thing} [has|is|got|was|has_been] moved|pushed|postponed|rescheduled|shifted|delayed|changed [back] to|until|till {due}",
	"{thing} can happen|go {due}",
	"{thing} is [now|actually] on|at|by {due}", "{thing} to {due}", "change|update {target} from {any} to {due}",
	"move|push|change {target} from {any} to {due}",

	// a new priority
	"set|change|raise|lower|make|update|bump|switch|adjust [the] [<priority>] of|for|on {target} to|as {prio}",
	"set|change|raise|lower|make|update {target} 's <priority> to {prio}",
	"give {target} [a|the] {prio}", "set {target} priority to {prio}",
	"make|set|mark|flag|change|bump|raise|lower|consider|treat|turn|switch|update|move|drop [up] {target} [up|down] as|to|is|into|at {prio}",
	"make|mark|flag|set|bump|consider {target} {prio}",
	"{thing} <is> [now|really|actually|very|super|also] {prio}", "{thing} isn't|are {prio}", "{thing} has {prio}",
	"{thing} should|must|can [now] be {prio}", "{thing} has|have become|gotten {prio}", "{thing} became {prio}",
	"put|assign {prio} on|to {target}",

	// what "change x to y" is left to mean
	"change|edit|update|correct|amend|modify {ref} to|into|: {title}",
	"change|edit|update|correct|amend|modify {target} to {title}",
)

// raises are forms that say a priority by their verb.
func (p *parser) raised(words []token) ([]Intent, bool) {
	for _, r := range []struct {
		forms func() []form
		prio  string
	}{{raiseForms, "high"}, {lowerForms, "low"}} {
		if caught, ok := matchAny(r.forms(), words); ok {
			return p.each(Update, caught.target(), func(i *Intent) { i.Priority = r.prio })
		}
	}
	return nil, false
}

var (
	raiseForms = lazyForms(
		"prioritize|prioritise|star {target}", "raise|bump|increase|up the <priority> of|for|on {target}",
		"escalate {target}", "{thing} can not wait", "{thing} takes priority",
	)
	lowerForms = lazyForms(
		"deprioritize|deprioritise|de-prioritize {target}", "lower|reduce|drop|decrease the <priority> of|for|on {target}",
		"{thing} can wait", "there 's no rush|hurry with|on|for {target}", "there is no rush|hurry with|on|for {target}",
		"no rush|hurry with|on|for {target}", "{thing} is no longer urgent|important",
		"{thing} is not urgent|important [anymore]",
	)
)

// readReopen knows what makes a completed todo open again.
func (p *parser) readReopen(c clause) ([]Intent, bool) {
	if found, ok := p.raised(c.words); ok && !c.question && !c.obliged {
		return found, true
	}
	caught, ok := matchWhere(reopenForms(), c.words, plausible)
	if !ok || (c.question && auxiliaries.has(c.words[0])) || c.obliged && !anyReference(c.words) {
		return nil, false
	}
	target := caught.target()
	if n := len(target); n > 1 && isPast(target[0]) && !articles.has(target[0]) {
		target = target[1:]
	}
	return p.each(Reopen, target, func(*Intent) {})
}

var reopenForms = lazyForms(
	"reopen|uncheck|untick|unmark|uncomplete|un-complete|un-check|unfinish|uncross|reactivate|re-activate|un-mark|undone|unresolve|unclose {target} [again|please]",
	"open {ref} again", "open {target} again|up_again", "open {target} back up",
	"mark|set|put|make|move|flag|change|turn|switch|get [back] {target} [back] [as|to|is] [be] [still] <undone> [again]",
	"put|bring|take|move|add {target} back [on|to|onto|in|into|to_being] [<list>|<undone>]",
	"put|bring|add back {target}", "put back {target} [on|to] [<list>]",
	"{thing} [still|actually|really] <isnot> [actually|really|yet|quite|fully] <done> [<again>]", "{thing} <isnot> {past} [<again>]",
	"{thing} has|have|was|were|had not [actually|really|even] [been] {past} [<again>]",
	"i|we did not [actually|really|even|quite] do|finish|complete|pay|send|call|buy|book|clean|fix|write|submit|get|return|mail|make|post|sign|order|water|wash {target} [<again>]",
	"i|we have not [actually|really|even|quite] {past} {target} [<again>]", "i never [actually|really] {past} {target} [<again>]",
	"{thing} <is> [still|actually] [still|actually] open|pending|unfinished|incomplete|undone|outstanding [again]",
	"{thing} needs|need [to_be] redone|doing_again|reopening|redoing|reopened", "{thing} needs to be done again",
	"{thing} still needs|need to be done", "i [still] need|have to do|redo {ref} [again]", "restore {ref}",
	"resurrect {target}", "{thing} is back on", "take|remove the tick|check|checkmark off|from {target}",
	"{thing} was not supposed to be done|completed|ticked",
	"i [should] [only] [thought] have|had not finished|completed|done {target} [<again>]", "i have to do {target} again",
	"i need to do {target} again", "un-tick|un-do {ref}",
	"undo|remove|take_back|take_off the tick|check|checkmark|completion on|of|from|for {target}",
)

// readComplete knows commands that complete a todo.
func (p *parser) readComplete(c clause) ([]Intent, bool) {
	if c.question && (auxiliaries.has(c.words[0]) || questioning.has(c.words[0])) || len(c.words) < 2 {
		return nil, false
	}
	caught, ok := matchWhere(completeForms(), c.words, plausible)
	if !ok {
		return nil, false
	}
	target := caught.target()
	if c.obliged && !namesTodo(target) || hasTime(target) {
		return nil, false // "I need to finish the essay by friday" is a todo
	}
	return p.each(Complete, target, func(*Intent) {})
}

// hasTime reports a due phrase at the end: what has one is still to be done.
func hasTime(words []token) bool {
	start, _ := dueAtEnd(words)
	if start <= 0 || wordIs(words[0], "all", "everything", "every", "anything") || nouns.has(words[len(words)-1]) {
		return false
	}
	return !wordIs(words[start], "for", "from", "this", "today", "yesterday", "due")
}

var completeForms = lazyForms(
	"[i|we] [have] [just|finally] got|had|have {target} <done>",
	"i|we [have] [finally|just|already] managed|got_around|got_round|remembered to {verb} {target}",
	"mark|set|flag|put|make|check|tick|move|turn|count|consider|call|change|get|log|record|switch {target} [off] [as|to|is|be|down_as] [being] <done>",
	"mark|tick|check off|as <done> {target}", "mark as <done> {target}", "mark <done> {target}", "mark off {target}",
	"tick|check|cross|strike|scratch|knock|mark|tick {target} off [on|from|of] [<list>]",
	"tick|check|cross|knock|strike off|out {target} [from|on|off] [<list>]", "cross {target} out",
	"tick {target}", "check|close|resolve {ref}", "close out|off {target}", "complete|finish [off|up] {target}",
	"wrap up {ref}", "cross {ref}", "mark {ref}",
	"done [with] {target}", "i am [all|now] <done> with {target}", "all done with {target}",
	"that 's|is {target} <done>", "finished|completed [with] {target}", "i am through with {target}",
	"{thing} are|got [all|now|finally|already|both|also|just] <done> [now|too|already|today]",
	"{thing} <is> [all|now|finally|already|both|also|just|officially] <done> [now|too|already|today|with]",
	"{thing} [now|finally|already|all] <done> [now|too|already|today]", "took care of {target}",
	"i [have] [just|already] took|taken care of {target}",
	"{thing} <is> {past} [now|already|today]", "consider {target} <done>", "check {target} : <done>",
	"{thing} can be ticked|checked|crossed|marked off|done|completed|closed|finished",
	"{thing} can be ticked|crossed|checked off|out", "{thing} can be marked as <done>",
)

// readDelete knows commands that delete. Verbs that people also use for
// chores delete only what is plainly one of the todos.
func (p *parser) readDelete(c clause) ([]Intent, bool) {
	if c.question && (auxiliaries.has(c.words[0]) || questioning.has(c.words[0])) || c.obliged && !anyReference(c.words) {
		return nil, false
	}
	caught, ok := matchAny(deleteForms(), c.words)
	if !ok {
		caught, ok = matchAny(cautiousDeleteForms(), c.words)
		if ok && !certain(caught) {
			return nil, false
		}
	}
	if !ok {
		return nil, false
	}
	if caught["list"] != nil {
		return []Intent{{Op: Delete, Target: "all"}}, true
	}
	target := caught.target()
	if wordIs(target[0], "a", "an") && !namesTodo(target) {
		return nil, false // "remove a stain" is a chore
	}
	switch {
	case spares(target):
		return chat(), true // "delete all but the essay": bulk with an exception is beyond the rules
	case !certain(caught) && hasPreposition(target) && wordIs(c.words[0], "remove", "scrap", "ditch", "trash", "bin"):
		return chat(), true // "remove the stain from the carpet" may be a chore
	case wordIs(target[0], "from", "of"):
		return chat(), true
	}
	return p.each(Delete, target, func(*Intent) {})
}

// spares reports that the words except something.
func spares(words []token) bool {
	for i, k := range words {
		if i > 0 && wordIs(k, "except", "excluding", "besides", "but", "apart", "unless", "without") {
			return true
		}
	}
	return false
}

// certain reports that what was caught is plainly one of the todos.
func certain(caught captures) bool {
	if caught["list"] != nil || caught["ref"] != nil {
		return true
	}
	return namesTodo(caught.target())
}

var deleteForms = lazyForms(
	"delete|remove|erase|discard|del|rm|scrap|purge|nix|axe|trash|bin|ditch|scratch|drop {target} from|off|out_of <list>",
	"delete|erase|discard|del|rm {target} [completely|entirely|for_good|forever|permanently|again|instead|now|too]",
	"remove|scrap|trash|nix|ditch|scratch|axe|bin|purge {target} [completely|entirely|for_good|forever|permanently|again|instead|now]",
	"get rid of {target} [completely|entirely|for_good]",
	"take|strike|cross|kick|throw|knock {target} off|from|out_of <list>", "take off {target} from <list>",
	"forget about {target}", "i|we do not need {ref} anymore|any_more|any_longer|now", "forget {ref}",
	"{thing} can|should be deleted|removed|scrapped|dropped", "{thing} can go", "{thing} should go away",
	"i|we no longer need {ref}", "clear|empty|wipe|delete|erase|purge|reset [out] {list}",
)

var cautiousDeleteForms = lazyForms(
	"drop|cancel|kill|clear|toss|dump|lose|wipe|strike|nuke|withdraw|abandon|skip|zap|eliminate|destroy|throw|chuck [out|away|off|up] {target} [out|away|off|for_good|completely]",
	"throw|toss|chuck|clear|clean|wipe|sweep|chuck out|away|up|off {target}",
	"take {target} out|off|away", "take out {target}", "forget {target}", "do away with {target}", "clean up {target}",
)

// readReport knows statements that something was done: "paid the rent".
func (p *parser) readReport(c clause) ([]Intent, bool) {
	if c.question {
		return nil, false
	}
	rest, said := matchPrefix(reporters(), c.words)
	if !said {
		rest = c.words
	}
	for len(rest) > 1 && reportAdverbs.has(rest[0]) {
		rest = rest[1:]
	}
	if len(rest) < 2 || !isPast(rest[0]) || !said && presentAlsoPast.has(rest[0]) {
		return nil, false
	}
	particle := 1
	for particle < len(rest)-1 && particles.has(rest[particle]) {
		particle++
	}
	object := trimAdverbsOfTime(rest[particle:])
	if len(object) == 0 || len(object) > 8 || talkObjects.has(object[0]) || clausal(object) {
		return nil, false
	}
	return p.each(Complete, object, func(*Intent) {})
}

var reporters = lazyForms(
	"i|we [have|had] [already|just|finally|also|now|actually|successfully|even]", "i|we", "have|just|already|finally",
	"have just|already|finally",
)

func trimAdverbsOfTime(words []token) []token {
	for range 3 {
		for _, tail := range [...]string{
			"today", "yesterday", "just now", "this morning", "already", "finally", "last night", "this afternoon", "this evening",
			"at last", "now", "earlier", "too", "earlier today", "a minute ago", "an hour ago", "on friday", "on monday", "this week",
			"last week", "tonight", "a while ago",
		} {
			if endsWith(words, tail) {
				words = words[:len(words)-countWords(tail)]
			}
		}
	}
	return words
}

// bulk reads a target that stands for many: "everything that's finished", "all
// the garden ones", "completed tasks".
func (p *parser) bulk(words []token) (Intent, bool) {
	if len(words) == 0 {
		return Intent{}, false
	}
	first, last := words[0], words[len(words)-1]
	whole := wordIs(first, "all", "everything", "every", "whatever", "anything") && !(len(words) > 1 && ordinals.has(words[1]))
	plural := len(words) > 1 && pluralNouns.has(last) && !anyDigits(words) && !isPronoun(words)
	status := len(words) <= 3 && hasStatus(words) && !singleNouns.has(last)
	if !whole && !plural && !status {
		return Intent{}, false
	}
	if plural && !whole && wordIs(last, "things", "stuff") {
		return Intent{}, false
	}
	f := p.filter(words, false)
	if f.Query != "" && f.Tag == "" && nounFollows(words) {
		f.Tag, f.Query = f.Query, ""
	}
	f.Status = dropAll(f.Status)
	return Intent{Target: "all", Filter: f.orNil()}, true
}

func dropAll(status string) string {
	if status == "all" {
		return ""
	}
	return status
}

func anyDigits(words []token) bool {
	for _, k := range words {
		if isDigits(k) {
			return true
		}
	}
	return false
}

func hasStatus(words []token) bool {
	for i := range words {
		if n, _ := statusAt(words[i:]); n > 0 {
			return true
		}
	}
	return false
}

// nounFollows reports "the garden ones": words before a noun for todos name a
// tag, words after it are looked for.
func nounFollows(words []token) bool { return nouns.has(words[len(words)-1]) || !hasPreposition(words) }

func (f Filter) orNil() *Filter {
	if f == (Filter{}) {
		return nil
	}
	return &f
}

// The word lists of this file.
var (
	talkSubjects = vocab(`
		a an i we you he she who what how nobody everyone there is are why when where does did do to if which can could
		should life`)
	nounsAlsoVerbs = vocab(`
		milk paint water exercise post mail book salt oil`)
	reportAdverbs = vocab(`
		already just finally now also even successfully actually`)
	presentAlsoPast = vocab(`
		put set read cut let shut picked left`)
	particles = vocab(`
		out up off in back away down with over to for at on`)
	talkObjects = vocab(`
		a an me you him her us some so very well that by from not nothing today yesterday what about my-self myself`)
)
