package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/todochat/todochat/internal/account"
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
	SignInWait       time.Duration `env:"SIGN_IN_WAIT, default=10s"`                   // how long a sign-in waits for its turn
}

func readConfig(ctx context.Context, getenv func(string) string) (c config, err error) {
	err = web.Read(ctx, getenv, &c)
	return c, err
}

func (c config) database() postgres.Config {
	return postgres.Config{URL: c.DatabaseURL, ExecMode: c.DatabaseExecMode, PoolSize: c.DatabasePoolSize, Name: "todo"}
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
