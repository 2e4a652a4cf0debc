package main

import (
	"strings"
	"testing"
	"time"
)

func TestLogsBecomeReadableNamedLines(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 1, 12, 3, 4, 0, time.Local)
	stamp := `"time":"` + at.Format(time.RFC3339Nano) + `",`
	for _, test := range []struct{ name, line, want string }{
		{
			"request",
			`{` + stamp + `"level":"INFO","msg":"request","method":"GET","path":"/api/todos","status":200,"duration_ms":3.21,"bytes":12,"request_id":"0198"}`,
			"todo      12:03:04 GET /api/todos 200 3.2ms\n",
		},
		{
			"failed request",
			`{` + stamp + `"level":"ERROR","msg":"request","method":"POST","path":"/api/todos","status":500,"duration_ms":1200,"bytes":12,"request_id":"0198","error":"no pool"}`,
			`todo      12:03:04 ERROR POST /api/todos 500 1.2s bytes=12 request_id=0198 error="no pool"` + "\n",
		},
		{
			"warning with attributes in their order",
			`{` + stamp + `"level":"WARN","msg":"the model is away","z":1,"a":{"b":[1,2]},"empty":"","ok":true,"none":null}`,
			`todo      12:03:04 WARN the model is away z=1 a="{\"b\":[1,2]}" empty="" ok=true none=null` + "\n",
		},
		{
			"a stack, line by line",
			`{` + stamp + `"level":"ERROR","msg":"panic","stack":"goroutine 1\n\tmain.go:3\n","x":"y"}`,
			"todo      12:03:04 ERROR panic x=y\ntodo      goroutine 1\ntodo      \tmain.go:3\n",
		},
		{
			"what a terminal would obey",
			`{` + stamp + `"level":"INFO","msg":"request","method":"GET","path":"/\u001b[2J","status":404,"duration_ms":0.04}`,
			`todo      12:03:04 GET "/\x1b[2J" 404 0s` + "\n",
		},
		{"no JSON", "panic: oh", "todo      panic: oh\n"},
		{"half JSON", `{"level":"INFO"`, `todo      {"level":"INFO"` + "\n"},
		{"not an object", `[1]`, "todo      [1]\n"},
		{"an empty object", `{}`, "todo      \n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := string(formatter{name: "todo"}.lines([]byte(test.line))); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestColorMarksNamesAndLevels(t *testing.T) {
	t.Parallel()
	got := string(formatter{name: "chat", color: true}.lines([]byte(`{"level":"ERROR","msg":"oh"}`)))
	if want := "\x1b[35mchat     \x1b[0m \x1b[31mERROR\x1b[0m oh\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLogsAreHeldUntilThePageIsShown(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := &screen{out: &out}
	log := s.logger("todo")
	for _, part := range []string{"one ", "line\nand", " another\n", "\n", "the rest"} {
		if _, err := log.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	s.say("the page")
	s.open()
	if _, err := log.Write([]byte(" of it\n")); err != nil {
		t.Fatal(err)
	}
	want := "the page\ntodo      one line\ntodo      and another\ntodo      the rest of it\n"
	if got := out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAProgressLineIsWrittenOverOnATerminal(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := &screen{out: &out, terminal: true}
	s.show("waiting", 1)
	s.show("waiting", 2)
	s.say("done")
	if want := "waiting… 1 s\r\x1b[Kwaiting… 2 s\r\x1b[Kdone\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}

	out.Reset()
	s = &screen{out: &out}
	for seconds := range 12 {
		s.show("waiting", seconds+1)
	}
	if want := "waiting…\nwaiting… 10 s\n"; out.String() != want {
		t.Errorf("elsewhere: got %q, want %q", out.String(), want)
	}
}
