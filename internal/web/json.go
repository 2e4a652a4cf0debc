package web

import (
	"errors"
	"fmt"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/todochat/todochat/internal/fault"
)

// strictJSON is how bodies are read and written: a duplicate, miscased or
// unknown name is an error, and so is text that is not UTF-8.
var strictJSON = huma.Format{
	Marshal: func(w io.Writer, v any) error { return json.MarshalWrite(w, v) },
	Unmarshal: func(data []byte, v any) error {
		return readable(json.Unmarshal(data, v, json.RejectUnknownMembers(true)))
	},
}

// readable says in our words what is wrong with a body: the decoder's own
// quote what was sent.
func readable(err error) error {
	var syntax *jsontext.SyntacticError
	var semantic *json.SemanticError
	var f *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case errors.Is(err, jsontext.ErrDuplicateName):
		return errors.New("a name stands twice in the same object: send it once")
	case errors.As(err, &syntax):
		return fmt.Errorf("the body is not valid JSON: look near byte %d", syntax.ByteOffset)
	case errors.Is(err, json.ErrUnknownName):
		return errors.New(unknownMember)
	case errors.As(err, &semantic):
		return fmt.Errorf("a value has the wrong type: look near byte %d", semantic.ByteOffset)
	}
	return errors.New("the body is not valid JSON")
}

const unknownMember = "there is a member with an unknown name: check its spelling, capitals included"
