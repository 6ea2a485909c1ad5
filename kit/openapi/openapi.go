// Package openapi renders an OpenAPI 3.1 document as a page that a person can
// read: one HTML file without a script. It does not check the document.
package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
)

//go:embed page.html
var source string

// schema is what is shown of a schema.
type schema struct {
	Ref         string             `json:"$ref"`
	Description string             `json:"description"`
	Required    []string           `json:"required"`
	Properties  map[string]*schema `json:"properties"`
	Items       *schema            `json:"items"`

	Type, Format, Pattern          any
	MinLength, MaxLength           *int
	Minimum, Maximum, Const        any
	MinItems, MaxItems, MinMembers *int
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
	t, err := template.New("page").Funcs(template.FuncMap{
		"paths":   func() []string { return slices.Sorted(maps.Keys(d.Paths)) },
		"methods": func(path string) []string { return methods(d.Paths[path]) },
		"op":      func(path, method string) operation { return d.Paths[path][method] },
		"upper":   strings.ToUpper,
		"ref":     func(s *schema) string { return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:] },
		"kind":    kind,
		"has":     func(list []string, name string) bool { return slices.Contains(list, name) },
	}).Parse(source)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, d); err != nil {
		return nil, fmt.Errorf("render the OpenAPI document: %w", err)
	}
	return out.Bytes(), nil
}

func methods(of map[string]operation) (list []string) {
	for _, m := range order {
		if _, ok := of[m]; ok {
			list = append(list, m)
		}
	}
	return list
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
