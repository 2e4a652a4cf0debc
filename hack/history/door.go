package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rs/zerolog"

	"github.com/todochat/todochat/hack/postgres"
)

// target is where a door leads.
type target struct{ network, address string }

// door is a proxy that cuts connections. The links between the two sides, and
// what is poisonous in them, are toxiproxy's; its own listener knows no Unix
// sockets, so this one stands in for it.
type door struct {
	api      *toxiproxy.ApiServer
	links    *toxiproxy.ToxicCollection
	listener net.Listener
	behind   atomic.Pointer[target]
	serving  sync.WaitGroup

	mu     sync.Mutex
	opened int
	open   map[net.Conn]bool
}

// newDoor opens a door with some cuts in it.
func newDoor(ctx context.Context, at, to target, cuts ...cut) (*door, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, at.network, at.address)
	if err != nil {
		return nil, fmt.Errorf("open a door: %w", err)
	}
	toxics.Register(cutType, new(cut))
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	d := &door{api: api, links: toxiproxy.NewProxy(api, "door", "", "").Toxics, listener: listener, open: map[net.Conn]bool{}}
	d.lead(to)
	for _, c := range cuts {
		if _, err := d.links.AddToxicJson(strings.NewReader(c.json())); err != nil {
			return nil, errors.Join(fmt.Errorf("poison a door: %w", err), listener.Close())
		}
	}
	d.serving.Go(d.serve)
	return d, nil
}

func (d *door) address() string { return d.listener.Addr().String() }

// lead makes the door lead elsewhere from now on.
func (d *door) lead(to target) { d.behind.Store(&to) }

func (d *door) serve() {
	for {
		client, err := d.listener.Accept()
		if err != nil { // closed
			return
		}
		to := d.behind.Load()
		server, err := net.Dial(to.network, to.address)
		if err != nil {
			_ = client.Close()
			continue
		}
		d.link(client, server)
	}
}

func (d *door) link(client, server net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	name := strconv.Itoa(d.opened)
	client, server = d.keep(client), d.keep(server)
	d.links.StartLink(d.api, name+" up", client, server, stream.Upstream)
	d.links.StartLink(d.api, name+" down", server, client, stream.Downstream)
}

// keep lets slam end the connection.
func (d *door) keep(conn net.Conn) net.Conn {
	d.open[conn] = true
	return &kept{conn, d}
}

type kept struct {
	net.Conn
	door *door
}

// Close is called when one direction has ended; a link closes only what it
// writes to.
func (k *kept) Close() error {
	k.door.mu.Lock()
	delete(k.door.open, k.Conn)
	k.door.mu.Unlock()
	return k.Conn.Close()
}

// slam cuts all connections.
func (d *door) slam() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.open {
		_ = conn.Close()
	}
	clear(d.open)
}

func (d *door) close() error {
	err := d.listener.Close()
	d.serving.Wait()
	d.slam()
	return err
}

// cut ends a connection in the place of passing on something: at a chance,
// each time that the marker passes.
type cut struct {
	Stream string  `json:"-"` // up or down
	Marker string  `json:"marker"`
	Chance float64 `json:"chance"`
}

const (
	cutType = "cut"

	// The two directions, as toxiproxy calls them.
	up   = "upstream"
	down = "downstream"
)

// json is the cut as toxiproxy's API takes it.
func (c cut) json() string {
	return show(map[string]any{"name": c.Stream + " " + c.Marker, "type": cutType, "stream": c.Stream, "attributes": c})
}

// Pipe implements toxics.Toxic.
func (c *cut) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil || bytes.Contains(chunk.Data, []byte(c.Marker)) && rand.Float64() < c.Chance {
				stub.Close()
				return
			}
			stub.Output <- chunk
		}
	}
}

// clientCuts lose some questions, and more answers.
var clientCuts = []cut{
	{Stream: up, Marker: " HTTP/1.1\r\n", Chance: 0.01},
	{Stream: down, Marker: "HTTP/1.1 ", Chance: 0.03},
}

// databaseCuts lose some of what is sent, and more often the news that it was
// committed: PostgreSQL's CommandComplete.
var databaseCuts = []cut{
	{Stream: up, Marker: "", Chance: 0.002},
	{Stream: down, Marker: "COMMIT\x00", Chance: 0.02},
}

const socketName = ".s.PGSQL.5432"

// newDatabaseDoor opens a door to the database, with its socket in the folder.
// It returns the database's address as seen through it.
func newDatabaseDoor(ctx context.Context, database, folder string, cuts ...cut) (*door, string, error) {
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return nil, "", fmt.Errorf("read the database's address: %w", err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	d, err := newDoor(ctx, target{"unix", filepath.Join(folder, socketName)}, target{network, address}, cuts...)
	if err != nil {
		return nil, "", err
	}
	through := url.URL{Scheme: "postgres", Path: "/" + config.Database, RawQuery: url.Values{"host": {folder}, "port": {"5432"}}.Encode()}
	seen, err := postgres.As(through.String(), config.User, config.Password, "")
	if err != nil {
		return nil, "", errors.Join(err, d.close())
	}
	return d, seen, nil
}

// newFolder makes a folder for sockets.
func newFolder() (string, error) {
	dir, err := os.MkdirTemp("", "todochat-history-")
	if err != nil {
		return "", fmt.Errorf("make a folder for sockets: %w", err)
	}
	return dir, nil
}
