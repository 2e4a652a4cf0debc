// Command postgres is the entrypoint of our image of PostgreSQL. It does what
// the entrypoint of Docker's official image (version 18) does: the same
// variables, the same folders, the same refusals.
//
//	POSTGRES_PASSWORD          required, unless the method below is trust
//	POSTGRES_USER              the superuser (postgres)
//	POSTGRES_DB                a database to begin with (the user's name)
//	POSTGRES_INITDB_ARGS       more arguments for initdb
//	POSTGRES_INITDB_WALDIR     where the write-ahead log is
//	POSTGRES_HOST_AUTH_METHOD  for the last line of pg_hba.conf (scram-sha-256)
//	PGDATA                     the data (/var/lib/postgresql/18/docker)
//
// Each of the first four can be given as …_FILE, the name of a file with the
// value. The files *.sql and *.sh in /docker-entrypoint-initdb.d run in order
// when the data has been made. Unlike the official image, which makes data in
// the locale en_US.utf8, this one makes it in the built-in C.UTF-8.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	user  = 999 // postgres, for who starts this as root
	home  = "/var/lib/postgresql"
	run   = "/var/run/postgresql"
	files = "/docker-entrypoint-initdb.d"
)

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// start becomes the program that is asked for; PostgreSQL only when its data is
// there.
func start(args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		args = append([]string{"postgres"}, args...)
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	if args[0] == "postgres" && !asksForHelp(args[1:]) {
		if err := prepare(args[1:]); err != nil {
			return err
		}
	}
	return syscall.Exec(program, args, os.Environ())
}

func asksForHelp(args []string) bool {
	for _, arg := range args {
		switch arg {
		case "-?", "--help", "--describe-config", "-V", "--version":
			return true
		}
	}
	return false
}

func prepare(args []string) error {
	s, err := settingsFrom(os.Getenv, os.ReadFile)
	if err != nil {
		return err
	}
	if err := s.folders(); err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Join(s.data, "PG_VERSION")); err == nil && info.Size() > 0 {
		fmt.Println("\nPostgreSQL Database directory appears to contain a database; Skipping initialization")
		return nil
	}
	if err := s.check(); err != nil {
		return err
	}
	if err := refuseOldPlaces(s.data); err != nil {
		return err
	}
	if err := s.initialize(args); err != nil {
		return err
	}
	fmt.Println("\nPostgreSQL init process complete; ready for start up.")
	return nil
}

type settings struct {
	data, user, password, database string
	initdb                         []string
	wal, method                    string
}

func settingsFrom(getenv func(string) string, read func(string) ([]byte, error)) (settings, error) {
	var errs []error
	value := func(key, otherwise string) string {
		direct, file := getenv(key), getenv(key+"_FILE")
		switch {
		case direct != "" && file != "":
			errs = append(errs, fmt.Errorf("both %s and %[1]s_FILE are set (but are exclusive)", key))
		case direct != "":
			return direct
		case file != "":
			content, err := read(file)
			errs = append(errs, err)
			return strings.TrimRight(string(content), "\n") // as a shell reads it
		}
		return otherwise
	}
	s := settings{
		data:     getenv("PGDATA"),
		password: value("POSTGRES_PASSWORD", ""),
		user:     value("POSTGRES_USER", "postgres"),
		initdb:   strings.Fields(value("POSTGRES_INITDB_ARGS", "")),
		wal:      getenv("POSTGRES_INITDB_WALDIR"),
		method:   getenv("POSTGRES_HOST_AUTH_METHOD"),
	}
	s.database = value("POSTGRES_DB", s.user)
	if s.data == "" {
		s.data = filepath.Join(home, "18", "docker")
	}
	return s, errors.Join(errs...)
}

func (s settings) check() error {
	if s.password == "" && s.method != "trust" {
		return errors.New("database is uninitialized and superuser password is not specified: set POSTGRES_PASSWORD")
	}
	return nil
}

// folders makes the data's folder and the socket's. As root it gives them to
// the user postgres, and from here on is that user.
func (s settings) folders() error {
	for dir, mode := range map[string]fs.FileMode{s.data: 0o700, run: 0o775} {
		if err := os.MkdirAll(dir, mode); err != nil && dir == s.data {
			return err
		}
		_ = os.Chmod(dir, mode) // which not everybody may, and not everybody needs
	}
	if os.Getuid() != 0 {
		return nil
	}
	for _, dir := range []string{s.data, run} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, user, user)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(syscall.Setgroups([]int{user}), syscall.Setgid(user), syscall.Setuid(user))
}

// refuseOldPlaces ends the start when there is, or may be, data where images
// before 18 had it: it would be silently ignored.
func refuseOldPlaces(data string) error {
	old := filepath.Join(home, "data")
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	for _, dir := range []string{home, old} {
		if info, err := os.Stat(filepath.Join(dir, "PG_VERSION")); err == nil && info.Size() > 0 && dir != data {
			return fmt.Errorf("in 18+, these Docker images are configured to store database data in a format which is compatible with \"pg_ctlcluster\"; there appears to be PostgreSQL data in:\n         %s", dir)
		}
	}
	if strings.Contains(string(mounts), " "+old+" ") && data != old {
		return fmt.Errorf("in 18+, these Docker images are configured to store database data in a format which is compatible with \"pg_ctlcluster\"; there appears to be PostgreSQL data in:\n         %s (unused mount/volume)\n       the suggested container configuration for 18+ is to place a single mount at %s", old, home)
	}
	return nil
}

// initialize makes the data, and runs a server that only this container reaches
// to put the database and what the files say into it.
func (s settings) initialize(args []string) error {
	password, err := os.CreateTemp("", "password-")
	if err != nil {
		return err
	}
	defer os.Remove(password.Name())
	if _, err := password.WriteString(s.password + "\n"); err != nil {
		return err
	}
	if err := password.Close(); err != nil {
		return err
	}
	initdb := []string{
		"--pgdata=" + s.data, "--username=" + s.user, "--encoding=UTF8",
		"--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
		// Debian's PostgreSQL, which the official image has, is compiled with these.
		"--set=listen_addresses=*", "--set=unix_socket_directories=" + run,
	}
	if s.password != "" {
		initdb = append(initdb, "--pwfile="+password.Name())
	}
	if s.wal != "" {
		initdb = append(initdb, "--waldir="+s.wal)
	}
	if err := command("initdb", append(initdb, s.initdb...)...); err != nil {
		return err
	}
	if err := s.admitHosts(); err != nil {
		return err
	}

	options := strings.Join(append([]string{"-c listen_addresses='' -p 5432"}, quoted(args)...), " ")
	if err := command("pg_ctl", "-D", s.data, "-o", options, "-w", "start"); err != nil {
		return err
	}
	stop := func() error { return command("pg_ctl", "-D", s.data, "-m", "fast", "-w", "stop") }
	if err := errors.Join(s.fill(), stop()); err != nil {
		return err
	}
	// The server has become a child of the container's first process, which we
	// may be, and the next server must not find it.
	for err := error(nil); err == nil || errors.Is(err, syscall.EINTR); {
		_, err = syscall.Wait4(-1, nil, 0, nil)
	}
	return nil
}

// quoted are arguments as pg_ctl hands them to a shell.
func quoted(args []string) []string {
	var all []string
	for _, arg := range args {
		all = append(all, "'"+strings.ReplaceAll(arg, "'", `'\''`)+"'")
	}
	return all
}

// admitHosts lets other containers in, with a password.
func (s settings) admitHosts() error {
	method := s.method
	if method == "" {
		method = "scram-sha-256"
	}
	file, err := os.OpenFile(filepath.Join(s.data, "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "\nhost all all all %s\n", method)
	return errors.Join(err, file.Close())
}

func (s settings) fill() error {
	// For psql, in case pg_hba.conf wants it on the socket as well.
	if err := os.Setenv("PGPASSWORD", s.password); err != nil {
		return err
	}
	defer os.Unsetenv("PGPASSWORD")
	psql := []string{"-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--username=" + s.user, "--no-password"}
	if s.database != "postgres" {
		create := `create database "` + strings.ReplaceAll(s.database, `"`, `""`) + `"`
		if err := command("psql", append(psql, "--dbname=postgres", "--command="+create)...); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(files)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		file := filepath.Join(files, entry.Name())
		fmt.Println("running", file)
		switch filepath.Ext(file) {
		case ".sql":
			err = command("psql", append(psql, "--dbname="+s.database, "--file="+file)...)
		case ".sh":
			err = command("/bin/sh", file)
		default:
			fmt.Println("ignoring", file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func command(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
