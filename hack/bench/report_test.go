package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATargetIsMetOrNot(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		target target
		want   bool
	}{
		{target{}, true},
		{target{atMost, 20}, true},
		{target{atMost, 19}, false},
		{target{atLeast, 20}, true},
		{target{atLeast, 21}, false},
		{target{ratioAtLeast, 0.5}, true},
		{target{ratioAtLeast, 0.6}, false},
	} {
		f := figure{Rounds: []float64{20}, Limits: []float64{40}, Target: test.target}
		if got := f.met(); got != test.want {
			t.Errorf("20 beside 40 meets %+v: %t, want %t", test.target, got, test.want)
		}
	}
}

func TestFiguresAreShortAndSayTheirUnit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		unit unit
		v    float64
		want string
	}{
		{perSecond, 1234567.8, "1,234,568/s"},
		{perSecond, 999.6, "1,000/s"},
		{perSecond, 10, "10/s"},
		{perSecond, 142.4, "142/s"},
		{millis, 13.14, "13.1 ms"},
		{millis, 0.1234, "0.12 ms"},
		{millis, 20, "20 ms"},
		{millis, 0, "0 ms"},
		{mebibytes, 25.26, "25.3 MiB"},
	} {
		if got := test.unit.format(test.v); got != test.want {
			t.Errorf("%v %s is written %q, want %q", test.v, test.unit, got, test.want)
		}
	}
}

func TestTheTableShowsEachFigureBesideItsLimit(t *testing.T) {
	t.Parallel()
	r := report{Machine: "2 cores", Figures: []figure{
		{What: "create", Unit: perSecond, Rounds: []float64{40, 50}, Beside: "pgbench", Limits: []float64{100, 100}, Target: target{ratioAtLeast, 0.5}},
		{What: "peak", Unit: mebibytes, Rounds: []float64{30}, Detail: "at the end 20", Target: target{atMost, 40}},
		{What: "logins", Unit: perSecond, Rounds: []float64{30}},
	}}
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.TrimRight(line, " \n"))
	}
	want := []string{
		"what    measured                limit beside it  ratio  target       met",
		"create  45/s                    pgbench 100/s    0.45   ratio ≥ 0.5  NO",
		"peak    30 MiB (at the end 20)                          ≤ 40 MiB     yes",
		"logins  30/s",
		"",
		"2 cores",
		"Each figure is the median of its rounds; a ratio is the median of the ratios of the rounds.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table (-want +got):\n%s", diff)
	}
}
