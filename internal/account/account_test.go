package account_test

import (
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
)

var noon = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

func TestAnAddressIsKeptLowerCaseAndOnlyAnAddressIsOne(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" Ada@Example.COM ":        "ada@example.com",
		"ada+lists@example.com":    "ada+lists@example.com",
		"%@example.com":            "%@example.com", // a character like any other: nothing matches by pattern
		"Ada <ada@example.com>":    "",
		"ada@example.com, b@x.com": "",
		"ada":                      "",
		"":                         "",
		strings.Repeat("a", 250) + "@example.com": "",
	} {
		got, err := account.ParseEmail(in)
		if got != want || (want == "") != (fault.KindOf(err) == fault.Invalid) {
			t.Errorf("ParseEmail(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestATimeZoneIsAnIANAName(t *testing.T) {
	t.Parallel()
	for zone, ok := range map[string]bool{"Europe/Berlin": true, "UTC": true, "Asia/Karachi": true, "Local": false, "Mars/Olympus": false, "../etc": false} {
		_, err := account.New(uuid.New(), "a@example.com", "Ada", zone, noon)
		if (err == nil) != ok {
			t.Errorf("time zone %q: %v, want accepted %t", zone, err, ok)
		}
	}
}

func TestAPasswordHashMatchesItsPasswordOnly(t *testing.T) {
	t.Parallel()
	h := account.NewHasher(time.Minute)
	phc, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash = %q, want argon2id with m=19456,t=2,p=1", phc)
	}
	for _, c := range []struct {
		phc, password string
		want          bool
	}{{phc, "correct horse", true}, {phc, "Correct horse", false}, {phc, "", false}, {"", "correct horse", false}} {
		if got, err := h.Verify(t.Context(), c.phc, c.password); got != c.want || err != nil {
			t.Errorf("Verify(%.20q, %q) = %t, %v, want %t", c.phc, c.password, got, err, c.want)
		}
	}
	if _, err := h.Verify(t.Context(), "$2b$10$damaged", "x"); err == nil {
		t.Error("a damaged hash verified without an error")
	}
}

func TestWhoWaitsTooLongToSignInIsToldToComeBack(t *testing.T) {
	t.Parallel()
	h := account.NewHasher(time.Nanosecond)
	var refused sync.Map
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := h.Hash(t.Context(), "correct horse"); fault.KindOf(err) == fault.Unavailable {
				refused.Store(i, true)
			}
		})
	}
	all.Wait()
	count := 0
	refused.Range(func(any, any) bool { count++; return true })
	if count == 0 {
		t.Error("eight hashes at once with no time to wait: none was turned away")
	}
}

func signer(t *testing.T) *account.Signer {
	t.Helper()
	key, err := account.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := account.ParseSigner([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestATokenComesBackAsTheSessionItWasMadeOf(t *testing.T) {
	t.Parallel()
	s := signer(t)
	session := account.NewSession(uuid.New(), uuid.New(), "test", noon)
	session.Generation = 7
	v := account.NewVerifier(s.Keys, func() time.Time { return noon.Add(time.Minute) })

	access, err := s.Access(session, noon)
	if err != nil {
		t.Fatal(err)
	}
	want := account.Principal{Account: session.Account, Session: session.ID}
	for range 2 { // the second time it is remembered
		if got, err := v.Access(t.Context(), access); got != want || err != nil {
			t.Errorf("Access = %v, %v, want %v", got, err, want)
		}
	}
	refresh, err := s.Refresh(session)
	if err != nil {
		t.Fatal(err)
	}
	if got, generation, err := v.Refresh(t.Context(), refresh); got != want || generation != 7 || err != nil {
		t.Errorf("Refresh = %v, %d, %v, want %v, 7", got, generation, err, want)
	}
	if again, _ := s.Refresh(session); again != refresh {
		t.Errorf("the same session gave two refresh tokens:\n%s\n%s", refresh, again)
	}
}

func TestATokenThatWeDidNotMakeForThisUseIsRefused(t *testing.T) {
	t.Parallel()
	s, stranger := signer(t), signer(t)
	session := account.NewSession(uuid.New(), uuid.New(), "test", noon)
	access, _ := s.Access(session, noon)
	refresh, _ := s.Refresh(session)
	foreign, _ := stranger.Access(session, noon)
	old, _ := s.Access(session, noon.Add(-time.Hour))
	encode := base64.RawURLEncoding.EncodeToString
	claims := strings.Split(access, ".")[1]

	v := account.NewVerifier(s.Keys, func() time.Time { return noon.Add(time.Minute) })
	for name, token := range map[string]string{
		"empty":             "",
		"garbage":           "a.b.c",
		"a refresh token":   refresh,
		"another key":       foreign,
		"expired":           old,
		"alg none":          encode([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + claims + ".",
		"another signature": access[:len(access)-10] + "AAAAAAAAAA",
		"HS256 of our key":  hmacOfPublicKey(t, s, session),
		"claims of another": strings.Replace(access, claims, encode([]byte(`{"sub":"x"}`)), 1),
	} {
		if who, err := v.Access(t.Context(), token); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %v, %v, want it refused", name, who, err)
		}
	}
	if _, _, err := v.Refresh(t.Context(), access); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("an access token refreshed: %v", err)
	}
}

// hmacOfPublicKey signs with the public key as if it were a shared secret.
func hmacOfPublicKey(t *testing.T, s *account.Signer, session account.Session) string {
	t.Helper()
	public, _ := s.PublicKeys().Key(0)
	secret, err := jwk.Import([]byte(mustJSON(t, public)))
	if err != nil {
		t.Fatal(err)
	}
	kid, _ := public.KeyID()
	if err := secret.Set(jwk.KeyIDKey, kid); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.NewBuilder().Issuer("todochat").Audience([]string{"todochat-api"}).
		Subject(session.Account.String()).Claim("sid", session.ID.String()).Expiration(noon.Add(time.Hour)).Build()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.HS256(), secret))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func mustJSON(t *testing.T, key jwk.Key) string {
	t.Helper()
	pem, err := jwk.Pem(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem)
}

func TestClocksMayDifferALittle(t *testing.T) {
	t.Parallel()
	s := signer(t)
	token, err := s.Access(account.NewSession(uuid.New(), uuid.New(), "test", noon), noon)
	if err != nil {
		t.Fatal(err)
	}
	for behind, ok := range map[time.Duration]bool{500 * time.Millisecond: true, 20 * time.Second: true, 5 * time.Minute: false} {
		v := account.NewVerifier(s.Keys, func() time.Time { return noon.Add(-behind) })
		if _, err := v.Access(t.Context(), token); (err == nil) != ok {
			t.Errorf("a verifier %v behind: %v, want accepted %t", behind, err, ok)
		}
	}
}

func TestAKeyRotatedOutStillVerifies(t *testing.T) {
	t.Parallel()
	const oldKey = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGxvY2FsIHRlc3Qga2V5LCBub3QgYSBzZWNyZXQhISE0\n-----END PRIVATE KEY-----\n"
	const newKey = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGFub3RoZXIgdGVzdCBrZXksIG5vIHNlY3JldCEhISE0\n-----END PRIVATE KEY-----\n"
	before, err := account.ParseSigner([]byte(oldKey))
	if err != nil {
		t.Fatal(err)
	}
	after, err := account.ParseSigner([]byte(newKey + oldKey))
	if err != nil {
		t.Fatal(err)
	}
	session := account.NewSession(uuid.New(), uuid.New(), "test", noon)
	v := account.NewVerifier(after.Keys, func() time.Time { return noon })
	for _, s := range []*account.Signer{before, after} {
		token, err := s.Access(session, noon)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Access(t.Context(), token); err != nil {
			t.Errorf("a token of a key in the set is refused: %v", err)
		}
	}
	for name, data := range map[string]string{"nothing": "", "no key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := account.ParseSigner([]byte(data)); err == nil {
			t.Errorf("%s was taken for a signing key", name)
		}
	}
}
