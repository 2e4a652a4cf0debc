package chromium

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/chromedp/chromedp"
)

// The lock file pins axe-core by its hash. To update: change the version in
// package.json, then in this folder
//
//	npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts
var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	packageLock []byte
)

// axe is the source text of axe-core, which finds what hinders people who do
// not see, hear or point well. It is fetched once for all, and is no part of
// the page.
var axe = sync.OnceValues(func() (string, error) {
	var manifest struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	if err := json.Unmarshal(packageJSON, &manifest); err != nil {
		return "", fmt.Errorf("read package.json: %w", err)
	}
	caches, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for axe-core: %w", err)
	}
	cache := filepath.Join(caches, "todochat")
	kept := filepath.Join(cache, "axe-core-"+manifest.Dependencies["axe-core"]+".js")
	source, err := os.ReadFile(kept)
	if errors.Is(err, os.ErrNotExist) {
		source, err = fetchAxe(cache, kept)
	}
	return string(source), err
})

// fetchAxe keeps the source text in a file, which is whole whenever it is there.
func fetchAxe(cache, kept string) ([]byte, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	work, err := os.MkdirTemp(cache, "axe-")
	if err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	defer os.RemoveAll(work)
	for name, content := range map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock} {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write for npm: %w", err)
		}
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, errors.New("npm is needed to fetch axe-core; it comes with Node.js (https://nodejs.org)")
	}
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm ci: %w\n%s", err, bytes.TrimSpace(out))
	}
	fetched := filepath.Join(work, "node_modules", "axe-core", "axe.min.js")
	source, err := os.ReadFile(fetched)
	if err != nil {
		return nil, err
	}
	return source, os.Rename(fetched, kept)
}

// runAxe returns what axe-core finds, a line for each element.
const runAxe = `new Promise(requestAnimationFrame).then(() => axe.run(document, {resultTypes: ["violations"]})).then(({violations}) =>
	violations.flatMap(({id, help, nodes}) => nodes.map(({target, failureSummary}) =>
		id + ": " + help + ": " + target.join(" ") + ": " + failureSummary.replaceAll(/\s+/g, " "))))`

// Barriers returns what axe-core finds wrong with the page as it is now.
func (t *Tab) Barriers() ([]string, error) {
	source, err := axe()
	if err != nil {
		return nil, err
	}
	return Run(t, "look for barriers", func(ctx context.Context, target *chromedp.Target) ([]string, error) {
		there, err := chromedp.Evaluate[bool]("'axe' in globalThis")(ctx, target)
		if err == nil && !there {
			_, err = chromedp.Evaluate[bool](source+"\n;true")(ctx, target)
		}
		if err != nil {
			return nil, err
		}
		return chromedp.Evaluate[[]string](runAxe, chromedp.EvalAwaitPromise)(ctx, target)
	})
}
