// Package openapi renders an OpenAPI 3.1 document as a page that a person can
// read: one HTML file without a script. It does not check the document.
package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// schema is what is shown of a schema.
type schema struct {
	Ref         string             `json:"$ref"`
	Description string             `json:"description"`
	Required    []string           `json:"required"`
	Properties  map[string]*schema `json:"properties"`
	Items       *schema            `json:"items"`

	Type, Format, Pattern   any
	MinLength, MaxLength    *int
	Minimum, Maximum, Const any
	MinItems, MaxItems      *int
}

type parameter struct {
	Name, In, Description string
	Required              bool
	Schema                *schema
}

type content map[string]struct{ Schema *schema }

type operation struct {
	OperationID string
	Summary     string
	Parameters  []parameter
	RequestBody *struct{ Content content }
	Security    []map[string][]string
	Responses   map[string]struct {
		Description string
		Content     content
	}
}

type document struct {
	Info struct {
		Title, Version, Summary, Description string
	}
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]*schema
		SecuritySchemes map[string]struct{ Type, Scheme, Name, Description string }
	}
}

// order is that of the methods of one path.
var order = []string{"get", "post", "put", "patch", "delete"}

// Page renders the document.
func Page(doc []byte) ([]byte, error) {
	var d document
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("render the OpenAPI document: %w", err)
	}
	var p page
	p.document(&d)
	return []byte(p.String()), nil
}

// each calls f with the operations in the order of paths and methods.
func (d *document) each(f func(path, method string, op operation)) {
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, m := range order {
			if op, ok := d.Paths[path][m]; ok {
				f(path, strings.ToUpper(m), op)
			}
		}
	}
}

// kind says in words what values a schema allows.
func kind(s *schema) string {
	if s == nil {
		return ""
	}
	var words []string
	if s.Type != nil {
		words = append(words, fmt.Sprint(s.Type))
	}
	if s.Format != nil {
		words = append(words, fmt.Sprint(s.Format))
	}
	if s.Const != nil {
		words = append(words, fmt.Sprintf("always %v", s.Const))
	}
	words = append(words, span(number(s.MinLength), number(s.MaxLength), "characters")...)
	words = append(words, span(s.Minimum, s.Maximum, "")...)
	words = append(words, span(number(s.MinItems), number(s.MaxItems), "items")...)
	return strings.Join(words, ", ")
}

func number(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}

func span(least, most any, unit string) []string {
	switch {
	case least != nil && most != nil:
		return []string{strings.TrimSpace(fmt.Sprintf("%v to %v %s", least, most, unit))}
	case least != nil:
		return []string{strings.TrimSpace(fmt.Sprintf("at least %v %s", least, unit))}
	case most != nil:
		return []string{strings.TrimSpace(fmt.Sprintf("at most %v %s", most, unit))}
	}
	return nil
}
