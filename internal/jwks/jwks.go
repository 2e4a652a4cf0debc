// Package jwks fetches the keys that verify others' tokens, and keeps them: JSON
// Web Key Sets (RFC 7517), from a URL or a file.
package jwks

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// Cache keeps a set of keys.
type Cache struct {
	fetch func(context.Context) (jwk.Set, error)

	mu      sync.Mutex
	set     jwk.Set
	fetched time.Time
	tried   time.Time // the last try that failed
}

const (
	fresh = 5 * time.Minute
	pause = 10 * time.Second // between fetches for key ids that nobody knows

	maxSize = 1 << 20 // bytes
)

// New returns a cache over fetch, which is called when keys are needed.
func New(fetch func(context.Context) (jwk.Set, error)) *Cache { return &Cache{fetch: fetch} }

// Keys returns the keys. They are fetched anew when they are old, or lack kid:
// the key may have been rotated. While they cannot be had, the old ones serve.
func (c *Cache) Keys(ctx context.Context, kid string) (jwk.Set, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := time.Since(c.fetched)
	if c.set != nil {
		_, known := c.set.LookupKeyID(kid)
		if known && age < fresh || !known && age < pause || time.Since(c.tried) < pause {
			return c.set, nil
		}
	}
	set, err := c.fetch(ctx)
	if err != nil {
		c.tried = time.Now()
		if c.set != nil {
			return c.set, nil
		}
		return nil, err
	}
	c.set, c.fetched = set, time.Now()
	return set, nil
}

// FromURL fetches the set at a URL.
func FromURL(client *http.Client, url string) func(context.Context) (jwk.Set, error) {
	return func(ctx context.Context) (jwk.Set, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, fmt.Errorf("fetch keys: %w", err)
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, fmt.Errorf("fetch keys: %w", err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("fetch keys: the answer is %s", response.Status)
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, maxSize))
		if err != nil {
			return nil, fmt.Errorf("fetch keys: %w", err)
		}
		return parse(body)
	}
}

// FromFile reads the set in a file.
func FromFile(name string) func(context.Context) (jwk.Set, error) {
	return func(context.Context) (jwk.Set, error) {
		body, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read keys: %w", err)
		}
		return parse(body)
	}
}

// FromText is the set itself.
func FromText(text string) func(context.Context) (jwk.Set, error) {
	return func(context.Context) (jwk.Set, error) { return parse([]byte(text)) }
}

func parse(body []byte) (jwk.Set, error) {
	set, err := jwk.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return set, nil
}
