// Package schema checks JSON bodies against JSON Schema (draft 2020-12), the one
// of OpenAPI 3.1. It does not know what a body is for.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// Bounds.
const (
	MaxDepth    = 64 // of arrays and objects in a body
	maxProblems = 5  // that one answer lists
	maxProblem  = 200
)

// Document is a JSON document with schemas in it, such as an OpenAPI page.
type Document struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

// address is the document's own name; nothing is ever loaded from anywhere.
const address = "fnstore:document"

// Open reads a document. References that lead out of it are errors of At.
func Open(doc []byte) (*Document, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return nil, fmt.Errorf("read the schemas: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(nowhere{})
	if err := c.AddResource(address, v); err != nil {
		return nil, fmt.Errorf("read the schemas: %w", err)
	}
	return &Document{compiler: c}, nil
}

type nowhere struct{}

// Load refuses: a schema names nothing outside of its document.
func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is outside of the document", url)
}

// Schema checks values.
type Schema struct{ compiled *jsonschema.Schema }

// At gives the schema at a JSON pointer (RFC 6901), such as
// /components/schemas/User.
func (d *Document) At(pointer string) (*Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.compiler.Compile(address + "#" + pointer)
	if err != nil {
		return nil, fmt.Errorf("schema at %s: %w", pointer, err)
	}
	return &Schema{s}, nil
}

// Check tells whether body is one JSON value that the schema allows, without a
// member that is there twice. The error is a fault.Invalid that names each
// place by its JSON pointer.
func (s *Schema) Check(body []byte) error {
	if !json.Valid(body) {
		return fault.New(fault.Invalid, "bad_json", "Invalid request body: it is not JSON")
	}
	if depth(body) > MaxDepth {
		return fault.New(fault.Invalid, "bad_json", "Invalid request body: it is nested deeper than %d", MaxDepth)
	}
	if name, twice := wire.Repeated(body); twice {
		return fault.New(fault.Invalid, "duplicate_member", "Invalid request body: the member %.64q is there twice; names that differ in case alone count as one", name)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Invalid, "bad_json", "Invalid request body: it is not JSON")
	}
	var invalid *jsonschema.ValidationError
	if err := s.compiled.Validate(v); errors.As(err, &invalid) {
		return fault.New(fault.Invalid, "invalid_body", "Invalid request body: %s", strings.Join(problems(invalid), "; "))
	} else if err != nil {
		return fmt.Errorf("check a body: %w", err)
	}
	return nil
}

// problems lists what is wrong, place by place.
func problems(e *jsonschema.ValidationError) (list []string) {
	for _, u := range e.BasicOutput().Errors {
		if u.Error == nil {
			continue
		}
		if len(list) == maxProblems {
			return append(list, "and more")
		}
		at := u.InstanceLocation
		if at == "" {
			at = "/"
		}
		text := strings.ToValidUTF8(at+": "+u.Error.String(), "�")
		if len(text) > maxProblem {
			text = strings.ToValidUTF8(text[:maxProblem], "") + "…"
		}
		list = append(list, text)
	}
	return list
}

// depth is how deep the arrays and objects of valid JSON lie in each other.
func depth(valid []byte) (most int) {
	now := 0
	for i := 0; i < len(valid); i++ {
		switch valid[i] {
		case '"':
			for i++; valid[i] != '"'; i++ {
				if valid[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			now++
			most = max(most, now)
		case '}', ']':
			now--
		}
	}
	return most
}
