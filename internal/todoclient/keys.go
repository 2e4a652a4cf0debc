package todoclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// keyCache keeps the function's public keys.
type keyCache struct {
	mu      sync.Mutex
	set     jwk.Set
	fetched time.Time
	tried   time.Time // the last try that failed
}

const (
	keysFresh = 5 * time.Minute  // as the function's Cache-Control says
	keysPause = 10 * time.Second // between fetches for key ids that nobody knows
)

// Keys returns the keys that verify the function's tokens. They are fetched
// anew when they are old, or lack kid: the key may have been rotated. It
// implements account.Keys.
func (c *Client) Keys(ctx context.Context, kid string) (jwk.Set, error) {
	c.keys.mu.Lock()
	defer c.keys.mu.Unlock()
	age := time.Since(c.keys.fetched)
	if c.keys.set != nil {
		_, known := c.keys.set.LookupKeyID(kid)
		if known && age < keysFresh || !known && age < keysPause {
			return c.keys.set, nil
		}
	}
	if c.keys.set != nil && time.Since(c.keys.tried) < keysPause {
		return c.keys.set, nil
	}
	set, err := c.fetchKeys(ctx)
	if err != nil {
		c.keys.tried = time.Now()
		if c.keys.set != nil {
			return c.keys.set, nil // keys rarely change: the old ones serve until the function is back
		}
		return nil, err
	}
	c.keys.set, c.keys.fetched = set, time.Now()
	return set, nil
}

func (c *Client) fetchKeys(ctx context.Context) (jwk.Set, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath("/.well-known/jwks.json").String(), nil)
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, unreachable(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, unreachable(fmt.Errorf("fetch keys: %w", err))
	}
	if response.StatusCode != http.StatusOK {
		return nil, unreachable(fmt.Errorf("fetch keys: todo answers %s", response.Status))
	}
	set, err := jwk.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("read keys of todo: %w", err)
	}
	return set, nil
}
