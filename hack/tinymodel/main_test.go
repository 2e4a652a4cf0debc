package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestTheSameSeedIsTheSameModel(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{}
	for name, seed := range map[string]uint64{"a": 1, "b": 1, "c": 2} {
		path := filepath.Join(t.TempDir(), "tiny.gguf")
		if err := write(path, seed, 2); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = content
	}
	if !bytes.Equal(files["a"], files["b"]) || bytes.Equal(files["a"], files["c"]) {
		t.Error("want the same bytes for the same seed, and others for another")
	}
	if !bytes.HasPrefix(files["a"], []byte("GGUF")) || len(files["a"]) > 1<<20 {
		t.Errorf("%d bytes that begin with %q, want less than a megabyte of GGUF", len(files["a"]), files["a"][:4])
	}
}
