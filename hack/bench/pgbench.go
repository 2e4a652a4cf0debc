package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres/child"
)

// pgbench is PostgreSQL's own load generator.
type pgbench struct {
	path    string
	version string
}

var errNoPgbench = errors.New("there is no pgbench 14 or newer: install it (on Debian: apt-get install postgresql-contrib)")

// findPgbench looks in the PATH, then where Debian keeps each version's own.
// Version 14 is the first that can send several statements in one trip.
func findPgbench(ctx context.Context) (pgbench, error) {
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench") // the pattern is good
	slices.Reverse(candidates)
	if path, err := exec.LookPath("pgbench"); err == nil {
		candidates = append([]string{path}, candidates...)
	}
	for _, path := range candidates {
		out, err := exec.CommandContext(ctx, path, "--version").Output()
		if err != nil {
			continue
		}
		if version, major := pgbenchVersion(string(out)); major >= 14 {
			return pgbench{path, version}, nil
		}
	}
	return pgbench{}, errNoPgbench
}

// pgbenchVersion reads "pgbench (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func pgbenchVersion(line string) (version string, major int) {
	_, rest, _ := strings.Cut(line, "(PostgreSQL) ")
	version, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
	digits, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(digits)
	if err != nil {
		return version, 0
	}
	return version, major
}

// rate runs the script with as many clients at the database for the time and
// returns how often a second.
func (p pgbench) rate(ctx context.Context, database string, clients int, length time.Duration, s script) (float64, error) {
	seconds := strconv.Itoa(max(1, int(length.Round(time.Second).Seconds())))
	out, err := p.run(ctx, database, s, "-c", strconv.Itoa(clients), "-j", "2", "-T", seconds)
	if err != nil {
		return 0, err
	}
	return pgbenchRate(out)
}

// once runs the script a few times with one client: the first time a statement
// is sent, it is prepared in a trip of its own.
func (p pgbench) once(ctx context.Context, database string, s script) error {
	_, err := p.run(ctx, database, s, "-c", "1", "-t", "3")
	return err
}

func (p pgbench) run(ctx context.Context, database string, s script, args ...string) ([]byte, error) {
	file, err := os.CreateTemp("", "todochat-bench-*.sql")
	if err != nil {
		return nil, fmt.Errorf("write the script: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(s.text)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("write the script: %w", err)
	}
	u, err := url.Parse(database)
	if err != nil {
		return nil, fmt.Errorf("read the database's address: %w", err)
	}
	args = append(args, "-n", "-M", "prepared", "-f", file.Name())
	for _, v := range s.variables {
		args = append(args, "-D", v)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(p.path, args...)
	q := u.Query()
	cmd.Env = []string{
		"PGHOST=" + q.Get("host"), "PGPORT=" + q.Get("port"), "PGUSER=" + q.Get("user"),
		"PGDATABASE=" + strings.TrimPrefix(u.Path, "/"), "PGAPPNAME=pgbench", "LC_ALL=C", "HOME=/",
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	process, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	select {
	case <-process.Done():
	case <-ctx.Done():
		process.Stop(syscall.SIGTERM, time.Second)
		return nil, ctx.Err()
	}
	if err := process.Err(); err != nil {
		return nil, fmt.Errorf("pgbench: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

var (
	tps    = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without initial connection time\)`)
	failed = regexp.MustCompile(`(?m)^number of failed transactions: ([0-9]+)`)
)

func pgbenchRate(out []byte) (float64, error) {
	if m := failed.FindSubmatch(out); m != nil && string(m[1]) != "0" {
		return 0, fmt.Errorf("pgbench: %s transactions failed", m[1])
	}
	m := tps.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("pgbench names no rate: %q", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
