package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/ollama/ollama/fs/ggml"
	"github.com/x448/float16"

	"github.com/todochat/todochat/internal/intentmodel"
)

// header is the first line of what train.py writes.
type header struct {
	Layers   int     `json:"layers"`
	Width    int     `json:"width"`
	Heads    int     `json:"heads"`
	Hidden   int     `json:"hidden"`
	Epsilon  float32 `json:"epsilon"`
	RopeBase float32 `json:"rope_base"`
	Tensors  []struct {
		Name  string `json:"name"`
		Shape []int  `json:"shape"`
	} `json:"tensors"`
}

// Kinds of tensors, as GGUF numbers them.
const (
	kindF32  = 0
	kindQ8_0 = 8
)

// pack writes the file that Ollama loads: matrices in blocks of 8-bit numbers
// (q8_0), vectors as they are.
func pack(args []string) error {
	flags := flag.NewFlagSet("pack", flag.ExitOnError)
	vocabularyName := flags.String("vocabulary", "vocabulary.json", "the file of the vocabulary")
	weights := flags.String("weights", "weights.bin", "what train.py wrote")
	out := flags.String("o", "model.gguf", "the file to write")
	_ = flags.Parse(args) // ends the program
	v, err := readVocabulary(*vocabularyName)
	if err != nil {
		return err
	}
	file, err := os.Open(*weights)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReader(file)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return fmt.Errorf("read %s: %w", *weights, err)
	}
	tensors, parameters, err := readTensors(in, h)
	if err != nil {
		return fmt.Errorf("read %s: %w", *weights, err)
	}
	made, err := os.Create(*out)
	if err != nil {
		return err
	}
	return errors.Join(ggml.WriteGGUF(made, keyValues(h, v, parameters), tensors), made.Close())
}

func readTensors(in io.Reader, h header) (tensors []*ggml.Tensor, parameters uint64, err error) {
	for _, t := range h.Tensors {
		count := 1
		for _, n := range t.Shape {
			count *= n
		}
		values := make([]float32, count)
		if err := binary.Read(in, binary.LittleEndian, values); err != nil {
			return nil, 0, err
		}
		parameters += uint64(count)
		shape := make([]uint64, len(t.Shape))
		for i, n := range t.Shape { // GGUF names the innermost first
			shape[len(shape)-1-i] = uint64(n)
		}
		made := &ggml.Tensor{Name: t.Name, Kind: kindF32, Shape: shape}
		if len(shape) == 1 {
			var content bytes.Buffer
			_ = binary.Write(&content, binary.LittleEndian, values) // into memory: never fails
			made.WriterTo = &content
		} else {
			made.Kind, made.WriterTo = kindQ8_0, quantize(values)
		}
		tensors = append(tensors, made)
	}
	return tensors, parameters, nil
}

// blockSize is how many weights share one scale.
const blockSize = 32

// quantize writes blocks of a 16-bit scale and 8-bit multiples of it.
func quantize(values []float32) *bytes.Buffer {
	var out bytes.Buffer
	for at := 0; at < len(values); at += blockSize {
		block := values[at : at+blockSize]
		var most float32
		for _, v := range block {
			most = max(most, float32(math.Abs(float64(v))))
		}
		scale := most / 127
		_ = binary.Write(&out, binary.LittleEndian, float16.Fromfloat32(scale).Bits()) // into memory: never fails
		for _, v := range block {
			q := 0.0
			if scale > 0 {
				q = math.RoundToEven(float64(v / scale))
			}
			out.WriteByte(byte(int8(q)))
		}
	}
	return &out
}

// windowTokens is the most that a prompt and its answer can hold: each of the
// units is read twice.
const windowTokens = 1024

func keyValues(h header, v *vocabulary, parameters uint64) ggml.KV {
	return ggml.KV{
		"general.architecture":                   "llama",
		"general.name":                           intentmodel.Name,
		"general.file_type":                      uint32(7), // mostly q8_0
		"general.parameter_count":                parameters,
		"general.quantization_version":           uint32(2),
		"llama.block_count":                      uint32(h.Layers),
		"llama.context_length":                   uint32(windowTokens),
		"llama.embedding_length":                 uint32(h.Width),
		"llama.feed_forward_length":              uint32(h.Hidden),
		"llama.attention.head_count":             uint32(h.Heads),
		"llama.attention.head_count_kv":          uint32(h.Heads),
		"llama.attention.layer_norm_rms_epsilon": h.Epsilon,
		"llama.rope.dimension_count":             uint32(h.Width / h.Heads),
		"llama.rope.freq_base":                   h.RopeBase,
		"llama.vocab_size":                       uint32(len(v.tokens)),
		"tokenizer.ggml.model":                   "llama",
		"tokenizer.ggml.pre":                     "default",
		"tokenizer.ggml.tokens":                  v.tokens,
		"tokenizer.ggml.scores":                  v.scores,
		"tokenizer.ggml.token_type":              v.kinds,
		"tokenizer.ggml.unknown_token_id":        uint32(unknownToken),
		"tokenizer.ggml.bos_token_id":            uint32(beginToken),
		"tokenizer.ggml.eos_token_id":            uint32(endToken),
		"tokenizer.ggml.add_bos_token":           true,
		"tokenizer.ggml.add_eos_token":           false,
		"tokenizer.ggml.add_space_prefix":        false,
	}
}
