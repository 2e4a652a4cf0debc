package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/web"
)

type registerInput struct {
	UserAgent string `header:"User-Agent"`
	Body      struct {
		Email    string `json:"email" maxLength:"254"`
		Password string `json:"password" minLength:"8" maxLength:"128"`
		Name     string `json:"name" minLength:"1" maxLength:"100"`
		TimeZone string `json:"time_zone,omitempty" doc:"An IANA name; UTC if left out" example:"Europe/Berlin"`
	}
}

// TokensBody is exported for huma, which passes over embedded structs that are
// not.
type TokensBody struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type" enum:"Bearer"`
	ExpiresIn    int    `json:"expires_in" doc:"Seconds until the access token expires"`
	RefreshToken string `json:"refresh_token"`
}

type signInOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		TokensBody
		Account account.Account `json:"account"`
	}
}

func (f *function) register(ctx context.Context, in *registerInput) (*signInOutput, error) {
	if err := account.CheckPassword(in.Body.Password); err != nil {
		return nil, below("body.", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	who, err := account.New(id, in.Body.Email, in.Body.Name, in.Body.TimeZone, f.now())
	if err != nil {
		return nil, below("body.", err)
	}
	hash, err := f.hasher.Hash(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	session, err := f.newSession(who.ID, in.UserAgent)
	if err != nil {
		return nil, err
	}
	if err := f.store.Register(ctx, who, hash, session); err != nil {
		return nil, err
	}
	return f.signedIn(who, session)
}

type loginInput struct {
	UserAgent string `header:"User-Agent"`
	Body      struct {
		Email    string `json:"email" maxLength:"254"`
		Password string `json:"password" maxLength:"128"`
	}
}

// login does the same work and answers the same whether the account does not
// exist or the password is another.
func (f *function) login(ctx context.Context, in *loginInput) (*signInOutput, error) {
	email, err := account.ParseEmail(in.Body.Email)
	if err != nil {
		return nil, below("body.", err)
	}
	who, hash, err := f.store.Credentials(ctx, email)
	if err != nil {
		return nil, err
	}
	ok, err := f.hasher.Verify(ctx, hash, in.Body.Password)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.Unauthenticated, "the e-mail address or the password is not right")
	}
	session, err := f.newSession(who.ID, in.UserAgent)
	if err != nil {
		return nil, err
	}
	if err := f.store.Begin(ctx, session); err != nil {
		return nil, err
	}
	return f.signedIn(who, session)
}

func (f *function) newSession(owner uuid.UUID, userAgent string) (account.Session, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return account.Session{}, fmt.Errorf("make an id: %w", err)
	}
	return account.NewSession(owner, id, userAgent, f.now()), nil
}

func (f *function) signedIn(who account.Account, session account.Session) (*signInOutput, error) {
	tokens, err := f.tokens(session)
	if err != nil {
		return nil, err
	}
	out := &signInOutput{CacheControl: "no-store"}
	out.Body.TokensBody, out.Body.Account = tokens, who
	return out, nil
}

func (f *function) tokens(session account.Session) (TokensBody, error) {
	access, err := f.signer.Access(session, f.now())
	if err != nil {
		return TokensBody{}, err
	}
	refresh, err := f.signer.Refresh(session)
	if err != nil {
		return TokensBody{}, err
	}
	return TokensBody{access, "Bearer", int(account.AccessLife.Seconds()), refresh}, nil
}

type refreshInput struct {
	Body struct {
		RefreshToken string `json:"refresh_token" maxLength:"2000"`
	}
}

type tokensOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         TokensBody
}

func (f *function) refresh(ctx context.Context, in *refreshInput) (*tokensOutput, error) {
	who, generation, err := f.verifier.Refresh(ctx, in.Body.RefreshToken)
	if err != nil {
		return nil, err
	}
	session, err := f.store.Refresh(ctx, who, generation)
	if err != nil {
		return nil, err
	}
	tokens, err := f.tokens(session)
	if err != nil {
		return nil, err
	}
	return &tokensOutput{"no-store", tokens}, nil
}

type logoutInput struct {
	Body *struct {
		RefreshToken string `json:"refresh_token,omitempty" doc:"Not needed: the access token names the session"`
	}
}

func (f *function) logout(ctx context.Context, who account.Principal, _ *logoutInput) (*struct{}, error) {
	return nil, f.store.End(ctx, who)
}

type accountOutput struct {
	Body struct {
		account.Account
		Counts account.Counts `json:"counts"`
	}
}

func (f *function) me(ctx context.Context, who account.Principal, _ *struct{}) (*accountOutput, error) {
	out := &accountOutput{}
	var err error
	out.Body.Account, out.Body.Counts, err = f.store.Account(ctx, who)
	if err != nil {
		return nil, err
	}
	return out, nil
}

type changeMeInput struct {
	Body struct {
		Name     *string `json:"name,omitempty" minLength:"1" maxLength:"100"`
		TimeZone *string `json:"time_zone,omitempty" doc:"An IANA name" example:"Europe/Berlin"`
	}
}

func (f *function) changeMe(ctx context.Context, who account.Principal, in *changeMeInput) (*accountOutput, error) {
	var a account.Account // holds what was sent, checked
	if in.Body.Name != nil {
		if err := a.Rename(*in.Body.Name); err != nil {
			return nil, below("body.", err)
		}
		in.Body.Name = &a.Name
	}
	if in.Body.TimeZone != nil {
		if err := a.MoveTo(*in.Body.TimeZone); err != nil {
			return nil, below("body.", err)
		}
	}
	if err := f.store.SetProfile(ctx, who, in.Body.Name, in.Body.TimeZone); err != nil {
		return nil, err
	}
	return f.me(ctx, who, nil)
}

// publishKeys serves the JWKS by which others verify our tokens.
func (f *function) publishKeys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	web.WriteJSON(w, f.signer.PublicKeys())
}
