package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/jwks"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/web"
)

// config is all that the function can be told.
type config struct {
	web.Config
	DatabaseURL      string        `env:"DATABASE_URL, required"`                      // of the function's role
	DatabaseExecMode string        `env:"DATABASE_EXEC_MODE, default=cache_statement"` // cache_describe or exec behind a pooler
	DatabasePoolSize int           `env:"DATABASE_POOL_SIZE, default=8"`               // connections of one pod
	SigningKey       string        `env:"SIGNING_KEY"`                                 // Ed25519, PKCS #8 PEM; the first signs, all verify
	SigningKeyFile   string        `env:"SIGNING_KEY_FILE"`                            // the same, in a file
	LivePoll         time.Duration `env:"LIVE_POLL, default=1s"`                       // between looks for what other replicas have written
	StreamLife       time.Duration `env:"STREAM_LIFE, default=4m30s"`                  // of a stream of changes; less than Knative's timeoutSeconds
	SignInWait       time.Duration `env:"SIGN_IN_WAIT, default=10s"`                   // how long a sign-in waits for its turn
	Sink             string        `env:"K_SINK"`                                      // where events of changes go; Knative's SinkBinding sets it
	SinkOverrides    string        `env:"K_CE_OVERRIDES"`                              // {"extensions":{…}} of every event; set along with it
	EventSource      string        `env:"EVENT_SOURCE, default=/todochat/todo"`        // the source of events, a URI reference
	EventMode        string        `env:"EVENT_MODE, default=binary"`                  // binary or structured
	RelayFrom        string        `env:"RELAY_FROM, default=now"`                     // now or beginning: which changes go to the first sink
	EventIssuer      string        `env:"EVENT_ISSUER"`                                // of the tokens of senders; without it no event is taken
	EventAudience    string        `env:"EVENT_AUDIENCE"`                              // of these tokens
	EventKeys        string        `env:"EVENT_KEYS"`                                  // that verify them: a JSON Web Key Set, as URL, file, or the set itself
	EventSenders     []string      `env:"EVENT_SENDERS"`                               // who may speak for whom: SUBJECT=ACCOUNT, or SUBJECT=* for all
}

func readConfig(ctx context.Context, getenv func(string) string) (c config, err error) {
	if err = web.Read(ctx, getenv, &c); err != nil {
		return c, err
	}
	if c.LivePoll <= 0 || c.StreamLife <= 0 {
		return c, errors.New("read LIVE_POLL and STREAM_LIFE: both are times of more than nothing, such as 1s")
	}
	return c, nil
}

func (c config) database() postgres.Config {
	return postgres.Config{URL: c.DatabaseURL, ExecMode: c.DatabaseExecMode, PoolSize: c.DatabasePoolSize, Name: "todo"}
}

// relay returns what sends changes on, or nil when there is no sink.
func (c config) relay(store *postgres.Store, log *slog.Logger) (*relay, error) {
	if c.Sink == "" {
		return nil, nil
	}
	target, err := url.Parse(c.Sink)
	if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" {
		return nil, errors.New("read K_SINK: it must look like http://host/path")
	}
	s := sink{url: c.Sink, source: c.EventSource, structured: c.EventMode == "structured", client: &http.Client{
		Transport: newSinkTransport(),
		// What follows a redirect is a GET, or goes to whom nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if c.SinkOverrides != "" {
		var overrides struct {
			Extensions map[string]string `json:"extensions"`
		}
		if err := json.Unmarshal([]byte(c.SinkOverrides), &overrides); err != nil {
			return nil, errors.New(`read K_CE_OVERRIDES: it must look like {"extensions":{"name":"value"}}`)
		}
		s.overrides = overrides.Extensions
	}
	switch {
	case c.EventMode != "binary" && c.EventMode != "structured":
		return nil, errors.New("read EVENT_MODE: it is binary or structured")
	case c.RelayFrom != "now" && c.RelayFrom != "beginning":
		return nil, errors.New("read RELAY_FROM: it is now or beginning")
	}
	return newRelay(store, s, c.RelayFrom == "beginning", log), nil
}

func newSinkTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil // the sink is a neighbour
	t.MaxIdleConnsPerHost = relaysAtOnce
	return t
}

// senders returns whose events are taken, or nil when none are.
func (c config) senders() (*senders, error) {
	if c.EventIssuer == "" && c.EventAudience == "" && c.EventKeys == "" && len(c.EventSenders) == 0 {
		return nil, nil
	}
	if c.EventIssuer == "" || c.EventAudience == "" || c.EventKeys == "" || len(c.EventSenders) == 0 {
		return nil, errors.New("read settings: EVENT_ISSUER, EVENT_AUDIENCE, EVENT_KEYS and EVENT_SENDERS belong together")
	}
	fetch, err := c.eventKeys()
	if err != nil {
		return nil, err
	}
	s := &senders{whom: make(map[string]whom)}
	s.verifier = account.SenderVerifier{Issuer: c.EventIssuer, Audience: c.EventAudience, Keys: jwks.New(fetch).Keys, Now: time.Now}
	for _, entry := range c.EventSenders {
		at := strings.LastIndex(entry, "=")
		if at <= 0 {
			return nil, errors.New("read EVENT_SENDERS: each is SUBJECT=ACCOUNT or SUBJECT=*")
		}
		subject, account := strings.TrimSpace(entry[:at]), strings.TrimSpace(entry[at+1:])
		may := s.whom[subject]
		if account == "*" {
			may.all = true
			s.whom[subject] = may
			continue
		}
		id, err := uuid.Parse(account)
		if err != nil || id == uuid.Nil {
			return nil, errors.New("read EVENT_SENDERS: an account is named by its id, as GET /api/auth/me says it")
		}
		may.accounts = append(may.accounts, id)
		s.whom[subject] = may
	}
	return s, nil
}

// eventKeys returns what fetches the keys of senders. What is no URL is read at
// once, so that a mistake shows at start.
func (c config) eventKeys() (func(context.Context) (jwk.Set, error), error) {
	if strings.HasPrefix(c.EventKeys, "http://") || strings.HasPrefix(c.EventKeys, "https://") {
		fetch := jwks.FromURL(&http.Client{Timeout: 10 * time.Second}, c.EventKeys)
		return func(ctx context.Context) (jwk.Set, error) {
			set, err := fetch(ctx)
			if err != nil {
				return nil, fault.New(fault.Unavailable, "the keys that verify senders cannot be had right now: send it again").Because(err)
			}
			return set, nil
		}, nil
	}
	fetch := jwks.FromFile(c.EventKeys)
	if strings.HasPrefix(c.EventKeys, "{") {
		fetch = jwks.FromText(c.EventKeys)
	}
	if _, err := fetch(context.Background()); err != nil {
		return nil, fmt.Errorf("read EVENT_KEYS: %w", err)
	}
	return fetch, nil
}

func (c config) signer() (*account.Signer, error) {
	pem := []byte(c.SigningKey)
	if c.SigningKeyFile != "" {
		var err error
		if pem, err = os.ReadFile(c.SigningKeyFile); err != nil {
			return nil, fmt.Errorf("read SIGNING_KEY_FILE: %w", err)
		}
	}
	if len(pem) == 0 {
		return nil, errors.New("SIGNING_KEY or SIGNING_KEY_FILE is required: an Ed25519 key as openssl genpkey -algorithm ed25519 makes it")
	}
	return account.ParseSigner(pem)
}
