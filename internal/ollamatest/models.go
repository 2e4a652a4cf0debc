package ollamatest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ollama/ollama/api"
)

// template is what tells a model who says what: these models know no turns.
const template = "{{ .System }}\n{{ .Prompt }}\n"

// TinyModel makes a model that knows nothing (hack/tinymodel), and returns its
// file. With 2 layers it says thousands of tokens a second, with 200 dozens.
func TinyModel(t testing.TB, layers int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tiny.gguf")
	make := exec.CommandContext(t.Context(), "go", "run", "github.com/todochat/todochat/hack/tinymodel", "-o", file, "-layers", strconv.Itoa(layers))
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("make a model: %v\n%s", err, out)
	}
	return file
}

// Create gives a server a model under a name.
func Create(t testing.TB, host, name, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	client := api.NewClient(&url.URL{Scheme: "http", Host: host}, http.DefaultClient)
	digest := digestOf(content)
	if err := client.CreateBlob(t.Context(), digest, bytes.NewReader(content)); err != nil {
		t.Fatalf("upload a model: %v", err)
	}
	request := &api.CreateRequest{
		Model: name, Files: map[string]string{"tiny.gguf": digest}, Template: template,
		Parameters: map[string]any{"num_thread": 1}, // more make a model this small slower
	}
	if err := client.Create(t.Context(), request, func(api.ProgressResponse) error { return nil }); err != nil {
		t.Fatalf("create a model: %v", err)
	}
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }
