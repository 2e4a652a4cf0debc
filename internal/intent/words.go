package intent

import (
	"strings"
	"sync"
)

// A vocabulary is a set of words, built on first use.
type vocabulary func() map[string]bool

func vocab(words string) vocabulary {
	return sync.OnceValue(func() map[string]bool {
		set := make(map[string]bool)
		for w := range strings.FieldsSeq(words) {
			set[w] = true
		}
		return set
	})
}

func (v vocabulary) has(k token) bool { return !k.quoted && v()[k.word] }

// class returns the phrases that <name> stands for in a form.
func class(name string) string {
	switch name {
	case "is":
		return "is,'s,are,was,were,has been,have been,got,is now,are now,'s now"
	case "isnot":
		return `
			is not, are not, was not, were not, 's not, has not been, have not been, is still not,
			is not actually, is not really, was not actually, was not really, never got, are not actually,
			has not actually been, is not even, are not really, is actually not`
	case "done":
		return `
			done, complete, completed, finished, through, ticked, ticked off, checked off, crossed off,
			taken care of, sorted, sorted out, over with, dealt with, handled, over and done with,
			out of the way, all done`
	case "undone":
		return `
			not done, undone, open, incomplete, unfinished, not finished, pending, to do, todo, to-do, active,
			uncompleted, unchecked, not complete, not completed, unticked, open again, not done yet,
			outstanding`
	case "again":
		return "yet,after all,actually,at all,though,completely,properly,anymore"
	case "just":
		return "already,just,finally,actually,now,also,really,even,still,all"
	case "list":
		return `
			my list, the list, my todos, my to-dos, my todo list, my to-do list, the todo list, the to-do list,
			my tasks, my task list, list, the todos, the tasks, the task list, our list, this list, there,
			todos, my to do list, the to do list, my lists, the board, my board`
	case "a":
		return `
			a, an, the, another, one more, my, some, this, a new, another new, the new, new, following,
			the following, this new, a quick, me a, me a new, a little`
	case "thing":
		return "todo,to-do,task,item,entry,to do,todo item,thing to do,tasks,todos,items,to-do item"
	case "deadline":
		return "due date,deadline,due day,date,due time"
	case "priority":
		return "priority,importance,urgency"
	case "extra":
		return `
			photo, picture, file, image, attachment, note, notes, comment, comments, link, pdf, document,
			screenshot, description, subtask, subtasks, sub-task, sub-tasks, checklist, location, emoji,
			receipt, scan, video, recording, url, dependency, icon, colour, color, voice note, voice memo`
	case "superlative":
		return `
			most, highest, biggest, oldest, least, easiest, hardest, best, quickest, newest, latest, top,
			earliest, most urgent, most important, longest, shortest, smallest, last thing, priority, busiest,
			first thing, number one`
	case "title":
		return "title,name,text,wording,description"
	}
	panic("intent: no class " + name)
}

var (
	listNames = phraseList(class("list"))
	beings    = phraseList(class("is"))
)

// isVerb reports a verb that may begin a wish, of whatever kind.
func isVerb(k token) bool { return everydayVerbs.has(k) || appVerbs.has(k) || softAppVerbs.has(k) }

// pauses reports a mark that sets off what stands before it.
func pauses(mark rune) bool { return mark == ',' || mark == ':' || mark == '-' }

// slips are the words that come of one slip of a finger in a command: a letter
// left out or doubled, or two that changed places. What is a word by itself is
// none.
var slips = sync.OnceValue(func() map[string]string {
	words := vocab("crate compete heck lear cheek charge chance cane canal complete")
	out := map[string]string{}
	add := func(slip, command string) {
		if _, other := out[slip]; !words.has(token{word: slip}) && !other && slip != command {
			out[slip] = command
		}
	}
	for _, w := range strings.Fields(`
		delete remove complete finish create update rename reopen remind change cancel cross check clear untick uncheck postpone
		reschedule remember forget tomorrow urgent finished done everything priority tagged completed`) {
		for i := range len(w) - 1 {
			add(w[:i+1]+w[i+2:], w)
			add(w[:i+1]+w[i:], w)
			add(w[:i]+w[i+1:i+2]+w[i:i+1]+w[i+2:], w)
		}
	}
	for _, w := range []string{"show", "mark", "move", "list", "undo", "with"} { // short: less is left to tell them by
		for i := 1; i < len(w)-1; i++ {
			add(w[:i]+w[i+1:i+2]+w[i:i+1]+w[i+2:], w)
		}
	}
	for slip, w := range map[string]string{"ad": "add", "addd": "add", "remaind": "remind", "remindme": "remind", "tagg": "tag"} {
		add(slip, w)
	}
	return out
})

// spelled mends the few misspellings and shorthands that matter to commands.
// Spans are copied from the message, so what was typed is what is kept.
func spelled(word string) string {
	switch word {
	case "pls", "plz", "plase", "pleas":
		return "please"
	case "&", "+", "n":
		return "and"
	case "u":
		return "you"
	case "tmrw", "tmr", "tmrow", "tomorow", "tommorow", "tommorrow", "2moro", "2morrow", "tomorrrow", "tomo":
		return "tomorrow"
	case "delte", "dlete", "deelte", "delet", "deleet":
		return "delete"
	case "remeber", "rember", "remmeber":
		return "remember"
	case "compleet", "complet", "complte":
		return "complete"
	case "re-open":
		return "reopen"
	case "un-tick":
		return "untick"
	case "shoud":
		return "should"
	}
	if meant, ok := slips()[word]; ok {
		return meant
	}
	return word
}

// Words that begin a bare wish such as "buy milk". Verbs that command this
// application (delete, mark, show) are not among them.
var everydayVerbs = vocab(`
	apply arrange ask assemble attend back bake bath bathe begin bleach board boil book borrow bring brush build buy call carry
	catch change charge chase check choose chop clean clear climb close collect compare compose confirm contact
	continue cook copy cut darn decide declutter decorate defrost deliver deposit descale design develop dig discuss do donate
	download draft draw drill drive drop dry dust dye email e-mail empty enrol enroll exchange exercise extend feed fetch
	figure file fill film finalise finalize find fit fix fly fold follow frame freeze fry get give go google grab grease greet
	grind grow hand hang harvest have heat help hem hire hoover hunt improve inform inspect install insulate
	insure interview invest invite invoice iron jog join jump keep knit lay learn leave lend let light listen load lock
	look lubricate mail maintain make measure meditate meet mend message milk mix mop mount move mow negotiate notarize nail
	oil open order organise organize own pack paint patch pay peel phone photograph pick pickle place plan plant play plough
	plug polish post pot practice practise prepare prep present print proofread prune pull pump purchase put quit rake read
	rearrange rebook recharge record recycle redeem refill refund register rehearse remind renew rent repaint repair repay
	replace reply repot request research reserve reset respond return review revise ride ring roast run salt sand save scan
	schedule scrub seal sell send service settle sew sharpen shave shop shovel sign skim sleep soak sort sow speak spray
	squeeze stamp start steam stitch stock stop store straighten stretch study submit subscribe sweep swim switch swap take
	talk teach tell test text thank tidy tighten trade train transfer transplant treat trim try tune tutor type unblock unclog unpack
	unplug unsubscribe update upgrade vacuum varnish verify visit volunteer walk wash watch water wax weed weigh whisk wipe work
	wrap write skype zoom facetime fax chat catch-up mulch rotate rinse dispose evaluate analyse analyze calculate
	calibrate deploy refactor debug merge rebase document publish migrate investigate implement outline summarise summarize translate
	shred sanitize restock reheat marinate vote`)

// Verbs of the commands themselves. After "and" they begin a clause.
var appVerbs = vocab(`
	add delete remove erase mark tick untick uncheck reopen rename retitle reschedule postpone undo show list display complete
	create unmark scrap deprioritize deprioritise prioritize prioritise discard trash uncomplete tag label`)

// Verbs that command this application only when what follows is plainly one
// of the todos: "cancel 3", "clear the yoga one".
var softAppVerbs = vocab(`
	finish check cross move push change make set put call flag drop cancel kill clear throw toss ditch dump bump delay close
	edit update defer shift give wipe strike scratch bin forget take reset get raise lower bring find search revert tag turn pull`)

var (
	articles     = vocab("the a an my that this those these our your his her their some")
	pronouns     = vocab("it that this those these them both one")
	subjects     = vocab("i you we he she they it there who what everyone everybody nobody someone")
	auxiliaries  = vocab("is are was were am do does did can could have has had will would should shall may might must be been 's being")
	questioning  = vocab("what which who whom whose when where why how")
	prepositions = vocab("for with from at in about to of on into onto by before after under over near without during off against through via per")
	nouns        = vocab("todo todos to-do to-dos task tasks item items one ones thing things stuff entry entries chore chores errand errands reminder reminders job jobs")
	pluralNouns  = vocab("todos to-dos tasks items ones things stuff entries chores errands jobs")
	singleNouns  = vocab("todo to-do task item one entry thing")
	everything   = vocab("all everything every each anything")
	ordinals     = vocab(`first second third fourth fifth sixth seventh eighth ninth tenth last latest newest oldest previous next
		1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th penultimate final top bottom`)
)

// Words that open small talk. A message that begins with one of them is never
// taken for a todo of its own.
var smallTalk = vocab(`
	hi hello hey hiya yo howdy heya sup thanks thank thx ty cheers yes yeah yep yup no nope nah ok okay k cool great nice awesome perfect
	wow lol haha hahaha hehe bye goodbye sorry sure fine welcome congrats congratulations good morning evening night afternoon
	happy merry well wonderful amazing excellent brilliant hmm hm ah aha oh ugh damn oops whoa please never maybe perhaps
	bonjour hola salam salaam assalam guten ciao namaste ahoy greetings gosh thats that that's so interesting really love
	pretty very nothing whatever right exactly agreed absolutely definitely indeed correct true wrong not hooray yay woohoo boo
	bravo kudos test testing asdf feeling guess bored tired lovely fantastic superb sweet dear mate buddy alright anyway
	too how's sounds see till until almost nearly got found met went
	saw felt ate drank slept lost won broke forgot heard thought knew`)

// Verbs in the past that report a todo as done: "paid the rent". Regular ones
// are told by -ed of an everyday verb.
var irregularPast = vocab(`
	bought brought built caught chose cut did drew fed hid laid learnt lent made 
	mown paid picked put read rang sent sold sewed sewn spoke swept taught threw wrote written swept done
	set wound returned fixed replied bled dug ironed tidied dried emptied applied copied filed fried carried notified
	verified planned shopped chopped mopped dropped wrapped stopped trimmed scanned shipped submitted prepped booked cleaned
	called canceled cancelled finished completed closed renewed signed mailed posted handed sorted wiped`)

// isPast reports a verb in the past, or its participle.
func isPast(k token) bool {
	if irregularPast.has(k) {
		return true
	}
	stem, ok := strings.CutSuffix(k.word, "ed")
	if !ok || k.quoted || len(stem) < 2 {
		return false
	}
	known := everydayVerbs()
	doubled := len(stem) > 2 && stem[len(stem)-1] == stem[len(stem)-2] && known[stem[:len(stem)-1]]
	return known[stem] || known[stem+"e"] || doubled || strings.HasSuffix(stem, "i") && known[stem[:len(stem)-1]+"y"]
}

// isDigits reports a number such as 3 or #3.
func isDigits(k token) bool {
	if k.quoted || k.word == "" || len(k.word) > 9 {
		return false
	}
	for i := range len(k.word) {
		if c := k.word[i]; c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// wordIs reports one of a few words that a function names itself.
func wordIs(k token, words ...string) bool {
	if k.quoted {
		return false
	}
	for _, w := range words {
		if k.word == w {
			return true
		}
	}
	return false
}

// phraseAt returns the length of the longest of the comma-separated phrases
// that begins words, or 0.
func phraseAt(words []token, phrases string) int {
	best := 0
	for phrase := range strings.SplitSeq(phrases, ",") {
		n, rest := 0, phrase
		for rest != "" && n >= 0 {
			w, after, _ := strings.Cut(rest, " ")
			if n >= len(words) || words[n].quoted || words[n].word != w {
				n = -1
				break
			}
			n, rest = n+1, after
		}
		best = max(best, n)
	}
	return best
}

// A phraseSet is a set of phrases of one or more words, kept by first word.
type phraseSet func() map[string][][]string

// phraseList reads phrases with commas between them, on first use.
func phraseList(list string) phraseSet {
	return sync.OnceValue(func() map[string][][]string {
		byFirst := make(map[string][][]string)
		for phrase := range strings.SplitSeq(list, ",") {
			if words := strings.Fields(phrase); len(words) > 0 {
				byFirst[words[0]] = append(byFirst[words[0]], words)
			}
		}
		return byFirst
	})
}

// at returns the length of the longest phrase that begins words, or 0.
func (s phraseSet) at(words []token) int {
	best := 0
	if len(words) > 0 {
		for _, phrase := range s()[words[0].word] {
			if len(phrase) > best && begins(words, phrase) {
				best = len(phrase)
			}
		}
	}
	return best
}
