package main

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

func TestSettingsAreThoseOfTheOfficialImage(t *testing.T) {
	t.Parallel()
	files := map[string]string{"/secret": "of a file\n"}
	for name, test := range map[string]struct {
		env  map[string]string
		want settings
		err  string
	}{
		"by default": {
			env:  map[string]string{"POSTGRES_PASSWORD": "x"},
			want: settings{data: "/var/lib/postgresql/18/docker", user: "postgres", password: "x", database: "postgres", initdb: []string{}},
		},
		"a user has a database of that name": {
			env:  map[string]string{"POSTGRES_PASSWORD": "x", "POSTGRES_USER": "todo", "PGDATA": "/data", "POSTGRES_INITDB_ARGS": "--data-checksums -A md5"},
			want: settings{data: "/data", user: "todo", password: "x", database: "todo", initdb: []string{"--data-checksums", "-A", "md5"}},
		},
		"a secret from a file": {
			env:  map[string]string{"POSTGRES_PASSWORD_FILE": "/secret", "POSTGRES_DB": "todo"},
			want: settings{data: "/var/lib/postgresql/18/docker", user: "postgres", password: "of a file", database: "todo", initdb: []string{}},
		},
		"both ways at once": {
			env: map[string]string{"POSTGRES_PASSWORD": "x", "POSTGRES_PASSWORD_FILE": "/secret"},
			err: "exclusive",
		},
		"a file that is not there": {
			env: map[string]string{"POSTGRES_PASSWORD_FILE": "/missing"},
			err: "not exist",
		},
		"no password": {
			env: map[string]string{},
			err: "superuser password is not specified",
		},
		"no password, and none needed": {
			env:  map[string]string{"POSTGRES_HOST_AUTH_METHOD": "trust"},
			want: settings{data: "/var/lib/postgresql/18/docker", user: "postgres", database: "postgres", initdb: []string{}, method: "trust"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := settingsFrom(func(key string) string { return test.env[key] }, func(name string) ([]byte, error) {
				if content, ok := files[name]; ok {
					return []byte(content), nil
				}
				return nil, fs.ErrNotExist
			})
			if err == nil {
				err = got.check()
			}
			switch {
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got error %v, want one with %q", err, test.err)
				}
			case err != nil || !reflect.DeepEqual(got, test.want):
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestHelpNeedsNoData(t *testing.T) {
	t.Parallel()
	if !asksForHelp([]string{"-c", "x=y", "--version"}) || asksForHelp([]string{"-c", "max_connections=50"}) {
		t.Error("only --version and its like are asked for help")
	}
}
