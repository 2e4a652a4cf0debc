package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/todochat/todochat/internal/fault"
)

// The cost of a hash, as OWASP's password storage cheat sheet recommends for
// argon2id: 19 MiB, two passes, one lane.
const (
	argonMemory = 19456 // KiB
	argonTime   = 2
	argonLanes  = 1
	saltBytes   = 16
	keyBytes    = 32
)

// Hasher hashes passwords with argon2id (RFC 9106), one at a time for each
// process: each takes 19 MiB and a core, and other requests must not wait.
type Hasher struct {
	slot    chan struct{}
	wait    time.Duration
	unknown string
}

// NewHasher returns a Hasher whose callers wait for their turn for at most
// wait, then get fault.Unavailable.
func NewHasher(wait time.Duration) *Hasher {
	return &Hasher{
		slot: make(chan struct{}, 1), wait: wait,
		unknown: encodePHC(randomBytes(saltBytes), randomBytes(keyBytes)),
	}
}

// Hash returns the PHC string to keep for the password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := randomBytes(saltBytes)
	key, err := h.derive(ctx, password, salt, argonMemory, argonTime, argonLanes, keyBytes)
	if err != nil {
		return "", err
	}
	return encodePHC(salt, key), nil
}

// Verify reports whether the password belongs to the PHC string. An empty
// string stands for an account that does not exist: the same work, and false.
func (h *Hasher) Verify(ctx context.Context, phc, password string) (bool, error) {
	known := phc != ""
	if !known {
		phc = h.unknown
	}
	var version, memory, passes, lanes uint32
	var encoded string
	if _, err := fmt.Sscanf(phc, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &memory, &passes, &lanes, &encoded); err != nil {
		return false, fmt.Errorf("read password hash: %w", err)
	}
	saltText, keyText, _ := strings.Cut(encoded, "$")
	salt, saltErr := base64.RawStdEncoding.DecodeString(saltText)
	want, keyErr := base64.RawStdEncoding.DecodeString(keyText)
	if saltErr != nil || keyErr != nil || len(want) == 0 || version != argon2.Version || passes == 0 || lanes == 0 || lanes > 255 {
		return false, fmt.Errorf("read password hash: it is damaged, or of another version of argon2")
	}
	got, err := h.derive(ctx, password, salt, memory, passes, uint8(lanes), uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

func (h *Hasher) derive(ctx context.Context, password string, salt []byte, memory, passes uint32, lanes uint8, size uint32) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, h.wait)
	defer cancel()
	select {
	case h.slot <- struct{}{}:
		defer func() { <-h.slot }()
	case <-ctx.Done():
		busy := fault.New(fault.Unavailable, "many people are signing in right now: try again in a moment")
		busy.RetryAfter = time.Second
		return nil, busy.Because(ctx.Err())
	}
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, size), nil
}

func encodePHC(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
