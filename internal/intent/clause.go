package intent

import "time"

// A clause is the part of a message that one operation answers.
type clause struct {
	words    []token
	question bool // it ended in a question mark
	obliged  bool // "I need to …": said of the person, not to the application
}

// duringParsing stands for today while a message is read: whether words are a
// date does not depend on which day it is.
var duringParsing = time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)

// longestClause bounds what the forms look at; a longer clause can only be a
// title.
const longestClause = 80

// clauses cuts a message where one wish ends and the next begins: always at
// the end of a sentence, at "then" and at a semicolon; at a comma and at "and"
// only if what follows begins like a wish of its own, because titles hold
// commas and ands too.
func clauses(t text) []clause {
	var out []clause
	for _, sentence := range sentences(t) {
		question := sentence[len(sentence)-1].after == '?'
		parts := splitSentence(sentence)
		for i, words := range parts {
			if len(words) > 0 {
				out = append(out, clause{words: words, question: question && i == len(parts)-1})
			}
		}
	}
	return out
}

var abbreviations = vocab("dr mr mrs ms st prof vs etc e.g i.e no nr approx jr sr inc ltd ave apt dept vol")

func sentences(t text) [][]token {
	var out [][]token
	start := 0
	for i, k := range t.tokens {
		ends := k.after == '?' || k.after == '!' || k.after == ';' || k.after == '\n' ||
			(k.after == '.' && !abbreviations.has(k))
		if _, label := priorityOf(t.tokens[start : i+1]); label && k.after == '!' {
			ends = false // "urgent! call the vet"
		}
		if ends || i == len(t.tokens)-1 {
			out = append(out, t.tokens[start:i+1])
			start = i + 1
		}
	}
	return out
}

func splitSentence(words []token) [][]token {
	var out [][]token
	start := 0
	for i := 1; i < len(words); i++ {
		joint := connectors(words[i:])
		if joint == 0 && words[i-1].after != ',' && words[i-1].after != '-' {
			continue
		}
		next := i + joint
		if next >= len(words) {
			break
		}
		strong := joint > 0 && (wordIs(words[next-1], "then") || phraseAt(words[i:], "after that,and after that") > 0)
		if strong || beginsClause(words[next:], words[start:i]) {
			out = append(out, words[start:i])
			start = next
			i = next
		}
	}
	return append(out, words[start:])
}

// connectors returns how many words join two clauses here.
func connectors(words []token) int {
	return connectorPhrases.at(words)
}

// beginsClause reports whether words begin a wish of their own, told apart
// from one more item of what stands before.
func beginsClause(words, before []token) bool {
	words = trimPolite(clause{words: words}).words
	if len(words) == 0 {
		return false
	}
	first := words[0]
	switch {
	case appVerbs.has(first):
		return len(words) > 1 || first.word == "undo"
	case softAppVerbs.has(first) && len(words) > 1:
		return commands(before) && !wordIs(first, "back") || namesTodo(words[1:])
	case matchesPrefix(clauseOpeners(), words):
		return true
	case everydayVerbs.has(first) && len(words) > 1:
		return commands(before)
	case isReference(first) || wordIs(first, "it"):
		return len(words) > 1 && beings.at(words[1:]) > 0 && !bareTargets(before)
	case isPast(first):
		return len(words) > 1 && isPast(lead(before))
	case questioning.has(first):
		return len(words) > 1 && (auxiliaries.has(words[1]) || wordIs(words[1], "many", "much", "do", "to"))
	}
	return false
}

// bareTargets reports that words only name todos, as in "1 and 2 are done".
func bareTargets(words []token) bool {
	for _, k := range words {
		if !isReference(k) && !articles.has(k) && !nouns.has(k) && !wordIs(k, "and", "number") {
			return false
		}
	}
	return true
}

// lead returns the first word of a statement, after "I have" and the like.
func lead(words []token) token {
	rest, _ := matchPrefix(reporters(), trimPolite(clause{words: words}).words)
	if len(rest) == 0 {
		return token{}
	}
	return rest[0]
}

var clauseOpeners = lazyForms(
	"do not", "remind me", "remember to", "not",
	"i have|finished|did|am|paid|called|bought|sent|do|already|just|need|should|must|also|want",
	"show [me]", "let me know", "it 's|is", "that 's|is", "they 's|are", "make it|that|them|this",
	"all [of] them", "nothing else", "everything else", "leave", "keep", "the other <is>", "thanks|thank", "how many",
	"whenever", "no rush|hurry",
	"due", "high|low|top|medium priority", "both", "never mind", "there 's|is", "notify|ping|alert me", "asap", "urgent", "tagged",
)

// commands reports whether a clause orders the application to change a todo
// that is there, so that what follows "and" is hardly part of a title.
func commands(words []token) bool {
	words = trimPolite(clause{words: words}).words
	if len(words) == 0 || wordIs(words[0], "add", "create") {
		return false
	}
	return appVerbs.has(words[0]) || (softAppVerbs.has(words[0]) && namesTodo(words[1:])) ||
		isReference(words[0]) || wordIs(words[0], "finish")
}

// namesTodo reports whether words begin by naming a todo beyond doubt: by its
// number, its place, a pronoun, "all", or with "one" and the like after it.
func namesTodo(words []token) bool {
	if len(words) == 0 {
		return false
	}
	if article := articles.has(words[0]) && !pronouns.has(words[0]); article || targetLeads.has(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	first := words[0]
	if isReference(first) || isDigits(first) {
		return len(words) == 1 || first.after != 0 || afterReference.has(words[1]) || words[1].quoted
	}
	if plainReferences.has(first) {
		return true
	}
	for i, k := range words {
		if i > 7 || i > 0 && connectors(words[i:]) > 0 && words[i].word != "and" {
			break
		}
		if nouns.has(k) && !wordIs(k, "thing", "things", "stuff", "reminder", "job", "jobs", "entry") {
			return true
		}
		if k.after != 0 {
			break
		}
	}
	return false
}

// isReference reports one word that can only point at a todo.
func isReference(k token) bool {
	return isDigits(k) || ordinals.has(k) && !wordIs(k, "next", "top", "final", "bottom")
}

// trimPolite takes off the words that only make a wish polite, or join it to
// the one before, at both ends.
func trimPolite(c clause) clause {
	for range 8 {
		rest, ok := matchPrefix(politeForms(), c.words)
		if !ok || len(rest) == 0 {
			rest, ok = trimAdverb(c.words)
		}
		if !ok || len(rest) == 0 {
			if rest, ok = matchPrefix(obligations(), c.words); ok && len(rest) > 0 && startsVerb(rest) {
				c.words, c.obliged = rest, true
			}
			break
		}
		c.words = rest
	}
	for range 4 {
		n := politeTail(c.words)
		if n == 0 || n == len(c.words) {
			break
		}
		c.words = c.words[:len(c.words)-n]
	}
	return c
}

var politeForms = lazyForms(
	"i would love|like|appreciate it if you|we would|could|can [please|just|kindly|maybe|possibly|also]",
	"please", "kindly", "could|can|would|will you [please|just|kindly|maybe|possibly|also] [go_ahead_and]", "would you mind",
	"i would like|love [you] to", "i want|need you to", "i wan|want|wish to", "i would like",
	"hey|hi|hello|yo [there|todo|assistant|bot|again|you|buddy|everyone] [,]",
	"ok|okay|alright|um|uh|uhm|hmm|oh|ah|well|so|oops|whoops|woops|yikes|argh|ugh|dang|and|then|but|also|sorry",
	"go ahead and", "go and", "let 's|us", "lets",
	"i was wrong", "my mistake|bad", "i made a mistake", "i take that back", "if you can|could|please", "if possible",
	"when you can",
	"is it possible|ok to", "would it be possible to", "do me a favour|favor and", "be a dear and",
	"good morning|afternoon|evening|day", "thanks|thank [you]",
	"you can|could", "i think|guess|believe|suppose|reckon", "it turns|turned out [that]", "turns out [that]",
	"as it turns out", "time to", "i say|said", "to be honest", "false alarm",
	"we would like to", "quick one", "do not bother but", "for me", "you know what", "good news", "help me [to]", "guess what",
)

// obligations say that the person has to do something. What follows is a todo
// unless it can only be a command.
var obligations = lazyForms(
	"i|we [really|also|still|just|probably] need|have|got|ought [really|also] to", "i|we have got to",
	"i|we [really|probably|also] must|should|shall|ought [really|probably|also|just]", "got to", "need to", "have to",
	"i am supposed|meant|going|planning to", "i will need|have to", "i would better", "i had better", "must",
	"i plan|intend to", "i gon to", "gon to", "i will",
)

// trimAdverb takes off one introducing word such as "actually", where a comma
// or a verb after it shows that it is no part of a title.
func trimAdverb(words []token) ([]token, bool) {
	if len(words) < 2 || !introductions.has(words[0]) {
		return words, false
	}
	next := words[1]
	if wordIs(words[0], "actually", "finally") || pauses(words[0].after) || isVerb(next) ||
		wordIs(next, "i", "remind", "what", "not", "do", "please") {
		return words[1:], true
	}
	return words, false
}

func startsVerb(words []token) bool {
	first := words[0]
	unlikely := prepositions.has(first) || articles.has(first) || auxiliaries.has(first) || wordIs(first, "not", "be")
	return isVerb(first) || len(words) > 1 && !unlikely
}

// politeTail returns how many words at the end are thanks and the like.
func politeTail(words []token) int {
	for _, tail := range [...]string{
		"please", "thanks", "thank you", "for me", "for me please", "will you", "would you", "if you can", "ok", "okay", "thx",
		"cheers", "thanks a lot", "thank you so much", "thanks so much", "if possible", "right away", "when you can", "if you could",
		"many thanks", "ta", "can you", "could you", "too", "as well", "thanks in advance", "mate", "man", "lol", "haha", "btw",
		"by the way", "right", "👍", "🙏", "😊", "🙂", "😅", ":)", "with that", "now", "instead", "then", "now please",
	} {
		if len(words) > 0 && endsWith(words, tail) {
			return phraseAt(words[len(words)-countWords(tail):], tail)
		}
	}
	return 0
}

func countWords(phrase string) int {
	n := 1
	for _, r := range phrase {
		if r == ' ' {
			n++
		}
	}
	return n
}

// endsWith reports whether the last words are that phrase.
func endsWith(words []token, phrase string) bool {
	n := countWords(phrase)
	return len(words) >= n && phraseAt(words[len(words)-n:], phrase) == n
}

func matchesPrefix(fs []form, words []token) bool {
	_, ok := matchPrefix(fs, words)
	return ok
}

// The word lists of this file.
var (
	connectorPhrases = phraseList(`
		and, then, and then, and also, also, plus, and please, but, but also, and after that, after that, as well as,
		and now, and finally, and lastly, so, and while you are at it, or`)
	targetLeads = vocab(`
		off out up back number task todo item no`)
	afterReference = vocab(`
		and as to off out back done is until by one task todo item from due urgent important high low tomorrow today or
		with for complete completed finished please medium then on`)
	plainReferences = vocab(`
		it them all everything both completed done finished these those`)
	introductions = vocab(`
		actually just now first next finally lastly quickly yes yeah yep no wait right great cool nice
		perfect sure nope again anyway plus super hooray yay awesome fine morning evening hiya hold`)
)
