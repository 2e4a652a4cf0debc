// Package intentmodel is the language model that belongs to this program: it is
// a few megabytes, reads messages to a todo list, and knows nothing else.
//
// The model does not write, it points. It reads a message as numbered units
// (words and marks) and answers with operations and the numbers of the first
// and the last unit of each span; Read copies the spans from the message. So
// it can neither misspell what people wrote, in any script, nor say a word
// that they did not.
package intentmodel

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"sync"
)

// Name is what an Ollama server calls the model, but for the digest of its
// file.
const Name = "todochat-intent"

//go:embed model.gguf
var gguf []byte

// GGUF returns the file of the model. Callers must not change it.
func GGUF() []byte { return gguf }

// Digest returns the SHA-256 of the file, in hexadecimal.
func Digest() string { return digest() }

var digest = sync.OnceValue(func() string {
	sum := sha256.Sum256(gguf)
	return hex.EncodeToString(sum[:])
})
