package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
)

// bareCommand makes this program the server that others are held against.
const bareCommand = "bare"

// serveBare answers every request with what the file holds, with net/http and
// nothing else: what a function in Go can do at best on this machine.
func serveBare(ctx context.Context, file string, getenv func(string) string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(getenv("HOST"), getenv("PORT")))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return http.Serve(listener, bare(body))
}

func bare(body []byte) http.Handler {
	length := strconv.Itoa(len(body))
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(body) // the client may be gone
	})
}
