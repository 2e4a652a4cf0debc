package account

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/todochat/todochat/internal/fault"
)

// SenderVerifier checks the tokens of senders of events: JWTs of an issuer
// elsewhere, such as a cluster's API server.
type SenderVerifier struct {
	Issuer   string
	Audience string
	Keys     Keys
	Now      func() time.Time
}

// senderAlgorithms are those that may sign a sender's token.
var senderAlgorithms = []jwa.SignatureAlgorithm{jwa.RS256(), jwa.ES256(), jwa.EdDSA()}

// Sender returns the subject of a token, or fault.Unauthenticated.
func (v *SenderVerifier) Sender(ctx context.Context, token string) (subject string, err error) {
	message, err := jws.ParseString(token)
	if err != nil || len(message.Signatures()) != 1 {
		return "", refusedSender(err)
	}
	headers := message.Signatures()[0].ProtectedHeaders()
	if algorithm, _ := headers.Algorithm(); !slices.Contains(senderAlgorithms, algorithm) {
		return "", refusedSender(errors.New("alg is none of those that are allowed"))
	}
	kid, _ := headers.KeyID()
	keys, err := v.Keys(ctx, kid)
	if err != nil {
		return "", err
	}
	claims, err := jwt.ParseString(token, jwt.WithKeySet(keys), jwt.WithValidate(true),
		jwt.WithIssuer(v.Issuer), jwt.WithAudience(v.Audience), jwt.WithClock(jwt.ClockFunc(v.Now)), jwt.WithAcceptableSkew(clockSkew),
		jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithRequiredClaim(jwt.SubjectKey))
	if err != nil {
		return "", refusedSender(err)
	}
	subject, _ = claims.Subject()
	return subject, nil
}

func refusedSender(cause error) error {
	return fault.New(fault.Unauthenticated, "the sender's token is not valid: it must be of the issuer and for the audience that EVENT_ISSUER and EVENT_AUDIENCE name").Because(cause)
}
