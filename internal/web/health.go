package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Health is what /api/health says. It is 200 while degraded: the function
// itself works, and says what it misses.
type Health struct {
	Status string            `json:"status" enum:"ok,degraded"`
	Checks map[string]string `json:"checks" doc:"Each dependency: ok or unavailable"`
}

// checkTime bounds each check.
const checkTime = time.Second

// CheckHealth asks each dependency at the same time.
func CheckHealth(ctx context.Context, checks map[string]func(context.Context) error) Health {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	h := Health{Status: "ok", Checks: make(map[string]string, len(checks))}
	var mu sync.Mutex
	var all sync.WaitGroup
	for name, check := range checks {
		all.Go(func() {
			err := check(ctx)
			mu.Lock()
			defer mu.Unlock()
			h.Checks[name] = "ok"
			if err != nil {
				h.Status, h.Checks[name] = "degraded", "unavailable"
			}
		})
	}
	all.Wait()
	return h
}

// WriteJSON answers 200 with v.
func WriteJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, v) // the client may be gone
}
