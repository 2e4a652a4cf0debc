// Command screenshot makes the pictures of the README: it runs the whole
// system on a database of its own, keeps a list for a while as somebody would,
// and looks at it.
//
//	go run ./hack/screenshot [folder]
//
// The folder is docs/images unless told. The page uses the fonts of whoever
// reads it; the pictures want Inter (fonts-inter on Debian) and do without.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/chromium"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "screenshot:", err)
		os.Exit(1)
	}
}

// The screens. Each picture is one pixel a CSS pixel.
var (
	light = chromium.Screen{Width: 1360, Height: 850, Zone: zone}
	dark  = chromium.Screen{Width: 1360, Height: 850, Zone: zone, Dark: true}
	phone = chromium.Screen{Width: 390, Height: 844, Zone: zone, Phone: true}
)

func run(ctx context.Context, args []string) (err error) {
	folder := filepath.Join("docs", "images")
	switch len(args) {
	case 0:
	case 1:
		folder = args[0]
	default:
		return errors.New("it takes one folder")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}

	address, stop, err := startStack(ctx)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return err
	}
	fonts, err := writeFontConfig()
	if err != nil {
		return err
	}
	defer os.Remove(fonts)
	browser, err := chromium.Start(ctx, chromium.Options{
		Flags: map[string]any{"font-render-hinting": "none"},
		Env:   []string{"FONTCONFIG_FILE=" + fonts},
	})
	if err != nil {
		return err
	}
	defer browser.Stop()

	tab, err := browser.Open(light)
	if err != nil {
		return err
	}
	if err := live(tab, address, time.Now()); err != nil {
		return err
	}
	for _, picture := range []struct {
		name   string
		screen chromium.Screen
	}{{"app-light.png", light}, {"app-dark.png", dark}, {"phone.png", phone}} {
		if err := take(tab, picture.screen, filepath.Join(folder, picture.name)); err != nil {
			return fmt.Errorf("make %s: %w", picture.name, err)
		}
	}
	return nil
}

// take writes what the page looks like on a screen.
func take(tab *chromium.Tab, screen chromium.Screen, path string) error {
	if err := tab.LookOn(screen); err != nil {
		return err
	}
	if err := tab.Wait(settled); err != nil {
		return err
	}
	shot, err := tab.PNG()
	if err != nil {
		return err
	}
	small, err := shrink(shot)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d KB\n", path, (len(small)+999)/1000)
	return os.WriteFile(path, small, 0o644)
}

// settled is the condition that the page is at rest: fonts are there, nothing
// moves, and nothing has the focus. The list is seen from its top, the
// conversation from its end.
const settled = `(() => {
	document.activeElement?.blur();
	scrollTo(0, 0);
	const log = document.querySelector(".chat-log");
	if (log) log.scrollTop = log.scrollHeight;
	return document.fonts.status === "loaded" && !document.querySelector(".toast, .thinking, [aria-busy=true]")
		&& document.getAnimations().every((one) => one.playState !== "running");
})()`
