// Command standin plays todo, chat, frontend and migrate for the tests of the
// runner. STANDIN_DIES names the one that ends at once.
package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	name := filepath.Base(os.Args[0])
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	log.Info("starting", "see", "http://elsewhere.test/") // an address, before the page's
	if os.Getenv("STANDIN_DIES") == name {
		log.Error("no luck today")
		os.Exit(3)
	}
	if name == "migrate" {
		return
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	http.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(os.Environ()) })
	http.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	http.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { os.Exit(4) })
	l, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
	if err != nil {
		log.Error("listen", "error", err)
		os.Exit(1)
	}
	go http.Serve(l, nil)
	<-stop
	log.Info("stopped")
}
