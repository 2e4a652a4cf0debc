// Command tinymodel writes a language model that knows nothing: the least that
// a real Ollama loads and runs, with random weights, in half a
// megabyte. What it says means nothing, and is the same for the same seed. It
// proves that a message travels through Ollama, not that one is understood.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"

	"github.com/ollama/ollama/fs/ggml"
)

// The model's shape, in the terms of GGUF's llama architecture.
const (
	width  = 64 // of an embedding
	heads  = 4
	hidden = 128  // width of a feed-forward layer
	window = 4096 // tokens
)

func main() {
	out := flag.String("o", "tiny.gguf", "the file to write")
	seed := flag.Uint64("seed", 1, "of the weights")
	layers := flag.Int("layers", 2, "more make it slower")
	flag.Parse()
	if err := write(*out, *seed, *layers); err != nil {
		fmt.Fprintln(os.Stderr, "tinymodel:", err)
		os.Exit(1)
	}
}

func write(name string, seed uint64, layers int) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	values, tensors := model(seed, layers)
	return errors.Join(ggml.WriteGGUF(file, values, tensors), file.Close())
}

// Kinds of tokens, as GGUF numbers them.
const (
	normal  = 1
	unknown = 2
	control = 3
	unused  = 5
	byteOf  = 6
)

// vocabulary is that of a SentencePiece tokenizer without merges: the special
// tokens, every byte, and every printable character of ASCII, where ▁ is the
// space.
func vocabulary() (tokens []string, kinds []int32, scores []float32) {
	add := func(token string, kind int32) {
		tokens, kinds = append(tokens, token), append(kinds, kind)
		score := float32(0)
		if kind == normal {
			score = -1
		}
		scores = append(scores, score)
	}
	add("<unk>", unknown)
	add("<s>", control)
	add("</s>", control)
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), byteOf)
	}
	add("▁", normal)
	for c := '!'; c <= '~'; c++ {
		add(string(c), normal)
	}
	for len(tokens)%32 != 0 {
		add(fmt.Sprintf("<unused%d>", len(tokens)), unused)
	}
	return tokens, kinds, scores
}

func model(seed uint64, layers int) (ggml.KV, []*ggml.Tensor) {
	tokens, kinds, scores := vocabulary()
	w := weights{random: rand.New(rand.NewPCG(seed, 0))}
	w.matrix("token_embd.weight", width, len(tokens))
	w.ones("output_norm.weight", width)
	w.matrix("output.weight", width, len(tokens))
	for i := range layers {
		layer := fmt.Sprintf("blk.%d.", i)
		w.ones(layer+"attn_norm.weight", width)
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
			w.matrix(layer+name+".weight", width, width)
		}
		w.ones(layer+"ffn_norm.weight", width)
		w.matrix(layer+"ffn_gate.weight", width, hidden)
		w.matrix(layer+"ffn_up.weight", width, hidden)
		w.matrix(layer+"ffn_down.weight", hidden, width)
	}
	return ggml.KV{
		"general.architecture":                   "llama",
		"general.name":                           "tiny-random",
		"general.file_type":                      uint32(0), // all F32
		"general.parameter_count":                w.count,
		"general.quantization_version":           uint32(2),
		"llama.block_count":                      uint32(layers),
		"llama.context_length":                   uint32(window),
		"llama.embedding_length":                 uint32(width),
		"llama.feed_forward_length":              uint32(hidden),
		"llama.attention.head_count":             uint32(heads),
		"llama.attention.head_count_kv":          uint32(heads),
		"llama.attention.layer_norm_rms_epsilon": float32(1e-5),
		"llama.rope.dimension_count":             uint32(width / heads),
		"llama.rope.freq_base":                   float32(10000),
		"llama.vocab_size":                       uint32(len(tokens)),
		"tokenizer.ggml.model":                   "llama",
		"tokenizer.ggml.pre":                     "default",
		"tokenizer.ggml.tokens":                  tokens,
		"tokenizer.ggml.scores":                  scores,
		"tokenizer.ggml.token_type":              kinds,
		"tokenizer.ggml.unknown_token_id":        uint32(0),
		"tokenizer.ggml.bos_token_id":            uint32(1),
		"tokenizer.ggml.eos_token_id":            uint32(2),
		"tokenizer.ggml.add_bos_token":           true,
		"tokenizer.ggml.add_eos_token":           false,
		"tokenizer.ggml.add_space_prefix":        false,
	}, w.tensors
}

// weights collects tensors.
type weights struct {
	random  *rand.Rand
	tensors []*ggml.Tensor
	count   uint64
}

// matrix adds out rows of in normally distributed numbers each, scaled so that
// what goes through keeps its size.
func (w *weights) matrix(name string, in, out int) {
	values := make([]float32, in*out)
	for i := range values {
		values[i] = float32(w.random.NormFloat64() / math.Sqrt(float64(in)))
	}
	w.add(name, values, uint64(in), uint64(out))
}

// ones adds a vector of ones, which is what a norm begins with.
func (w *weights) ones(name string, n int) {
	values := make([]float32, n)
	for i := range values {
		values[i] = 1
	}
	w.add(name, values, uint64(n))
}

func (w *weights) add(name string, values []float32, shape ...uint64) {
	var content bytes.Buffer
	_ = binary.Write(&content, binary.LittleEndian, values)                                            // into memory: never fails
	w.tensors = append(w.tensors, &ggml.Tensor{Name: name, Kind: 0, Shape: shape, WriterTo: &content}) // kind 0 is F32
	w.count += uint64(len(values))
}
