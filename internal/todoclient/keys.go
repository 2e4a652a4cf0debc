package todoclient

import (
	"context"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/todochat/todochat/internal/jwks"
)

// Keys returns the keys that verify the function's tokens. It implements
// account.Keys.
func (c *Client) Keys(ctx context.Context, kid string) (jwk.Set, error) { return c.keys.Keys(ctx, kid) }

func newKeys(c *Client) *jwks.Cache {
	fetch := jwks.FromURL(c.http, c.base.JoinPath("/.well-known/jwks.json").String())
	return jwks.New(func(ctx context.Context) (jwk.Set, error) {
		set, err := fetch(ctx)
		if err != nil {
			return nil, unreachable(err)
		}
		return set, nil
	})
}
