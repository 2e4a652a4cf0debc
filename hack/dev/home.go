package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/todochat/todochat/internal/account"
)

// home is the data directory. It holds the database, and beside it what must
// stay the same from one run to the next.
type home struct {
	dir  string
	lock *os.File
}

// state is what a run leaves for a second one to find.
type state struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

// openHome makes the directory and locks it, or says who has it.
func openHome(dir string) (*home, error) {
	mode := os.FileMode(0o700)
	if os.Getuid() == 0 {
		mode = 0o711 // PostgreSQL's user must get through to its own part
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return nil, fmt.Errorf("make the data directory (DATA_DIR chooses another): %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory (DATA_DIR chooses another): %w", err)
	}
	h := &home{dir: dir, lock: lock}
	// The kernel takes the lock back however we end.
	switch err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(h.busy(), lock.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock the data directory: %w", err), lock.Close())
	}
	// Left by a run that was killed.
	if err := h.forget(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return h, nil
}

func (h *home) busy() error {
	const second = "another one needs data of its own: DATA_DIR=/some/directory make run"
	var s state
	content, err := os.ReadFile(h.path("run.json"))
	if err != nil || json.Unmarshal(content, &s) != nil || s.URL == "" {
		return fmt.Errorf("it is already starting or stopping with the data in %s; %s", h.dir, second)
	}
	return fmt.Errorf("it is already running at %s with the data in %s; %s", s.URL, h.dir, second)
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }

// note tells a second run where this one is.
func (h *home) note(s state) error {
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeWhole(h.path("run.json"), content)
}

func (h *home) forget() error {
	if err := os.Remove(h.path("run.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the note of the last run: %w", err)
	}
	return nil
}

func (h *home) close() error { return errors.Join(h.forget(), h.lock.Close()) }

// signingKey is the file of the key that signs tokens, made once: with another
// one everybody would have to sign in again.
func (h *home) signingKey() (file string, err error) {
	file = h.path("signing-key.pem")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	key, err := account.NewSigningKey()
	if err != nil {
		return "", err
	}
	return file, writeWhole(file, []byte(key))
}

// passwords are those of the functions' database roles.
type passwords struct {
	Todo string `json:"todo"`
	Chat string `json:"chat"`
}

// passwords are made once and kept: another run on the same database, or a
// connection that is still open, has them as well.
func (h *home) passwords() (passwords, error) {
	var p passwords
	file := h.path("passwords.json")
	content, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		p = passwords{Todo: rand.Text(), Chat: rand.Text()}
		content, err := json.Marshal(p)
		if err != nil {
			return p, err
		}
		return p, writeWhole(file, content)
	case err != nil:
		return p, fmt.Errorf("read the database passwords: %w", err)
	}
	if err := json.Unmarshal(content, &p); err != nil || p.Todo == "" || p.Chat == "" {
		return p, fmt.Errorf("%s does not hold the passwords any more: remove it, and new ones are made", file)
	}
	return p, nil
}

// writeWhole writes a file that only we can read, wholly or not at all.
func writeWhole(file string, content []byte) (err error) {
	draft, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	_, err = draft.Write(content)
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), file)
	}
	if err != nil {
		_ = os.Remove(draft.Name())
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
