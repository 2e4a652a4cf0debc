package main

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheMedianIsTheMiddle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{1, 1, 1, 1000}, 1},
	} {
		if got := median(test.values); got != test.want {
			t.Errorf("median(%v) = %v, want %v", test.values, got, test.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
}

func TestAPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, test := range []struct {
		values  []float64
		p, want float64
	}{
		{hundred, 0, 1},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.1, 100},
		{hundred, 100, 100},
		{[]float64{7}, 99, 7},
		{[]float64{15, 20, 35, 40, 50}, 40, 20},
	} {
		if got := percentile(test.values, test.p); got != test.want {
			t.Errorf("percentile(%v, %v) = %v, want %v", test.values, test.p, got, test.want)
		}
	}
	if got := percentile(nil, 99); !math.IsNaN(got) {
		t.Errorf("percentile of nothing = %v, want NaN", got)
	}
}

func TestStatisticsLeaveTheOrderAlone(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	median(values)
	percentile(values, 50)
	if diff := cmp.Diff([]float64{3, 1, 2}, values); diff != "" {
		t.Errorf("the rounds are in another order (-want +got):\n%s", diff)
	}
}

// A round in which the machine was busy slows both sides: paired, the ratio
// stands, where the ratio of the medians would not.
func TestARatioIsTakenRoundByRound(t *testing.T) {
	t.Parallel()
	f := figure{Rounds: []float64{50, 100, 500}, Limits: []float64{100, 200, 600}, Target: target{ratioAtLeast, 0.5}}
	if got := f.ratio(); got != 0.5 {
		t.Errorf("ratio = %v, want 0.5", got)
	}
	if !f.met() {
		t.Error("a ratio that equals its target does not meet it")
	}
}
