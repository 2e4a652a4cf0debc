package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/web"
)

// Cookies live here and nowhere else: the functions take bearer tokens only,
// and the page never sees a token.

// cookieNames include the port, since all ports of localhost share cookies.
type cookieNames struct{ access, refresh string }

func cookieNamesFor(addr net.Addr) cookieNames {
	_, port, _ := net.SplitHostPort(addr.String())
	return cookieNames{"todochat_access_" + port, "todochat_refresh_" + port}
}

const (
	// refreshAhead is how long before an access token expires its cookie goes
	// away: a request without it is the sign that it must be refreshed.
	refreshAhead = 60 * time.Second

	// refreshLife is how long the browser keeps the refresh token: as long as
	// a session lasts.
	refreshLife = 30 * 24 * time.Hour

	// maxCredentials bounds the body of a sign-in, in bytes.
	maxCredentials = 16 << 10

	// callTime bounds a call to the todo function about a session: it may have
	// to wake first.
	callTime = 30 * time.Second
)

// tokens are what signing in and refreshing yield.
type tokens struct {
	AccessToken  string         `json:"access_token"`
	ExpiresIn    int            `json:"expires_in"` // seconds
	RefreshToken string         `json:"refresh_token"`
	Account      jsontext.Value `json:"account,omitzero"`
}

// signIn passes credentials on to the todo function and keeps the tokens that
// come back as cookies. Its refusals are passed on as they are.
func (f *frontend) signIn(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCredentials))
		if err != nil {
			web.Fail(w, r, fault.New(fault.TooLarge, "credentials have at most 16 KiB").Because(err))
			return
		}
		header := http.Header{"Content-Type": r.Header["Content-Type"], "User-Agent": r.Header["User-Agent"]}
		var granted tokens
		if err := f.call(r.Context(), path, header, body, &granted); err != nil {
			failLike(w, r, err)
			return
		}
		f.keep(w, r, granted)
		w.Header().Set("Cache-Control", "no-store")
		web.WriteJSON(w, struct {
			Account jsontext.Value `json:"account"`
		}{granted.Account})
	}
}

// signOut ends the session, then forgets it. When the todo function cannot be
// reached the cookies stay: nobody is told that they are signed out when they
// are not.
func (f *frontend) signOut(w http.ResponseWriter, r *http.Request) {
	err := f.endSession(w, r)
	if isRefused(err) && dropCookie(r, f.cookies.access) {
		err = f.endSession(w, r) // the session may live although the access token does not
	}
	if err != nil && !isRefused(err) {
		failLike(w, r, err)
		return
	}
	f.forget(w, r)
	w.WriteHeader(http.StatusNoContent)
}

func (f *frontend) endSession(w http.ResponseWriter, r *http.Request) error {
	access, err := f.accessToken(w, r)
	if err != nil || access == "" {
		return err
	}
	return f.call(r.Context(), "/api/auth/logout", http.Header{"Authorization": {"Bearer " + access}}, nil, nil)
}

// dropCookie takes a cookie off the request, and reports whether it was there.
func dropCookie(r *http.Request, name string) bool {
	cookies := r.Cookies()
	kept := slices.DeleteFunc(slices.Clone(cookies), func(c *http.Cookie) bool { return c.Name == name })
	r.Header.Del("Cookie")
	for _, c := range kept {
		r.AddCookie(c)
	}
	return len(kept) < len(cookies)
}

// withBearer turns the cookie of a request without Authorization into a
// bearer token, refreshed when it is about to expire.
func (f *frontend) withBearer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			access, err := f.accessToken(w, r)
			if isRefused(err) {
				f.forget(w, r)
			}
			if err != nil {
				failLike(w, r, err)
				return
			}
			if access != "" {
				r.Header.Set("Authorization", "Bearer "+access)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// accessToken returns the access token of the request's session, or nothing
// if it has none. Requests of one session that need a new one share it.
func (f *frontend) accessToken(w http.ResponseWriter, r *http.Request) (string, error) {
	if c, err := r.Cookie(f.cookies.access); err == nil && c.Value != "" {
		return c.Value, nil
	}
	c, err := r.Cookie(f.cookies.refresh)
	if err != nil || c.Value == "" {
		return "", nil
	}
	shared, err, _ := f.refreshing.Do(c.Value, func() (any, error) {
		body, err := json.Marshal(map[string]string{"refresh_token": c.Value})
		if err != nil {
			return nil, err
		}
		var granted tokens
		err = f.call(context.WithoutCancel(r.Context()), "/api/auth/refresh", http.Header{"Content-Type": {"application/json"}}, body, &granted)
		return granted, err
	})
	if err != nil {
		return "", err
	}
	granted := shared.(tokens)
	f.keep(w, r, granted)
	return granted.AccessToken, nil
}

func (f *frontend) keep(w http.ResponseWriter, r *http.Request, t tokens) {
	f.setCookie(w, r, f.cookies.access, t.AccessToken, time.Duration(t.ExpiresIn)*time.Second-refreshAhead)
	f.setCookie(w, r, f.cookies.refresh, t.RefreshToken, refreshLife)
}

func (f *frontend) forget(w http.ResponseWriter, r *http.Request) {
	w.Header().Del("Set-Cookie")
	f.setCookie(w, r, f.cookies.access, "", -1)
	f.setCookie(w, r, f.cookies.refresh, "", -1)
}

func (f *frontend) setCookie(w http.ResponseWriter, r *http.Request, name, value string, life time.Duration) {
	age := int(life.Seconds())
	if life < 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: f.isSecure(r),
	})
}

// isSecure reports whether the browser reached us over https: elsewhere it
// would drop Secure cookies.
func (f *frontend) isSecure(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	for _, public := range f.public {
		if public.String() == origin || origin == "" && (public.Host == r.Host || public.Host == r.Header.Get("X-Forwarded-Host")) {
			return public.Scheme == "https"
		}
	}
	if len(f.public) == 1 { // a proxy hides which host was asked for, but there is only one
		return f.public[0].Scheme == "https"
	}
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// refusal is an answer of the todo function that is not 2xx.
type refusal struct {
	status int
	header http.Header
	body   []byte
}

func (r *refusal) Error() string { return fmt.Sprintf("todo answers %d", r.status) }

func isRefused(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == http.StatusUnauthorized
}

// call posts to the todo function and decodes its answer into out, unless nil.
func (f *frontend) call(ctx context.Context, path string, header http.Header, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.todo.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("call todo: %w", err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set(web.RequestIDHeader, web.RequestID(ctx))
	response, err := f.client.Do(request)
	if err != nil {
		return unreachable(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return unreachable(err)
	}
	if response.StatusCode/100 != 2 {
		return &refusal{response.StatusCode, response.Header, answer}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode todo's answer: %w", err)
	}
	return nil
}

func unreachable(cause error) error {
	f := fault.New(fault.Unavailable, "this part of the application does not answer right now: try again in a moment")
	f.RetryAfter = time.Second
	return f.Because(cause)
}

// failLike passes a refusal on as it is, and any other error as a Problem.
func failLike(w http.ResponseWriter, r *http.Request, err error) {
	var refused *refusal
	if !errors.As(err, &refused) {
		web.Fail(w, r, err)
		return
	}
	for _, name := range []string{"Content-Type", "Retry-After", "Www-Authenticate"} {
		if values := refused.header[name]; len(values) > 0 {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(refused.status)
	_, _ = w.Write(refused.body) // the client may be gone
}
