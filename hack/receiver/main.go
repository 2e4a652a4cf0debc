// Command receiver is a sink for CloudEvents, for tests: it takes what the
// CloudEvents SDK finds valid, can fail as often as is wanted, and tells what has
// arrived in the order in which it came.
//
//	POST /          takes an event
//	GET  /received  {"id","type","source","subject","partitionkey","sequence","mode"} of each, a JSON object a line
//	POST /fail?of=N fails every Nth request from now on; 0 for none, 1 for all
//	POST /poison?key=K fails whatever has this partitionkey
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

func main() {
	addr := flag.String("addr", ":8080", "where to listen")
	flag.Parse()
	listener, err := net.Listen("tcp", *addr)
	if err == nil {
		fmt.Println("http://" + listener.Addr().String())
		err = http.Serve(listener, newReceiver())
	}
	fmt.Fprintln(os.Stderr, "receiver:", err)
	os.Exit(1)
}

// arrival is an event that has arrived.
type arrival struct {
	ID           string `json:"id"`
	Type         string `json:"type"`
	Source       string `json:"source"`
	Subject      string `json:"subject"`
	PartitionKey any    `json:"partitionkey"`
	Sequence     any    `json:"sequence"`
	Mode         string `json:"mode"`
}

type receiver struct {
	mu       sync.Mutex
	arrived  []arrival
	requests int
	failNth  int
	poisoned map[any]bool // by partitionkey
}

func newReceiver() http.Handler {
	r := &receiver{poisoned: make(map[any]bool)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", r.take)
	mux.HandleFunc("GET /received", r.received)
	mux.HandleFunc("POST /fail", r.fail)
	mux.HandleFunc("POST /poison", func(_ http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.poisoned[request.URL.Query().Get("key")] = true
	})
	return mux
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	r.requests++
	fails := r.failNth > 0 && r.requests%r.failNth == 0
	r.mu.Unlock()
	if fails {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	mode := "binary"
	if strings.HasPrefix(request.Header.Get("Content-Type"), "application/cloudevents") {
		mode = "structured"
	}
	e, err := cehttp.NewEventFromHTTPRequest(request)
	if err == nil {
		err = e.Validate()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.poisoned[e.Extensions()["partitionkey"]] {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.arrived = append(r.arrived, arrival{e.ID(), e.Type(), e.Source(), e.Subject(), e.Extensions()["partitionkey"], e.Extensions()["sequence"], mode})
}

func (r *receiver) received(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	arrived := r.arrived
	r.mu.Unlock()
	lines := json.NewEncoder(w)
	for _, a := range arrived {
		_ = lines.Encode(a) // who asked may be gone
	}
}

func (r *receiver) fail(w http.ResponseWriter, request *http.Request) {
	n, err := strconv.Atoi(request.URL.Query().Get("of"))
	if err != nil || n < 0 {
		http.Error(w, "of is a number, 0 or more", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failNth = n
}
