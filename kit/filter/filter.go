// Package filter reads filter policies in the language of Amazon SNS and says
// which messages they let through. It does not know where a message comes from
// or goes to.
//
// A policy is a JSON object. Each member names an attribute and a list of
// conditions of which one must hold; all members must hold; "$or" is a list of
// policies of which one must hold (Amazon SNS developer guide, "Amazon SNS
// subscription filter policies").
package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits of a policy, as SNS has them but for the bytes.
const (
	MaxBytes        = 16 << 10
	MaxCombinations = 150 // product of the lengths of its lists
	maxDepth        = 8
)

// Policy is a parsed filter policy. The zero Policy lets everything through.
type Policy struct{ rule rule }

// rule is a condition on the members of an object.
type rule interface {
	holds(members map[string]any) bool
}

// Parse reads a policy.
func Parse(text []byte) (Policy, error) {
	if len(text) > MaxBytes {
		return Policy{}, fmt.Errorf("a filter policy has at most %d bytes", MaxBytes)
	}
	v, err := decode(text)
	if err != nil {
		return Policy{}, fmt.Errorf("the filter policy is no JSON: %w", err)
	}
	members, ok := v.(map[string]any)
	if !ok {
		return Policy{}, errors.New("a filter policy is a JSON object")
	}
	combinations := 1
	r, err := parseObject(members, 1, &combinations)
	if err != nil {
		return Policy{}, err
	}
	return Policy{r}, nil
}

// Matches reports whether a message with these attributes passes. Values are
// strings, numbers (json.Number or float64), booleans, and lists of them.
func (p Policy) Matches(attributes map[string]any) bool {
	return p.rule == nil || p.rule.holds(attributes)
}

// MatchesBody reports whether a message passes whose body is this JSON text
// (SNS' FilterPolicyScope MessageBody). What is no JSON object passes no policy
// but the zero one.
func (p Policy) MatchesBody(body []byte) bool {
	if p.rule == nil {
		return true
	}
	v, err := decode(body)
	members, ok := v.(map[string]any)
	return err == nil && ok && p.rule.holds(members)
}

// decode keeps the digits of numbers and refuses what follows the first value.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after it")
	}
	return v, nil
}
