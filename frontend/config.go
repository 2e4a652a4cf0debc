package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/todochat/todochat/internal/web"
)

// config is all that the frontend can be told.
type config struct {
	web.Config
	TodoURL   string   `env:"TODO_URL, required"` // where the todo function is reached
	ChatURL   string   `env:"CHAT_URL, required"` // where the chat function is reached
	PublicURL []string `env:"PUBLIC_URL"`         // the origins that browsers see, where a proxy rewrites Host
}

func readConfig(ctx context.Context, getenv func(string) string) (c config, err error) {
	err = web.Read(ctx, getenv, &c)
	return c, err
}

// parseOrigin reads a URL of which only scheme and host matter.
func parseOrigin(name, s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("read %s: it must look like http://host:port", name)
	}
	host := strings.ToLower(u.Host)
	if port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]; strings.HasSuffix(host, port) {
		host = strings.TrimSuffix(host, port) // as browsers write origins
	}
	return &url.URL{Scheme: u.Scheme, Host: host}, nil
}
