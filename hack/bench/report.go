package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// report is all that a run found out.
type report struct {
	Machine string   `json:"machine"`
	Others  *float64 `json:"others,omitempty"` // the share of the processors that other work had; nil when not known
	Figures []figure `json:"figures"`
}

// figure is one line of the table. Rounds and Limits belong together pair by
// pair; Limits is empty where nothing was measured beside it.
type figure struct {
	What   string    `json:"what"`
	Unit   unit      `json:"unit"`
	Rounds []float64 `json:"rounds"`
	Detail string    `json:"detail,omitempty"` // more about what was measured
	Beside string    `json:"beside,omitempty"` // what the limits are
	Limits []float64 `json:"limits,omitempty"`
	Target target    `json:"target"`
}

type unit string

const (
	perSecond unit = "/s"
	millis    unit = "ms"
	mebibytes unit = "MiB"
)

// target is what a figure must reach. The zero value asks for nothing.
type target struct {
	Of   quantity `json:"of,omitempty"`
	Than float64  `json:"than,omitempty"`
}

type quantity string

const (
	atMost       quantity = "at most"        // the figure itself
	atLeast      quantity = "at least"       // the figure itself
	ratioAtLeast quantity = "ratio at least" // to the limit beside it
	ratioAtMost  quantity = "ratio at most"  // the same
)

func (f figure) measured() float64 { return median(f.Rounds) }

func (f figure) ratio() float64 { return median(ratios(f.Rounds, f.Limits)) }

// met reports whether the target was reached; it is true without one.
func (f figure) met() bool {
	switch f.Target.Of {
	case atMost:
		return f.measured() <= f.Target.Than
	case atLeast:
		return f.measured() >= f.Target.Than
	case ratioAtLeast:
		return f.ratio() >= f.Target.Than
	case ratioAtMost:
		return f.ratio() <= f.Target.Than
	}
	return true
}

// print writes the table.
func (r report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tmeasured\tlimit beside it\tratio\ttarget\tmet")
	for _, f := range r.Figures {
		fmt.Fprintln(t, strings.Join(f.cells(), "\t"))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	others := ""
	if r.Others != nil {
		others = fmt.Sprintf("Other work had %.0f %% of the processors meanwhile.\n", 100**r.Others)
	}
	_, err := fmt.Fprintf(w, "\n%s\n%sEach figure is the median of its rounds; a ratio is the median of the ratios of the rounds.\n", r.Machine, others)
	return err
}

func (f figure) cells() []string {
	measured := f.Unit.format(f.measured())
	if f.Detail != "" {
		measured += " (" + f.Detail + ")"
	}
	limit, ratio := "", ""
	if len(f.Limits) > 0 {
		limit = f.Beside + " " + f.Unit.format(median(f.Limits))
		ratio = strconv.FormatFloat(f.ratio(), 'f', 2, 64)
	}
	target, met := "", ""
	switch f.Target.Of {
	case atMost:
		target = "≤ " + f.Unit.format(f.Target.Than)
	case atLeast:
		target = "≥ " + f.Unit.format(f.Target.Than)
	case ratioAtLeast:
		target = "ratio ≥ " + strconv.FormatFloat(f.Target.Than, 'f', -1, 64)
	case ratioAtMost:
		target = "ratio ≤ " + strconv.FormatFloat(f.Target.Than, 'f', -1, 64)
	}
	if f.Target.Of != "" {
		met = "NO"
		if f.met() {
			met = "yes"
		}
	}
	return []string{f.What, measured, limit, ratio, target, met}
}

// format writes three figures that count, and groups thousands.
func (u unit) format(v float64) string {
	decimals := 0
	if v != 0 && math.Abs(v) < 100 {
		decimals = min(2, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	} else {
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
	}
	if u == perSecond {
		return s + "/s"
	}
	return s + " " + string(u)
}
