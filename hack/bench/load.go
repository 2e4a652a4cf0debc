package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// connection is a client that costs little beside the server that it loads:
// one connection kept alive, and requests that are written as they stand.
type connection struct {
	conn    net.Conn
	replies *bufio.Reader
	body    bytes.Buffer
}

func dial(ctx context.Context, address string) (*connection, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, replies: bufio.NewReaderSize(conn, 16<<10)}, nil
}

func (c *connection) close() { _ = c.conn.Close() }

// do sends the request and returns the answer. The body is good until the next
// call.
func (c *connection) do(request []byte) (status int, body []byte, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, fmt.Errorf("send request: %w", err)
	}
	response, err := http.ReadResponse(c.replies, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("read answer: %w", err)
	}
	defer response.Body.Close()
	c.body.Reset()
	if _, err := io.Copy(&c.body, response.Body); err != nil {
		return 0, nil, fmt.Errorf("read answer: %w", err)
	}
	return response.StatusCode, c.body.Bytes(), nil
}

// want is do for a request that must be answered with status.
func (c *connection) want(status int, request []byte) ([]byte, error) {
	got, body, err := c.do(request)
	if err != nil {
		return nil, err
	}
	if got != status {
		return nil, fmt.Errorf("%.60q was answered with %d, want %d: %s", request, got, status, body)
	}
	return body, nil
}

// request writes a request; token and body may be empty.
func request(method, path, token, body string) []byte {
	b := []byte(method + " " + path + " HTTP/1.1\r\nHost: bench\r\n")
	if token != "" {
		b = append(b, "Authorization: Bearer "+token+"\r\n"...)
	}
	if body != "" {
		b = append(b, "Content-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n"...)
	}
	return append(b, "\r\n"+body...)
}

// step sends one request, or a few that belong together.
type step func(*connection) error

// sample is what a load found out.
type sample struct {
	rate      float64   // steps per second
	latencies []float64 // of each step, in milliseconds
}

// load keeps one connection busy with each of the steps for the time, and ends
// with the first error.
func load(ctx context.Context, address string, length time.Duration, steps []step) (sample, error) {
	connections := make([]*connection, len(steps))
	for i := range connections {
		c, err := dial(ctx, address)
		if err != nil {
			return sample{}, err
		}
		defer c.close()
		connections[i] = c
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	latencies := make([][]float64, len(steps))
	began := time.Now()
	var all sync.WaitGroup
	for i, next := range steps {
		all.Go(func() {
			for last := began; last.Sub(began) < length && ctx.Err() == nil; {
				if err := next(connections[i]); err != nil {
					cancel(err)
					return
				}
				now := time.Now()
				latencies[i] = append(latencies[i], milliseconds(now.Sub(last)))
				last = now
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if err := context.Cause(ctx); err != nil {
		return sample{}, err
	}
	var s sample
	for _, l := range latencies {
		s.latencies = append(s.latencies, l...)
	}
	s.rate = float64(len(s.latencies)) / took.Seconds()
	return s, nil
}

// probe asks every interval for the time and returns how long each answer took
// in milliseconds, counted from when the question was due: a late answer delays
// the next questions, and they say so.
func probe(ctx context.Context, interval, length time.Duration, ask func(context.Context) error) ([]float64, error) {
	var latencies []float64
	began := time.Now()
	for due := began; due.Sub(began) < length; due = due.Add(interval) {
		if err := sleepUntil(ctx, due); err != nil {
			return nil, err
		}
		if err := ask(ctx); err != nil {
			return nil, err
		}
		latencies = append(latencies, milliseconds(time.Since(due)))
	}
	return latencies, nil
}

func sleepUntil(ctx context.Context, when time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(when)):
		return nil
	}
}
