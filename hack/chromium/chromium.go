// Package chromium drives a real Chromium, for the journeys through the page
// and for its screenshots.
//
// Nothing here waits for a time to pass: every step waits for what it needs,
// in the page itself, and gives up after a while with the reason. The page's
// policy forbids eval, so conditions are sent as source text of their own
// rather than through chromedp's Poll.
package chromium

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds each step, so that one that cannot succeed says so.
const patience = 15 * time.Second

// Find returns the path of the Chromium to use: the one that $CHROMIUM names,
// or an installed one.
func Find() (string, error) {
	if named := os.Getenv("CHROMIUM"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("$CHROMIUM names no program: %w", err)
		}
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium: install it (apt-get install chromium), or name a Chrome or Chromium by $CHROMIUM")
}

// Browser is a running Chromium with a profile of its own.
type Browser struct {
	ctx  context.Context // chromedp's handle of the browser, not a request's
	stop func()
}

// Options say how a browser differs from a plain one.
type Options struct {
	Flags map[string]any // Chromium's own
	Env   []string       // NAME=value, besides our own
}

// Start starts a browser without a window. It runs until Stop or the end of
// ctx.
func Start(ctx context.Context, o Options) (*Browser, error) {
	path, err := Find()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], // which are quiet, and without a sandbox for root only
		chromedp.ExecPath(path),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Env(o.Env...),
	)
	for name, value := range o.Flags {
		options = append(options, chromedp.Flag(name, value))
	}
	ctx, free := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancel := chromedp.NewContext(ctx)
	b := &Browser{ctx, func() { cancel(); free() }}
	// No timeout here: the browser would end with it.
	if err := chromedp.Do(ctx); err != nil {
		b.Stop()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return b, nil
}

// Stop ends the browser and waits until it is gone, with its profile.
func (b *Browser) Stop() { b.stop() }
