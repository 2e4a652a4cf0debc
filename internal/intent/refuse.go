package intent

// readRefused knows wishes for what this application does not do.
func (p *parser) readRefused(c clause) ([]Intent, bool) {
	words := c.words
	if matchesPrefix(dontForget(), words) || matchesPrefix(howTo(), words) {
		return nil, false
	}
	refuse := func(f Feature) ([]Intent, bool) { return []Intent{{Op: Unsupported, Feature: f}}, true }
	switch {
	case repeats(words) && !asksAboutTodos(c):
		return refuse(Recurring)
	case matchesPrefix(reminderForms(), words) || anyMatch(reminderSentences(), words):
		return refuse(Reminder)
	case matchesPrefix(messageForms(), words) || anyMatch(messageSentences(), words):
		if timed(words) && nudges.has(words[0]) {
			return refuse(Reminder)
		}
		return refuse(Notification)
	case anyMatch(sharingForms(), words):
		return refuse(Sharing)
	case anyMatch(otherForms(), words):
		return refuse(OtherFeature)
	}
	return nil, false
}

func anyMatch(fs []form, words []token) bool {
	_, ok := matchAny(fs, words)
	return ok
}

func asksAboutTodos(c clause) bool {
	return questioning.has(c.words[0]) && !wordIs(c.words[0], "why") || aboutExisting.has(c.words[0])
}

// timed reports that a time is named: "ping me at noon about lunch".
func timed(words []token) bool {
	for i := range words {
		rest, prep := trimDuePreposition(words[i:])
		if len(rest) == 0 {
			continue
		}
		if _, n := readMoment(rest, duringParsing, prep); n > 0 {
			return true
		}
	}
	return false
}

// repeats reports a schedule that comes again: "every hour", "on mondays".
func repeats(words []token) bool {
	for i, k := range words {
		switch {
		case wordIs(k, "every", "each") && i+1 < len(words) && comesAgain(words[i+1:]):
			return true
		case wordIs(k, "recurring", "repeating", "recurrent", "repeatedly", "recur", "recurrence") && (i+1 < len(words) && !wordIs(words[i+1], "pain", "theme")):
			return true
		case frequencies.has(k):
			adverb := i > 0 && !articles.has(words[i-1]) // not as in "the weekly report"
			ends := i == len(words)-1 || k.after == ',' || wordIs(words[i+1], "at", "on", "and", "starting", "from", "until")
			if adverb && ends {
				return true
			}
		case pluralWeekday(k) && (i == len(words)-1 || i > 0 && wordIs(words[i-1], "on")) && i > 0:
			return true
		case wordIs(k, "once", "twice") && i+2 < len(words) && wordIs(words[i+1], "a", "per", "every") && isUnit(words[i+2]):
			return true
		case wordIs(k, "times") && i+2 < len(words) && wordIs(words[i+1], "a", "per") && isUnit(words[i+2]):
			return true
		case wordIs(k, "repeat") && (i == 0 || i > 0 && wordIs(words[i-1], "to", "that", "and", "it", "should", "can", "on")) && i+1 < len(words):
			return true
		case wordIs(k, "weekly", "daily", "monthly") && i+1 < len(words) && wordIs(words[i+1], "task", "todo", "reminder", "habit", "alarm", "item"):
			return creationWords.has(words[0])
		}
	}
	return false
}

func comesAgain(words []token) bool {
	if everyOther.has(words[0]) || isDigits(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	if wordIs(words[0], "of", "single") && len(words) > 1 {
		words = words[1:]
	}
	_, weekday := weekdayOf(words[0].word, true)
	_, month := monthOf(words[0].word)
	return weekday || month || isUnit(words[0]) || pluralWeekday(words[0]) || repeatedTimes.has(words[0])
}

func isUnit(k token) bool {
	return unitWords.has(k)
}

func pluralWeekday(k token) bool {
	if k.quoted || len(k.word) < 7 || k.word[len(k.word)-1] != 's' {
		return false
	}
	_, ok := weekdayOf(k.word[:len(k.word)-1], false)
	return ok || k.word == "weekends"
}

// Reminders: a nudge at a time.
var reminderForms = lazyForms(
	"remind|reminder me|us", "remind",
	"set|add|create|make|give|schedule|put|set_up|need|i_need|i_want [me] [up] a|an|another|the|my reminder|alarm|timer|alert|wake-up_call|countdown|wakeup_call",
	"wake me [up]", "reminder", "alarm [for|at|on]", "set alarm|reminder|timer",
	"ring me", "snooze the|my alarm|reminder", "reminders for", "turn on reminders|reminder|alarms",
	"i need reminding|reminders", "start a countdown", "beep [me]",
)

var reminderSentences = lazyForms(
	"{any} remind me", "{any} remind me {any}", "{any} and remind me {any}", "i want|need a|an reminder|alarm {any}",
	"i want|need to be reminded {any}", "i want to get reminded {any}", "do you [have|do|support|send] reminders",
	"{any} with a reminder|alarm {any}", "{any} with a reminder|alarm", "add|set|put|create a reminder to|on|for {any}",
)

// Messages of any other kind.
var messageForms = lazyForms(
	"notify|ping|alert|nudge|buzz|poke|prod|text|sms|message|whatsapp|email|e-mail|mail me|us",
	"send me|us|my_phone [a|an|the|my] [push|daily|weekly|text] email|e-mail|mail|message|text|notification|notifications|sms|push|alert|alerts|summary|digest|reminder|reminders|whatsapp|ping|note|list|tasks|todos|newsletter|updates",
	"let me know|get_a_notification when|if|as_soon_as|once|before|whenever",
	"tell me when|if|once|as_soon_as|whenever the|a|my|it|i|we|they|something|someone|anything|all|there|any|everything|a_task",
	"turn|switch on|off [the|my|push|email|all|desktop] [push|email|desktop] notifications|notification|alerts|emails",
	"enable|disable|activate|mute|silence|configure [the|my|push|email|desktop|all] [push|email|desktop] notifications|notification|alerts|emails",
	"push notifications|notification", "notifications [for|when|on|please]",
	"i want|need|would_like [to] [get|receive|a|an|some] [push|email|text] notifications|notification|emails|alerts|notified|texts|messages|alert",
	"email|send my|the list|tasks|todos|summary to me|my_email|my_inbox|my_phone", "warn me", "inform me",
	"drop me a|an", "shoot me a|an", "give me a heads up|heads-up|shout|buzz|call|ring|ping",
)

var messageSentences = lazyForms(
	"i want|need|like to be notified|alerted|pinged|told|informed|emailed {any}",
	"be notified|alerted|pinged|told|informed|emailed {any}",
	"email|send|text|mail {any} to me|my_phone|my_email|my_inbox",
	"get|receive [push] notifications|emails|alerts {any}", "{any} and notify|email|text|ping|alert me {any}",
	"{any} and notify|email|text|ping|alert me", "do you send emails|notifications|messages|texts",
	"send|show [me] [a] [push|email] notification|notifications|alert {any}", "get notified|alerted {any}",
	"can i get notifications|emails|notified {any}",
)

// Other people.
var sharingForms = lazyForms(
	"share {any} with {any}", "share my|the|this|our list|todos|tasks", "share it|this|that|them|everything|all", "share {ref}",
	"assign|reassign|delegate {any} to {any}", "assign|reassign|delegate {ref}", "invite {any} to <list>",
	"invite {any} to collaborate|join|help|view|edit", "invite {any} to [the|this] app|workspace|project|group",
	"collaborate [with|on] {any}", "collaborate", "give {any} access", "give {any} access to {any}",
	"hand {ref} [over|off] to {any}", "hand off|over {ref} to {any}", "pass {ref} [on] to {any}",
	"transfer {ref} to {any}",
	"send|email|mail|forward|text {ref} to {any}",
	"send|email|mail|forward|text my|the|this [shopping|todo|to-do|task|whole|grocery] list|todos|tasks to {any}",
	"send|email|mail|forward|text {any} my|the|this [shopping|todo|to-do|task|whole|grocery] list|todos|tasks",
	"let {any} see|edit|view|access|add_to|use my|the|this|our|these|it {any}",
	"let {any} see|edit|view|access|add_to|use {ref}",
	"let {any} see|edit|view|access|add_to|use my|the|our|this list|tasks|todos",
	"add {any} as [a] collaborator|member|editor|viewer|participant|owner",
	"add {any} to my|the|our team|workspace|group",
	"make {any} visible to {any}", "show my|the list|tasks|todos to {any}", "publish my|the list|todos|tasks",
	"create|make|start|set_up a shared|team|joint|family|group list|workspace",
	"create|make|start|set_up a shared|team|joint|family|group list|workspace {any}",
	"cc {any} on {any}", "put {any} in charge of {any}", "loop {any} in on {any}", "mention {any} on {ref}",
	"can my {any} see|edit|view|access {any}", "can other people|someone_else|others|anyone_else|my_friends {any}",
	"work on {any} together", "i want to share {any}", "can i share {any}", "can we share {any}",
	"can i invite|assign|delegate {any}",
)

// Anything else that a todo application might do.
var otherForms = lazyForms(
	"attach {any} to {any}",
	"attach [a|an|the|this|my|some] photo|picture|file|image|pdf|document|screenshot|receipt|link|video|note|recording|map",
	"upload {any} to {ref}", "upload a|this|an photo|picture|file|image|pdf|document|screenshot|receipt|video",
	"add|put|include|insert|append|stick [a|an|the|this|my|some|another] <extra> to|on|for|under|in|with|at|: {any}",
	"add|put|include|insert|append|stick [a|an|the|this|my|some|another] <extra> {any} to|on|under {ref}",
	"sync|synchronize|synchronise|integrate|link|connect {any} with|to|into {any}", "sync", "sync [up] with|to {any}",
	"sync my|the|this|everything|it|all {any}",
	"export|import|print|backup|back_up|download|translate|archive|encrypt my|the|all|this [my] list|lists|todos|tasks|data|everything",
	"export|import|print|backup|download|translate|archive everything|it|all",
	"export|import {any} to|as|from|into|in [a] csv|pdf|excel|json|spreadsheet|todoist|trello|google|outlook|file|notion|ical|text_file|word|ics|things",
	"archive|print|export|duplicate|clone|pin|star|bookmark|favourite|favorite|merge|hide|lock|colour|color|translate|copy {ref}",
	"merge {ref} and|with|into {any}",
	"put|add|show|sync|block|get|import {any} in|on|to|into|with|from my|the|google|apple|outlook [google|apple|outlook|work|family|phone] calendar",
	"[show|open] calendar view", "connect [to|my|with] [google|apple|outlook] calendar",
	"track|log|record [my|the] time|hours", "track|log|record [my|the] time|hours on|for|spent_on|to|spent|i {any}",
	"start|stop|pause|resume [the|a|my] timer|stopwatch|pomodoro|time_tracking|tracking|clock",
	"start|stop|pause|resume [the|a|my] timer|stopwatch|pomodoro|time_tracking|tracking|clock {any}",
	"log|book {any} hours|minutes on|to|for|against|of {any}", "how long did i spend|work {any}",
	"how much time did|have i {any}",
	"nest {any} under {any}", "make {ref} a subtask|child of {any}", "make {any} depend|dependent on {any}",
	"link {ref} to|and|with {any}", "add a dependency {any}",
	"create|make|start|open|add|set_up a|another [new|separate|second] list|folder|board|section|category|workspace|project",
	"create|make|start|open|add|set_up a|another [new|separate|second] list|folder|board|section|category|workspace|project called|named|for {any}",
	"move|put {any} to|into|in [the|my|a] {any} list|project|folder|board|section",
	"switch|change|turn|enable|use|go [to|the|on|off|into] [on] dark|light|night [mode|theme]",
	"turn dark|light|night mode on|off",
	"change|reset|set|update|edit my|the|a password|username|avatar|profile|theme|language|font|background|wallpaper|email|email_address|timezone|time_zone|profile_picture",
	"change|set|switch [the|my] language|theme|font|timezone|time_zone to {any}", "change|set the colour|color of {any}",
	"colour-code|color-code {any}", "set a|the location for|of {any}", "show {any} on a|the map",
	"show [me] [a|the] gantt|kanban [chart|board|view]", "record a voice|audio memo|note|message",
	"add a|an voice|audio note|memo", "dictate {any}", "take|do a voice note", "hide [all|my] completed tasks {any}",
)

// howTo begins a question about the use of the application.
var howTo = lazyForms(
	"how do|can|should|would|could i|you|one|we", "how to", "how does|do [the]", "what happens if|when",
	"can you explain", "explain", "is there a|any way to", "how are|is",
)

// readHelp knows questions about how to use this.
func (p *parser) readHelp(c clause) ([]Intent, bool) {
	help := []Intent{{Op: Help}}
	if anyMatch(helpForms(), c.words) {
		return help, true
	}
	if _, ok := matchPrefix(howTo(), c.words); ok && mentionsApp(c.words) {
		return help, true
	}
	if caught, ok := matchAny(meaningForms(), c.words); ok && mentionsApp(caught["any"]) {
		return help, true
	}
	n := abilityLeads.at(c.words)
	if n > 0 && n < len(c.words) && mentionsApp(c.words[n:]) && !matchesPrefix(listForms(), c.words) &&
		phraseAt(c.words, "are there any,is there") == 0 {
		return help, true // "can I delete several at once?"
	}
	return nil, false
}

var meaningForms = lazyForms("what does|do {any} mean", "what 's|is the difference between {any}", "what 's|is {any} for")

// mentionsApp reports words of this application, unlike "how do I cook rice".
func mentionsApp(words []token) bool {
	for _, k := range words {
		if nouns.has(k) && !wordIs(k, "thing", "things", "one", "ones", "stuff", "job", "jobs") || appVerbs.has(k) || appWords.has(k) {
			return true
		}
	}
	return false
}

var helpForms = lazyForms(
	"help [me] [please|out]", "i need [some] help [with] [this]",
	"i need [some] help with this|the app|bot|list|tool|thing",
	"what can|could you|i|this do|say|ask|type|help [for|with|me|to] [me|you|with] [here|exactly]",
	"what can you do|help {any}", "what can i ask [you] [to_do|for|here]",
	"what do you do|understand|know|support|offer", "what commands|features|options|things {any}",
	"what are your|the commands|features|options|abilities|capabilities", "which commands|features {any}", "commands",
	"how does this|it|that work", "how do|can i use {any}", "how do i start|begin|get_started", "how do you work",
	"show me how {any}", "tell me how {any}", "teach me how {any}", "explain how {any}", "explain {any} to me",
	"explain tags|priorities|filters|this|yourself|due_dates|undo|the_commands",
	"what is|are|'s a|the [tags|tag|priority|priorities|filter|filters|target|todo|command|commands] for",
	"what are tags|priorities|filters|commands|due_dates [for|good_for|here]", "what 's|is a tag|filter|priority|todo",
	"what do|does tags|priorities|filters|priority|the_tags|high|low|medium {any}", "instructions",
	"give me [some|an|a_few] example|examples|instructions|tips|help|hint|hints [please]", "examples [please]",
	"user guide|manual", "manual", "tutorial", "show [me] [the] help|commands|examples|manual|tutorial|instructions",
	"i do not know|understand|get|see how {any}", "i do not understand|get [how] [this|it|the_app]",
	"i am lost|confused|stuck|new_here", "what should i type|say|write", "what is this|all_this [app|bot|thing] [for]",
	"what can be done here", "?", "how do i {any} here", "usage", "what else can you|i do", "guide me",
	"where do i start|begin with this", "what are you able to do", "what are you for", "what words {any}",
	"who can see my {any}", "what happens to {any}", "what happens when|if i {any}", "what does|do {any} mean here",
)

// readAsk knows questions that want thought: counts, ranks, plans, steps.
func (p *parser) readAsk(c clause) ([]Intent, bool) {
	ask := []Intent{{Op: Ask}}
	if matchesPrefix(askForms(), c.words) || anyMatch(askSentences(), c.words) {
		return ask, true
	}
	if n := phraseAt(c.words, "how many,how much"); n > 0 && aboutTodos(c.words[n:]) {
		return ask, true
	}
	return nil, false
}

// aboutTodos reports a question about the person's own todos and not the world.
func aboutTodos(words []token) bool {
	for i, k := range words {
		if ownWords.has(k) || k.hash {
			return !(i+1 < len(words) && wordIs(k, "i") && wordIs(words[i+1], "weigh"))
		}
	}
	return false
}

var askForms = lazyForms(
	"which [one|ones|task|todo|tasks|thing|of_them|of_these|of_those] should|shall|do|would|must|can i|you|we",
	"what should|shall|can i|we [do|start|begin|tackle|pick|work|focus|finish|prioritize|handle|concentrate|drop|skip]",
	"what must i|we [do] first|next|now",
	"where should|do|shall i|we start|begin", "what to do|start|tackle first|next|now|with", "what first",
	"what 's|is first", "what 's|is the|my next", "what 's|is [the|my] [single] <superlative>",
	"what are [the|my] [three|two|five|3|5|2] <superlative>",
	"what are [the|my] [top] [three|two|five|3|5|2] priorities", "which is|'s|are [the|my] <superlative>",
	"which of {any}",
	"summarize|summarise|recap|analyse|analyze|prioritize|prioritise|rank|sum_up my|the|this|today|everything|all|it|what|tomorrow|them [day|week|list|tasks|todos]",
	"sum it up", "summary", "recap",
	"give me a|an|the|some|my [quick|short|brief|daily|weekly] summary|recap|overview|plan|rundown|breakdown|report|review|digest|advice|status_report|briefing|idea|schedule",
	"[a] [quick|short|daily|brief|weekly] summary|overview|recap|rundown",
	"plan|organize|organise|structure|schedule [out] my|the|our [whole|entire] day|week|morning|evening|weekend|afternoon|month|todos|tasks|workload|tomorrow",
	"plan tomorrow|today|next_week|the_week|this_week",
	"make|create|draft|write|suggest|propose|build [me] a|the|my [daily|weekly|good|rough|new] plan|schedule|timetable|strategy|summary|overview [for|of|to] [my|the|today|tomorrow|this|me|all]",
	"suggest", "how am i doing|getting_on|progressing|faring", "how busy",
	"am i [too|very] busy|on_track|behind|late|overloaded|free|ahead|doing", "how productive", "how far am|have",
	"count my|the|all|how|open|completed|overdue|urgent", "what steps", "what are the steps", "steps for|to",
	"list the steps", "plan|decide|prioritize|prioritise|choose what|which|how", "should i", "do i have time",
	"can i [still] manage|finish|fit|get [all|everything|it]", "will i be|manage|make|finish", "what would you",
	"what do you recommend|suggest|think|advise", "recommend", "advise me", "any advice|suggestions|tips|ideas",
	"what did|do i forget", "how 's|is|are my day|week|progress|list|workload|todos|tasks",
	"how does my|the|today|tomorrow [day|week|list|schedule] look", "what does my day|week|tomorrow|today|schedule look",
	"tell me what to do|what_i_should", "what percentage|fraction|share", "how often do|did i", "number of",
	"what 's|is the number|total|count", "what am i behind|missing|forgetting", "what was my|the <superlative>",
	"statistics", "stats", "my statistics|stats|progress", "show [me] [my] stats|statistics|progress",
	"what 's|is my progress|workload|day_like|week_like|status", "what matters most", "which matters",
	"pick one|something|a_task", "choose one|something|a_task", "show [me] [the] steps",
	"how should|would i|you|we [best] tackle|approach|start|plan|organize|go_about|prioritize|order|split|break|spend",
	"which day", "when am i free|busiest|least", "talk me through", "walk me through my", "help me get started",
	"did i do|get more|less|enough", "have i been",
)

var askSentences = lazyForms(
	"{any} into [smaller|small|several|a_few|concrete|manageable|some|3|three|5|five|four|4|easy|bite-sized|doable|little|simple] steps|pieces|subtasks|parts|chunks|sub-tasks|tasks",
	"what|which {any} first", "which {any} [is|are] <superlative>",
	"what 's|is [up] next [on|for|up] [my|the] [list|me|agenda|here]",
	"what can i skip|drop|postpone|delegate|finish|do",
	"what can i skip|drop|postpone|delegate|finish|do|get_done {any}", "break down {any}", "break {any} down",
	"split {any} up", "break {any} up", "who has {any}",
)

// The word lists of this file.
var (
	abilityLeads = phraseList(`
		can i, could i, may i, am i able to, are you able to, do you support, can this, does this, can the,
		is it possible, do you have, do you do, can it, do you know how to, are there any, is there, do you understand`)
	nudges = vocab(`
		ping nudge alert buzz poke notify prod beep`)
	aboutExisting = vocab(`
		show list find delete remove complete tick mark rename finish`)
	frequencies = vocab(`
		daily weekly monthly yearly hourly annually nightly biweekly fortnightly quarterly regularly weekdays
		weeknights mornings evenings afternoons`)
	creationWords = vocab(`
		add create make set new remind i schedule a set_up`)
	everyOther = vocab(`
		other second third single few two three four six first last couple`)
	repeatedTimes = vocab(`
		morning evening night afternoon noon weekday weekend time workday quarter spring summer autumn fall winter
		christmas 1st 15th midnight lunchtime mornings birthday`)
	unitWords = vocab(`
		minute minutes hour hours day days week weeks month months year years fortnight mins min quarter weekend hrs
		second seconds`)
	appWords = vocab(`
		tag tags priority priorities filter filters list here app command commands assistant deadline due chat search
		sort dates shortcuts bot deadlines account features reminders bulk undo finish change edit typing profile
		password log sharing export`)
	ownWords = vocab(`
		i my me left open done overdue due urgent completed todos tasks pending list remaining we remain finished
		tagged items todo chores things`)
)
