package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres/child"
)

// measureStarts measures from exec to the first answer of 200, each program in
// turn with the bare server.
func measureStarts(ctx context.Context, b *bench) ([]figure, error) {
	answer, err := b.file("answer-*.json", []byte("ok\n"))
	if err != nil {
		return nil, err
	}
	bareServer := start{"", bareCommand, "/readyz", []string{answer}}
	todo := b.todoSettings(b.database("todo"))
	starts := []start{
		{"todo: exec to first 200", "todo", "/readyz", todo},
		{"todo: exec to first 200 of /api/health, database asked", "todo", "/api/health", todo},
		{"chat: exec to first 200", "chat", "/readyz", []string{"DATABASE_URL=" + b.database("chat"), "TODO_URL=" + b.todo.url(), "OLLAMA_HOST=127.0.0.1:1"}},
		{"frontend: exec to first 200", "frontend", "/readyz", []string{"TODO_URL=" + b.todo.url(), "CHAT_URL=" + b.chat.url()}},
	}
	figures := make([]figure, len(starts))
	for i, s := range starts {
		figures[i] = figure{What: s.what, Unit: millis, Beside: "bare net/http", Target: target{atMost, 20}}
	}
	for range b.starts {
		if err := b.settle(ctx); err != nil {
			return nil, err
		}
		for i, s := range starts {
			took, err := s.time(ctx, b)
			if err != nil {
				return nil, err
			}
			limit, err := bareServer.time(ctx, b)
			if err != nil {
				return nil, err
			}
			figures[i].Rounds = append(figures[i].Rounds, milliseconds(took))
			figures[i].Limits = append(figures[i].Limits, milliseconds(limit))
		}
	}
	for i := range figures {
		figures[i].Detail = fmt.Sprintf("%d starts, slowest %s", b.starts, millis.format(percentile(figures[i].Rounds, 100)))
	}
	return figures, nil
}

// start is one program to be started.
type start struct {
	what, name, path string
	settings         []string
}

func (s start) time(ctx context.Context, b *bench) (time.Duration, error) {
	cmd, address, err := b.command(ctx, s.name, s.settings...)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	process, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return 0, err
	}
	defer process.Stop(os.Kill, patience)
	status, err := firstAnswer(ctx, address, s.path)
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", s.name, err)
	}
	if status != http.StatusOK {
		return 0, fmt.Errorf("start %s: %s was answered with %d", s.name, s.path, status)
	}
	return took, nil
}

// firstAnswer asks as soon as the port is open.
func firstAnswer(ctx context.Context, address, path string) (status int, err error) {
	for {
		status, err = ask(ctx, address, path)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return status, err
		}
		if err := sleepUntil(ctx, time.Now().Add(50*time.Microsecond)); err != nil {
			return 0, err
		}
	}
}
