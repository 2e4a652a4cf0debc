package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// environment is a list of NAME=value, as os.Environ returns it.
type environment []string

func (e environment) get(name string) string {
	for _, pair := range slices.Backward(e) { // the last one counts
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

func (e environment) with(name, value string) environment {
	return append(e.without(name), name+"="+value)
}

func (e environment) without(names ...string) environment {
	return slices.DeleteFunc(slices.Clone(e), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(names, name)
	})
}

// config is what the environment asks for.
type config struct {
	data        string // DATA_DIR
	bin         string // where the programs are
	host        string // HOST: what they listen on
	ports       []wish // TODO_PORT, CHAT_PORT, FRONTEND_PORT
	database    string // DATABASE_URL; empty for a private PostgreSQL
	interpreter string // INTERPRETER
	ollama      string // OLLAMA_HOST
	env         environment
}

func configure(env environment) (config, error) {
	c := config{
		host:        or(env.get("HOST"), "127.0.0.1"),
		database:    env.get("DATABASE_URL"),
		interpreter: env.get("INTERPRETER"),
		ollama:      env.get("OLLAMA_HOST"),
		env:         env,
	}
	var err error
	if c.data, err = dataDir(env.get, os.Getuid(), runtime.GOOS); err != nil {
		return c, err
	}
	if c.bin, err = binDir(); err != nil {
		return c, err
	}
	for i, name := range programs {
		w := wish{variable: strings.ToUpper(name) + "_PORT", first: []int{8000, 8001, 3000}[i]}
		if given := env.get(w.variable); given != "" {
			if w.given, err = strconv.Atoi(given); err != nil || w.given < 1 || w.given > 65535 {
				return c, fmt.Errorf("%s must be a port, a number from 1 to 65535", w.variable)
			}
		}
		c.ports = append(c.ports, w)
	}
	return c, nil
}

// dataDir is where the data is: DATA_DIR, or the user's usual place for such.
func dataDir(getenv func(string) string, uid int, system string) (string, error) {
	if dir := getenv("DATA_DIR"); dir != "" {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("find DATA_DIR: %w", err)
		}
		return dir, nil
	}
	home := getenv("HOME")
	switch share := getenv("XDG_DATA_HOME"); {
	case uid == 0:
		// PostgreSQL's user cannot enter root's home.
		return "/var/lib/todochat", nil
	case filepath.IsAbs(share):
		return filepath.Join(share, "todochat"), nil
	case home == "":
		return "", errors.New("there is no place for the data: set DATA_DIR (HOME is not set)")
	case system == "darwin":
		return filepath.Join(home, "Library/Application Support/todochat"), nil
	default:
		return filepath.Join(home, ".local/share/todochat"), nil
	}
}

// reached is host:port as the programs reach one another.
func (c config) reached(port int) string {
	host := c.host
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = map[bool]string{true: "127.0.0.1", false: "::1"}[ip.Is4()]
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// shown is host:port as people type it.
func (c config) shown(port int) string {
	host := c.host
	if ip, err := netip.ParseAddr(host); err == nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
