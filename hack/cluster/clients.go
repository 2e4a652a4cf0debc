package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// clientsOf is the package with PostgreSQL's clients, and clientsFrom the release
// of Debian that has it: what Debian 12 has is version 15, whose pg_dump refuses
// a server of 18.
const (
	clientsOf   = "postgresql-client-18"
	clientsFrom = "forky"
)

// postgresClients is a folder with the clients and all that they need, down to
// the C library, fetched when it is not there. Nothing of it is installed.
func (c cluster) postgresClients(ctx context.Context) (string, error) {
	folder := filepath.Join(c.cache, clientsOf)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	say("fetching PostgreSQL's clients")
	work, err := os.MkdirTemp(c.cache, clientsOf+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	const fetch = `
cd "$1"
mkdir -p state/lists/partial cache/archives/partial root
touch status
echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian '"$2"' main' >sources.list
apt() {
	apt-get --quiet --quiet -o Dir::State="$PWD/state" -o Dir::State::status="$PWD/status" -o Dir::Cache="$PWD/cache" \
		-o Dir::Etc::sourcelist="$PWD/sources.list" -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root "$@"
}
apt update
apt install --download-only --yes --no-install-recommends "$3"
for package in cache/archives/*.deb; do dpkg-deb --extract "$package" root; done
`
	out, err := exec.CommandContext(ctx, "sh", "-euc", fetch, "sh", work, clientsFrom, clientsOf).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("fetch PostgreSQL's clients from Debian %s: %w\n%s", clientsFrom, err, out)
	}
	return folder, os.Rename(filepath.Join(work, "root"), folder)
}

// clients adds PostgreSQL's clients to an image. They come with a C library of
// their own, so each is started by that one's loader.
func (r *root) clients(ctx context.Context, from string) {
	const to = "/usr/lib/postgresql/18/client"
	loaders, _ := filepath.Glob(filepath.Join(from, "usr/lib/*-linux-gnu/ld-linux-*.so.*"))
	if len(loaders) != 1 {
		r.errs = append(r.errs, fmt.Errorf("%s has %d loaders: remove that folder", from, len(loaders)))
		return
	}
	loader, libraries := loaders[0], filepath.Dir(loaders[0])
	started := path.Join(to, "lib", filepath.Base(loader))
	r.copy(started, loader)
	for _, client := range []string{"psql", "pg_isready", "pg_dump", "pg_restore"} {
		program := filepath.Join(from, "usr/lib/postgresql/18/bin", client)
		out, err := exec.CommandContext(ctx, loader, "--library-path", libraries, "--list", program).Output()
		if err != nil {
			r.errs = append(r.errs, fmt.Errorf("list the libraries of %s: %w", client, err))
			return
		}
		for word := range strings.FieldsSeq(string(out)) {
			if strings.HasPrefix(word, libraries+"/") {
				r.copy(path.Join(to, "lib", filepath.Base(word)), word)
			}
		}
		r.copy(path.Join(to, client), program)
		r.file("/usr/bin/"+client, 0o755, fmt.Appendf(nil, "#!/bin/sh\nexec %s --library-path %s %s \"$@\"\n", started, path.Join(to, "lib"), path.Join(to, client)))
	}
}
