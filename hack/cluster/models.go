package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// modelRegistry is where Ollama pulls models from. In the node its name leads to
// our registry, by TLS with the cluster's own authority, which Ollama's image
// trusts. So what pulls a model is as it is elsewhere; only the model is not:
// it is a tiny one with random weights (hack/tinymodel).
const modelRegistry = "registry.ollama.ai"

// models are the names of it. A test compares them with config/knative.
var models = []string{"library/llama3.2:3b"}

// serveModels serves the registry under that name.
func serveModels(registry http.Handler) error {
	l, err := tls.LoadX509KeyPair("/run/node/models.crt", "/run/node/models.key")
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr:      nodeAddress + ":443",
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{l}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Ollama expects to be sent to another host for the content.
			if r.Host == modelRegistry && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, "https://"+nodeAddress+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			registry.ServeHTTP(w, r)
		}),
	}
	go func() { log.Fatalln("models:", server.ListenAndServeTLS("", "")) }()
	return nil
}

// pushModels makes the model and puts it into the registry.
func (c cluster) pushModels(ctx context.Context) error {
	file := filepath.Join(c.home, "tiny.gguf")
	cmd := exec.CommandContext(ctx, "go", "run", "./hack/tinymodel", "-o", file)
	cmd.Dir = c.repository()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make a model: %w: %s", err, bytes.TrimSpace(out))
	}
	weights, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, model := range models {
		ref, err := name.NewTag(c.image(model))
		if err != nil {
			return err
		}
		if err := c.pushModel(ctx, ref, weights); err != nil {
			return fmt.Errorf("push %s: %w", ref, err)
		}
		say("%s is a model that knows nothing", ref.RepositoryStr()+":"+ref.TagStr())
	}
	return nil
}

func (c cluster) pushModel(ctx context.Context, ref name.Tag, weights []byte) error {
	const kind = "application/vnd.ollama.image."
	settings := static.NewLayer([]byte(`{"model_format":"gguf","model_family":"llama","model_families":["llama"],`+
		`"model_type":"131K","file_type":"F32","os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`), types.DockerConfigJSON)
	layers := []v1.Layer{
		static.NewLayer(weights, kind+"model"),
		static.NewLayer([]byte("{{ .System }}\n{{ .Prompt }}\n"), kind+"template"),
		// More threads than cores that are free make such a small model slow.
		static.NewLayer([]byte(`{"num_thread":1}`), kind+"params"),
	}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.DockerManifestSchema2}
	for i, layer := range append([]v1.Layer{settings}, layers...) {
		if err := remote.WriteLayer(ref.Context(), layer, remote.WithContext(ctx)); err != nil {
			return err
		}
		described, err := describe(layer)
		if err != nil {
			return err
		}
		if i == 0 {
			manifest.Config = described
		} else {
			manifest.Layers = append(manifest.Layers, described)
		}
	}
	content, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	return remote.Put(ref, rawManifest(content), remote.WithContext(ctx))
}

func describe(layer v1.Layer) (d v1.Descriptor, err error) {
	if d.MediaType, err = layer.MediaType(); err != nil {
		return d, err
	}
	if d.Digest, err = layer.Digest(); err != nil {
		return d, err
	}
	d.Size, err = layer.Size()
	return d, err
}

// rawManifest is a manifest of no image.
type rawManifest []byte

func (m rawManifest) RawManifest() ([]byte, error)        { return m, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return types.DockerManifestSchema2, nil }
