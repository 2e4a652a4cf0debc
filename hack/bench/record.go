package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// trip is what a client sends before it waits for the server.
type trip []statement

// statement is SQL as it was executed, with its parameters as the wire had them.
type statement struct {
	sql        string
	parameters [][]byte // nil stands for null
	formats    []int16  // text or binary: none, one for all, or one each
}

// recorder is a door to a PostgreSQL that notes what passes it.
type recorder struct {
	dir      string
	server   string // the server's socket
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	open  map[net.Conn]bool
	trips []trip
}

const socketName = ".s.PGSQL.5432"

// newRecorder opens a door to the server at the address, which names the
// directory of a Unix socket.
func newRecorder(ctx context.Context, server string) (*recorder, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("read the server's address: %w", err)
	}
	r := &recorder{server: filepath.Join(u.Query().Get("host"), socketName), open: make(map[net.Conn]bool)}
	if r.dir, err = os.MkdirTemp("", "todochat-record-"); err != nil {
		return nil, fmt.Errorf("make a folder for a socket: %w", err)
	}
	if r.listener, err = (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(r.dir, socketName)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(r.dir))
	}
	r.serving.Go(func() {
		for {
			client, err := r.listener.Accept()
			if err != nil { // closed
				return
			}
			r.serving.Go(func() { r.serve(ctx, client) })
		}
	})
	return r, nil
}

// through is the address of the server, as seen through this door.
func (r *recorder) through(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("read the server's address: %w", err)
	}
	q := u.Query()
	q.Set("host", r.dir)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// close shuts the door and ends what passes it.
func (r *recorder) close() error {
	err := r.listener.Close()
	r.mu.Lock()
	for conn := range r.open {
		_ = conn.Close()
	}
	r.mu.Unlock()
	r.serving.Wait()
	return errors.Join(err, os.RemoveAll(r.dir))
}

// take returns what was noted since the last call.
func (r *recorder) take() []trip {
	r.mu.Lock()
	defer r.mu.Unlock()
	trips := r.trips
	r.trips = nil
	return trips
}

func (r *recorder) serve(ctx context.Context, client net.Conn) {
	defer r.keep(client)()
	server, err := (&net.Dialer{}).DialContext(ctx, "unix", r.server)
	if err != nil {
		return
	}
	defer r.keep(server)()
	r.serving.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_ = r.note(pgproto3.NewBackend(&forwarder{from: client, to: server}, io.Discard)) // the end of the connection
}

// keep lets close end the connection; what it returns does so earlier.
func (r *recorder) keep(conn net.Conn) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[conn] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.open, conn)
		_ = conn.Close()
	}
}

// forwarder passes on what was read with the next Read: when the server gets a
// message, its reader has seen it.
type forwarder struct {
	from, to net.Conn
	read     []byte
}

func (f *forwarder) Read(p []byte) (int, error) {
	if _, err := f.to.Write(f.read); err != nil {
		return 0, err
	}
	n, err := f.from.Read(p)
	f.read = append(f.read[:0], p[:n]...)
	return n, err
}

// note follows one connection to its end. It notes what is executed, not what
// is merely prepared.
func (r *recorder) note(client *pgproto3.Backend) error {
	if _, err := client.ReceiveStartupMessage(); err != nil {
		return err
	}
	prepared := make(map[string]string)
	portals := make(map[string]statement)
	var current trip
	for {
		message, err := client.Receive()
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.Parse:
			prepared[m.Name] = m.Query
		case *pgproto3.Bind:
			s := statement{sql: prepared[m.PreparedStatement], formats: append([]int16(nil), m.ParameterFormatCodes...)}
			for _, p := range m.Parameters {
				if p != nil {
					p = append([]byte{}, p...)
				}
				s.parameters = append(s.parameters, p)
			}
			portals[m.DestinationPortal] = s
		case *pgproto3.Execute:
			current = append(current, portals[m.Portal])
		case *pgproto3.Query:
			current = append(current, statement{sql: m.String})
			r.add(current)
			current = nil
		case *pgproto3.Sync:
			r.add(current)
			current = nil
		}
	}
}

// add notes a trip, unless it only prepared something or asked whether the
// server is there.
func (r *recorder) add(t trip) {
	if len(t) == 0 || len(t) == 1 && strings.HasPrefix(strings.TrimSpace(t[0].sql), "--") {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trips = append(r.trips, t)
}

// value is a parameter in the text form of its type.
type value struct {
	text string
	null bool
}

// values returns the statement's parameters as text. The connection must be one
// for which its SQL means the same.
func (s statement) values(ctx context.Context, conn *pgx.Conn) ([]value, error) {
	description, err := conn.Prepare(ctx, "", s.sql)
	if err != nil {
		return nil, fmt.Errorf("ask for the types of parameters: %w", err)
	}
	if len(description.ParamOIDs) != len(s.parameters) {
		return nil, fmt.Errorf("%d parameters were sent, the server knows of %d: %s", len(s.parameters), len(description.ParamOIDs), s.sql)
	}
	values := make([]value, len(s.parameters))
	for i, p := range s.parameters {
		if p == nil {
			values[i].null = true
			continue
		}
		if values[i].text, err = asText(conn.TypeMap(), description.ParamOIDs[i], s.format(i), p); err != nil {
			return nil, fmt.Errorf("read parameter %d of %s: %w", i+1, s.sql, err)
		}
	}
	return values, nil
}

func (s statement) format(i int) int16 {
	switch len(s.formats) {
	case 0:
		return pgtype.TextFormatCode
	case 1:
		return s.formats[0]
	}
	return s.formats[i]
}

func asText(types *pgtype.Map, oid uint32, format int16, p []byte) (string, error) {
	if format == pgtype.TextFormatCode {
		return string(p), nil
	}
	t, ok := types.TypeForOID(oid)
	if !ok {
		return "", fmt.Errorf("type %d is unknown", oid)
	}
	if oid == pgtype.JSONBOID && len(p) > 0 { // a version, then the text as it was sent
		return string(p[1:]), nil
	}
	v, err := t.Codec.DecodeValue(types, oid, format, p)
	if err != nil {
		return "", err
	}
	text, err := types.Encode(oid, pgtype.TextFormatCode, v, nil)
	return string(text), err
}
