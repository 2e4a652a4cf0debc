package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
)

// RequestIDHeader carries a request's id, in and out.
const RequestIDHeader = "X-Request-Id"

type recordKey struct{}

// record is what the one log line of a request will say.
type record struct {
	id  string
	err error
}

func recordOf(ctx context.Context) *record {
	r, _ := ctx.Value(recordKey{}).(*record)
	return r
}

// RequestID returns the id of the request that ctx belongs to, if any.
func RequestID(ctx context.Context) string {
	if r := recordOf(ctx); r != nil {
		return r.id
	}
	return ""
}

func noteError(ctx context.Context, err error) {
	if r := recordOf(ctx); r != nil {
		r.err = err
	}
}

// Observe gives each request an id and writes one log line for it: never a
// query, a body or a header, since those hold what people wrote. A panic
// becomes a Problem.
func Observe(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		rec := &record{id: r.Header.Get(RequestIDHeader)}
		if !isID(rec.id) {
			rec.id = newRequestID()
		}
		answer := &observed{ResponseWriter: w}
		answer.Header().Set(RequestIDHeader, rec.id)
		r = r.WithContext(context.WithValue(r.Context(), recordKey{}, rec))
		defer func() {
			cause := recover()
			begun := answer.status != 0
			if cause != nil && !begun {
				FailStatus(answer, http.StatusInternalServerError, "something went wrong on our side: try again")
			}
			logRequest(log, r, rec, answer, time.Since(began), cause)
			if begun && cause != nil {
				panic(http.ErrAbortHandler) // the client must see that the answer is cut short
			}
		}()
		next.ServeHTTP(answer, r)
	})
}

func logRequest(log *slog.Logger, r *http.Request, rec *record, answer *observed, took time.Duration, cause any) {
	status := answer.status
	if status == 0 {
		status = http.StatusOK
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", answer.bytes),
		slog.String("request_id", rec.id),
	}
	level := slog.LevelInfo
	switch {
	case errors.Is(r.Context().Err(), context.Canceled): // the client hung up: nobody saw the status
		attrs = append(attrs, slog.Bool("aborted", true))
	case status >= http.StatusInternalServerError, rec.err != nil: // some protocols tell of a failure under 200
		level = slog.LevelError
	}
	if rec.err != nil {
		attrs = append(attrs, slog.String("error", rec.err.Error()))
	}
	switch cause {
	case nil:
	case http.ErrAbortHandler: // the other side of a stream or proxied answer went away
		attrs = append(attrs, slog.Bool("aborted", true))
	default:
		attrs = append(attrs, slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
		level = slog.LevelError
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
}

// isID accepts ids of others that are safe to log.
func isID(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func newRequestID() string {
	id, err := uuid.NewV7()
	if err != nil {
		return "00000000"
	}
	return id.String()
}

// observed counts what an answer says.
type observed struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (o *observed) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(b []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	n, err := o.ResponseWriter.Write(b)
	o.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }
