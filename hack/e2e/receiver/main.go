// Command receiver is another service beside todo, for the test of events: it
// keeps the events that it gets, and sends those that it is given.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

func main() {
	r := &receiver{client: &http.Client{Timeout: time.Minute}, events: []cloudevents.Event{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", r.take)
	mux.HandleFunc("GET /events", r.list)
	mux.HandleFunc("POST /send", r.send)
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), mux))
}

type receiver struct {
	client *http.Client

	mu     sync.Mutex
	events []cloudevents.Event
}

// take takes an event.
func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	e, err := cehttp.NewEventFromHTTPRequest(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	log.Println(e.Type(), e.ID())
	r.mu.Lock()
	r.events = append(r.events, *e)
	r.mu.Unlock()
	w.WriteHeader(http.StatusAccepted) // with nothing: Knative takes what is there for an event
}

// list answers with the events that were taken, the oldest first.
func (r *receiver) list(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(r.events); err != nil {
		log.Println(err)
	}
}

// tokenFile is where a SinkBinding puts the token for the sink, if it has one.
const tokenFile = "/oidc/token"

// send passes the body, an event in structured mode, on to the sink or, without
// a token, to the address that is given; and the answer back.
func (r *receiver) send(w http.ResponseWriter, request *http.Request) {
	to := request.URL.Query().Get("to")
	token := ""
	if to == "" {
		to = os.Getenv("K_SINK")
		content, err := os.ReadFile(tokenFile)
		if err != nil && !os.IsNotExist(err) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		token = strings.TrimSpace(string(content))
	}
	onward, err := http.NewRequestWithContext(request.Context(), http.MethodPost, to, request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	onward.Header.Set("Content-Type", cloudevents.ApplicationCloudEventsJSON)
	if token != "" {
		onward.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := r.client.Do(onward)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	w.WriteHeader(answer.StatusCode)
	if _, err := io.Copy(w, answer.Body); err != nil {
		log.Println(err)
	}
}
