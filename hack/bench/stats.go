package main

import (
	"math"
	"slices"
	"time"
)

// median is the middle value, or the mean of the middle two. It leaves the
// order of values alone; of nothing it is NaN.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// percentile is the smallest value that at least p percent of values do not
// exceed (the nearest-rank method); of nothing it is NaN.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// ratios divides pair by pair: what was measured in one round belongs together.
func ratios(measured, limits []float64) []float64 {
	r := make([]float64, min(len(measured), len(limits)))
	for i := range r {
		r[i] = measured[i] / limits[i]
	}
	return r
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
