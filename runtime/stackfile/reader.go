package stackfile

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// maxErrors is how many faults are reported at once.
const maxErrors = 20

// reader walks a YAML tree along the schema and nowhere else: what no key asks
// for is never visited, so aliases cannot multiply into anything.
type reader struct {
	file, dir string
	errs      []error
	warnings  []Warning
	nodes     int
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	if len(r.errs) >= maxErrors {
		return
	}
	e := &Error{File: r.file, Text: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	r.errs = append(r.errs, e)
}

// count spends the budget of nodes, and says no when it is gone.
func (r *reader) count(n *yaml.Node) bool {
	r.nodes++
	if r.nodes == maxNodes {
		r.fail(n, "the file holds more than %d values", maxNodes)
	}
	return r.nodes < maxNodes
}

// follow gives the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// pair is one key of a mapping and its value, aliases followed.
type pair struct {
	key   string
	at    *yaml.Node // the key, for its place
	value *yaml.Node
}

// pairs gives a mapping's keys in order, merge keys (<<) applied: a key of the
// mapping wins over a merged one, an earlier merge over a later. Null is an
// empty mapping. A key given twice is an error.
func (r *reader) pairs(n *yaml.Node, what string) []pair {
	return r.merged(n, what, 0)
}

func (r *reader) merged(n *yaml.Node, what string, depth int) []pair {
	n = follow(n)
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping of keys to values", what)
		return nil
	}
	if depth > maxMerge {
		r.fail(n, "merge keys are nested more than %d deep", maxMerge)
		return nil
	}
	seen := map[string]*yaml.Node{}
	var own, late []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := follow(n.Content[i]), n.Content[i+1]
		if !r.count(k) {
			return own
		}
		if k.Kind != yaml.ScalarNode {
			r.fail(n.Content[i], "a key of %s must be plain text", what)
			continue
		}
		if k.ShortTag() == "!!merge" {
			late = append(late, r.mergeSources(v, what, depth)...)
			continue
		}
		if first := seen[k.Value]; first != nil {
			r.fail(n.Content[i], "key %q is given twice, first on line %d", k.Value, first.Line)
			continue
		}
		seen[k.Value] = k
		own = append(own, pair{k.Value, n.Content[i], follow(v)})
	}
	for _, p := range late {
		if seen[p.key] == nil {
			seen[p.key] = p.at
			own = append(own, p)
		}
	}
	return own
}

func (r *reader) mergeSources(v *yaml.Node, what string, depth int) []pair {
	if v = follow(v); v.Kind != yaml.SequenceNode {
		return r.merged(v, what, depth+1)
	}
	var all []pair
	for _, item := range v.Content {
		if !r.count(item) {
			break
		}
		all = append(all, r.merged(item, what, depth+1)...)
	}
	return all
}

// text reads a string. Numbers, booleans and dates are taken as they are
// written; null is empty.
func (r *reader) text(n *yaml.Node, what string) (s string) {
	if n = follow(n); isNull(n) {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "%s must be plain text", what)
		return ""
	}
	if err := n.Decode(&s); err != nil {
		r.fail(n, "%s cannot be read as text", what)
	}
	return s
}

func (r *reader) flag(n *yaml.Node, what string) (b bool) {
	if n = follow(n); isNull(n) {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Decode(&b) != nil {
		r.fail(n, "%s must be true or false", what)
	}
	return b
}

func (r *reader) list(n *yaml.Node, what string) (items []string) {
	for i, item := range r.items(n, what) {
		items = append(items, r.text(item, fmt.Sprintf("%s[%d]", what, i)))
	}
	return items
}

func (r *reader) items(n *yaml.Node, what string) (items []*yaml.Node) {
	if n = follow(n); isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s must be a list", what)
		return nil
	}
	for _, item := range n.Content {
		if !r.count(item) {
			break
		}
		items = append(items, follow(item))
	}
	return items
}

func (r *reader) texts(n *yaml.Node, what string) map[string]string {
	var m map[string]string
	for _, p := range r.pairs(n, what) {
		if m == nil {
			m = map[string]string{}
		}
		m[p.key] = r.text(p.value, what+"."+p.key)
	}
	return m
}

// unknown notes a key that faas-cli passes over in silence.
func (r *reader) unknown(p pair, what string, known ...string) {
	text := fmt.Sprintf("unknown key %q in %s is ignored", p.key, what)
	if near := nearest(p.key, known); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	r.warnings = append(r.warnings, Warning{p.at.Line, p.at.Column, text})
}
