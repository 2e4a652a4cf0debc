package account

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/todochat/todochat/internal/fault"
)

// AccessLife is how long an access token is valid.
const AccessLife = 15 * time.Minute

// Tokens are EdDSA JWTs (RFC 7519, RFC 8037). The header's typ keeps one kind
// from being taken for the other (RFC 9068 for the first).
const (
	issuer          = "todochat"
	accessAudience  = "todochat-api"
	accessType      = "at+jwt"
	refreshAudience = "todochat-refresh"
	refreshType     = "rt+jwt"

	sessionClaim    = "sid"
	generationClaim = "gen"
)

// Keys finds the public keys that may have signed a token. The set need not
// hold kid when the source does not know it.
type Keys func(ctx context.Context, kid string) (jwk.Set, error)

// Signer makes tokens.
type Signer struct {
	key    jwk.Key // the one that signs
	public jwk.Set // all that may still verify
}

// ParseSigner reads Ed25519 private keys, each as a PKCS #8 PEM block. The
// first signs; the others still verify, so that keys can be rotated.
func ParseSigner(data []byte) (*Signer, error) {
	s := &Signer{public: jwk.NewSet()}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		raw, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read signing key: %w", err)
		}
		private, ok := raw.(ed25519.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("read signing key: a %T is no Ed25519 key", raw)
		}
		if err := s.add(private); err != nil {
			return nil, fmt.Errorf("read signing key: %w", err)
		}
	}
	if s.key == nil {
		return nil, fmt.Errorf("read signing key: no PEM block in it; make one with: openssl genpkey -algorithm ed25519")
	}
	return s, nil
}

// NewSigningKey returns a new random key, as ParseSigner reads it.
func NewSigningKey() (string, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("encode signing key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

func (s *Signer) add(private ed25519.PrivateKey) error {
	key, err := jwk.Import(private)
	if err != nil {
		return err
	}
	if err := jwk.AssignKeyID(key); err != nil { // RFC 7638 thumbprint
		return err
	}
	for name, value := range map[string]any{jwk.AlgorithmKey: jwa.EdDSA(), jwk.KeyUsageKey: "sig"} {
		if err := key.Set(name, value); err != nil {
			return err
		}
	}
	public, err := key.PublicKey()
	if err != nil {
		return err
	}
	if s.key == nil {
		s.key = key
	}
	return s.public.AddKey(public)
}

// PublicKeys is the JWKS (RFC 7517) to publish.
func (s *Signer) PublicKeys() jwk.Set { return s.public }

// Keys finds the Signer's own public keys.
func (s *Signer) Keys(context.Context, string) (jwk.Set, error) { return s.public, nil }

// Access returns an access token of the session, issued at now.
func (s *Signer) Access(session Session, now time.Time) (string, error) {
	return s.sign(accessType, jwt.NewBuilder().Issuer(issuer).Audience([]string{accessAudience}).
		Subject(session.Account.String()).Claim(sessionClaim, session.ID.String()).
		IssuedAt(now).Expiration(now.Add(AccessLife)))
}

// Refresh returns the refresh token of the session's generation. Every claim
// comes from the session: the same session gives the same token, byte for byte.
func (s *Signer) Refresh(session Session) (string, error) {
	return s.sign(refreshType, jwt.NewBuilder().Issuer(issuer).Audience([]string{refreshAudience}).
		Subject(session.Account.String()).Claim(sessionClaim, session.ID.String()).
		Claim(generationClaim, session.Generation).
		IssuedAt(session.RotatedAt).Expiration(session.ExpiresAt))
}

func (s *Signer) sign(typ string, claims *jwt.Builder) (string, error) {
	token, err := claims.Build()
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	headers := jws.NewHeaders()
	if err := headers.Set(jws.TypeKey, typ); err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.EdDSA(), s.key, jws.WithProtectedHeaders(headers)))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return string(signed), nil
}

// Verifier checks tokens. Access tokens that passed are remembered until they
// expire: checking a signature costs more than the query it protects.
type Verifier struct {
	keys Keys
	now  func() time.Time

	mu     sync.RWMutex
	passed map[string]verified
}

type verified struct {
	who     Principal
	expires time.Time
}

// clockSkew is how far the clocks of who signs and who verifies may differ.
const clockSkew = 30 * time.Second

// maxPassed bounds the memory of the tokens that are remembered.
const maxPassed = 10_000

// NewVerifier returns a Verifier that trusts keys.
func NewVerifier(keys Keys, now func() time.Time) *Verifier {
	return &Verifier{keys: keys, now: now, passed: make(map[string]verified)}
}

// Access returns who presents the access token, or fault.Unauthenticated.
// Whether the session still lives is for the store to say.
func (v *Verifier) Access(ctx context.Context, token string) (Principal, error) {
	v.mu.RLock()
	known, ok := v.passed[token]
	v.mu.RUnlock()
	if ok && v.now().Before(known.expires) {
		return known.who, nil
	}
	claims, err := v.verify(ctx, token, accessType, accessAudience)
	if err != nil {
		return Principal{}, err
	}
	who, err := principalOf(claims)
	if err != nil {
		return Principal{}, err
	}
	expires, _ := claims.Expiration()
	v.remember(token, verified{who, expires})
	return who, nil
}

// Refresh returns the session and generation that a refresh token is of, or
// fault.Unauthenticated.
func (v *Verifier) Refresh(ctx context.Context, token string) (Principal, int, error) {
	claims, err := v.verify(ctx, token, refreshType, refreshAudience)
	if err != nil {
		return Principal{}, 0, err
	}
	who, err := principalOf(claims)
	if err != nil {
		return Principal{}, 0, err
	}
	var generation float64
	if err := claims.Get(generationClaim, &generation); err != nil {
		return Principal{}, 0, refused(err)
	}
	return who, int(generation), nil
}

func (v *Verifier) remember(token string, entry verified) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.passed) >= maxPassed {
		clear(v.passed)
	}
	v.passed[token] = entry
}

// verify checks signature, type, issuer, audience and time. Keys say which
// algorithm they are for, so that a token cannot choose another, or none.
func (v *Verifier) verify(ctx context.Context, token, typ, audience string) (jwt.Token, error) {
	message, err := jws.ParseString(token)
	if err != nil || len(message.Signatures()) != 1 {
		return nil, refused(err)
	}
	headers := message.Signatures()[0].ProtectedHeaders()
	if got, _ := headers.Type(); got != typ {
		return nil, refused(fmt.Errorf("typ is not %s", typ))
	}
	if algorithm, _ := headers.Algorithm(); algorithm != jwa.EdDSA() {
		return nil, refused(fmt.Errorf("alg is not EdDSA"))
	}
	kid, _ := headers.KeyID()
	keys, err := v.keys(ctx, kid)
	if err != nil {
		return nil, err
	}
	claims, err := jwt.ParseString(token, jwt.WithKeySet(keys), jwt.WithValidate(true),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithClock(jwt.ClockFunc(v.now)), jwt.WithAcceptableSkew(clockSkew),
		jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithRequiredClaim(jwt.SubjectKey))
	if err != nil {
		return nil, refused(err)
	}
	return claims, nil
}

func principalOf(claims jwt.Token) (Principal, error) {
	subject, _ := claims.Subject()
	account, err := uuid.Parse(subject)
	if err != nil {
		return Principal{}, refused(err)
	}
	var sid string
	if err := claims.Get(sessionClaim, &sid); err != nil {
		return Principal{}, refused(err)
	}
	session, err := uuid.Parse(sid)
	if err != nil {
		return Principal{}, refused(err)
	}
	return Principal{Account: account, Session: session}, nil
}

func refused(cause error) error {
	return fault.New(fault.Unauthenticated, "the token is not valid, or no longer: sign in again").Because(cause)
}
