// Command vendorjs makes frontend/static/vendor: Preact, its hooks, signals and
// htm as one ES module, with their types and licences. The page has no build
// step; what it imports is committed, and this is how it came about.
//
//	go run ./hack/vendorjs          writes the folder anew
//	go run ./hack/vendorjs -check   says whether the folder is what it would write
//
// The packages and their exact versions are in package.json and
// package-lock.json beside this file. They are fetched by `npm ci`, which
// verifies the lock file's digests, into a temporary folder, and no script of
// theirs is run. The same lock file yields the same bytes everywhere.
//
// To update: change the versions in package.json, then in this folder
//
//	npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

//go:embed package.json
var manifest []byte

//go:embed package-lock.json
var lock []byte

//go:embed entry.js
var entry string

//go:embed preact.d.ts
var types []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "vendorjs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("vendorjs", flag.ContinueOnError)
	folder := flags.String("out", "frontend/static/vendor", "the folder to write or to check")
	check := flags.Bool("check", false, "write nothing; fail if the folder is not up to date")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	want, err := generate(ctx)
	if err != nil {
		return err
	}
	if *check {
		return compare(*folder, want)
	}
	return write(*folder, want)
}

// generate returns the files of the folder by name.
func generate(ctx context.Context) (map[string][]byte, error) {
	packages, err := lockedPackages()
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp("", "vendorjs-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if err := install(ctx, work); err != nil {
		return nil, err
	}
	module, err := bundle(work, packages)
	if err != nil {
		return nil, err
	}
	licences, err := licences(work, packages)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"preact.js":    module,
		"preact.d.ts":  types,
		"LICENSES.txt": licences,
	}, nil
}

// A pkg is one npm package that ends up in the module.
type pkg struct{ Name, Version, License string }

func (p pkg) String() string { return p.Name + " " + p.Version }

// lockedPackages lists what the lock file pins, in order of name.
func lockedPackages() ([]pkg, error) {
	var file struct {
		Packages map[string]struct{ Version, License string }
	}
	if err := json.Unmarshal(lock, &file); err != nil {
		return nil, fmt.Errorf("package-lock.json: %w", err)
	}
	var packages []pkg
	for _, path := range slices.Sorted(maps.Keys(file.Packages)) {
		if name, ok := strings.CutPrefix(path, "node_modules/"); ok {
			locked := file.Packages[path]
			packages = append(packages, pkg{name, locked.Version, locked.License})
		}
	}
	return packages, nil
}

// install puts the locked packages into work/node_modules.
func install(ctx context.Context, work string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("npm is needed to fetch the packages; it comes with Node.js (https://nodejs.org)")
	}
	for name, content := range map[string][]byte{"package.json": manifest, "package-lock.json": lock} {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o600); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

// bundle returns the packages as one minified ES module. It holds no path of
// this machine, and nothing that a strict Content-Security-Policy refuses.
func bundle(work string, packages []pkg) ([]byte, error) {
	var names []string
	for _, p := range packages {
		names = append(names, fmt.Sprintf("%s (%s)", p, p.License))
	}
	result := api.Build(api.BuildOptions{
		Stdin:             &api.StdinOptions{Contents: entry, Sourcefile: "entry.js", ResolveDir: work},
		AbsWorkingDir:     work,
		Bundle:            true,
		Format:            api.FormatESModule,
		Platform:          api.PlatformBrowser,
		Target:            api.ES2022,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone, // all of them are in LICENSES.txt
		Banner: map[string]string{"js": "/*! Made by hack/vendorjs; do not edit. " +
			strings.Join(names, ", ") + ": see LICENSES.txt. */"},
	})
	if messages := slices.Concat(result.Errors, result.Warnings); len(messages) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(messages, api.FormatMessagesOptions{}), ""))
	}
	module := result.OutputFiles[0].Contents
	for _, refused := range []string{"eval(", "Function("} {
		if bytes.Contains(module, []byte(refused)) {
			return nil, fmt.Errorf("the module contains %q, which the page's security policy refuses", refused)
		}
	}
	return module, nil
}

// licences returns every package's licence text under its name.
func licences(work string, packages []pkg) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintln(&out, "preact.js contains the packages below, each under its own licence.")
	for _, p := range packages {
		text, err := os.ReadFile(filepath.Join(work, "node_modules", filepath.FromSlash(p.Name), "LICENSE"))
		if err != nil {
			return nil, fmt.Errorf("licence of %s: %w", p, err)
		}
		rule := strings.Repeat("=", 78)
		fmt.Fprintf(&out, "\n%s\n%s (%s)\n%s\n\n%s\n", rule, p, p.License, rule, bytes.TrimSpace(text))
	}
	return out.Bytes(), nil
}

// compare fails unless folder holds exactly the files of want.
func compare(folder string, want map[string][]byte) error {
	var stale []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		have, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if !bytes.Equal(have, want[name]) {
			stale = append(stale, name)
		}
	}
	present, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, file := range present {
		if _, ok := want[file.Name()]; !ok {
			stale = append(stale, file.Name())
		}
	}
	if len(stale) > 0 {
		return fmt.Errorf("%s is not up to date (%s): go run ./hack/vendorjs", folder, strings.Join(stale, ", "))
	}
	return nil
}

// write makes folder hold the files, and leaves others in it alone.
func write(folder string, files map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(folder, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}
