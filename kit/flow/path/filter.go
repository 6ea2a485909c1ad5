package path

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"fnstore/kit/flow/value"
)

// condition is what stands in a filter.
type condition interface {
	holds(item any, e *eval) (bool, error)
}

type (
	anyOf []condition
	allOf []condition
	not   struct{ what condition }
	has   struct{ path *Path }
	test  struct {
		left, right operand
		op          string
		pattern     *regexp.Regexp
	}
	// operand is a path or a literal.
	operand struct {
		path    *Path
		literal any
	}
)

func (c anyOf) holds(item any, e *eval) (bool, error) {
	for _, sub := range c {
		if yes, err := sub.holds(item, e); yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}

func (c allOf) holds(item any, e *eval) (bool, error) {
	for _, sub := range c {
		if yes, err := sub.holds(item, e); !yes || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c not) holds(item any, e *eval) (bool, error) {
	yes, err := c.what.holds(item, e)
	return !yes, err
}

func (c has) holds(item any, e *eval) (bool, error) {
	_, found, err := operand{path: c.path}.get(item, e)
	return found, err
}

func (o operand) get(item any, e *eval) (v any, found bool, err error) {
	if o.path == nil {
		return o.literal, true, nil
	}
	from := e.root
	if o.path.root == "@" {
		from = item
	}
	list, err := walk(o.path.steps, from, e)
	if _, missing := err.(*MissingError); missing {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if o.path.definite {
		return list[0], true, nil
	}
	return list, len(list) > 0, nil
}

func (c test) holds(item any, e *eval) (bool, error) {
	l, foundLeft, err := c.left.get(item, e)
	if err != nil {
		return false, err
	}
	if c.pattern != nil {
		s, ok := l.(string)
		if n, number := l.(json.Number); number {
			s, ok = string(n), true
		}
		return ok && c.pattern.MatchString(s), nil
	}
	r, foundRight, err := c.right.get(item, e)
	if err != nil {
		return false, err
	}
	found := foundLeft && foundRight
	switch c.op {
	case "==":
		return found && value.Equal(l, r), nil
	case "!=":
		return foundLeft != foundRight || !value.Equal(l, r), nil
	case "in":
		return found && contains(r, l), nil
	case "nin":
		return foundLeft && !contains(r, l), nil
	case "contains":
		if s, ok := l.(string); ok {
			sub, isString := r.(string)
			return isString && strings.Contains(s, sub), nil
		}
		return contains(l, r), nil
	case "size":
		n, _ := value.Whole(r)
		return found && size(l) == n, nil
	case "empty":
		return found && (size(l) == 0) == (r == true), nil
	}
	if !found {
		return false, nil
	}
	return ordered(l, r, c.op), nil
}

func contains(list, v any) bool {
	l, _ := list.([]any)
	for _, e := range l {
		if value.Equal(e, v) {
			return true
		}
	}
	return false
}

func size(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case string:
		return len([]rune(v))
	case *value.Object:
		return v.Len()
	}
	return -1
}

func ordered(l, r any, op string) bool {
	var c int
	switch l := l.(type) {
	case json.Number:
		n, ok := r.(json.Number)
		if !ok {
			return false
		}
		c = value.CompareNumbers(l, n)
	case string:
		s, ok := r.(string)
		if !ok {
			return false
		}
		c = strings.Compare(l, s)
	default:
		return false
	}
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// maxNesting bounds how deep conditions and paths in them are nested.
const maxNesting = 50

func (p *parser) filter() (step, error) {
	if p.space(); !p.is("(") {
		return nil, p.fail("a ( is missing")
	}
	c, err := p.or()
	return filter{c}, err
}

func (p *parser) or() (condition, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, p.fail("nested too deeply")
	}
	defer func() { p.depth-- }()
	var list anyOf
	for {
		var both allOf
		for {
			c, err := p.single()
			if err != nil {
				return nil, err
			}
			both = append(both, c)
			if p.space(); !p.skip("&&") {
				break
			}
		}
		list = append(list, both)
		if p.space(); !p.skip("||") {
			return list, nil
		}
	}
}

func (p *parser) single() (condition, error) {
	p.space()
	switch {
	case p.is("!") && !p.is("!="):
		p.at++
		if p.depth++; p.depth > maxNesting {
			return nil, p.fail("nested too deeply")
		}
		c, err := p.single()
		p.depth--
		return not{c}, err
	case p.skip("("):
		c, err := p.or()
		if err == nil {
			if p.space(); !p.skip(")") {
				err = p.fail("a ) is missing")
			}
		}
		return c, err
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.skip("=~") {
		return p.matches(left)
	}
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">", "in ", "nin ", "contains ", "size ", "empty "} {
		if p.skip(op) {
			p.space()
			right, err := p.operand()
			return test{left: left, right: right, op: strings.TrimSpace(op)}, err
		}
	}
	if left.path == nil {
		return nil, p.fail("an operator is missing")
	}
	return has{left.path}, nil
}

// matches reads /pattern/ or /pattern/i.
func (p *parser) matches(left operand) (condition, error) {
	if p.space(); !p.skip("/") {
		return nil, p.fail("a /pattern/ is missing")
	}
	end := strings.IndexByte(p.text[p.at:], '/')
	if end < 0 {
		return nil, p.fail("a /pattern/ is not closed")
	}
	pattern := p.text[p.at : p.at+end]
	p.at += end + 1
	flags := ""
	if p.skip("i") {
		flags = "(?i)"
	}
	re, err := regexp.Compile(flags + "^(?:" + pattern + ")$")
	if err != nil {
		return nil, p.fail("a wrong pattern")
	}
	return test{left: left, pattern: re}, nil
}

func (p *parser) operand() (operand, error) {
	switch {
	case p.is("@") || p.is("$"):
		if p.depth++; p.depth > maxNesting {
			return operand{}, p.fail("nested too deeply")
		}
		defer func() { p.depth-- }()
		path, err := p.path(false)
		return operand{path: path}, err
	case p.is("'") || p.is(`"`):
		s, err := p.quoted()
		return operand{literal: s}, err
	case p.is("["):
		return p.list()
	}
	start := p.at
	for p.at < len(p.text) && (strings.IndexByte("+-.", p.text[p.at]) >= 0 || isAlnum(p.text[p.at])) {
		p.at++
	}
	word := p.text[start:p.at]
	v, err := value.Decode([]byte(word))
	if err != nil {
		if n, numberErr := strconv.ParseFloat(word, 64); numberErr == nil {
			return operand{literal: value.Float(n)}, nil
		}
		p.at = start
		return operand{}, p.fail("expected a path or a literal")
	}
	return operand{literal: v}, nil
}

func isAlnum(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }

// list reads a JSON array, in which strings may have single quotes.
func (p *parser) list() (operand, error) {
	p.at++
	list := []any{}
	for p.space(); !p.skip("]"); p.space() {
		if p.depth++; p.depth > maxNesting {
			return operand{}, p.fail("nested too deeply")
		}
		o, err := p.operand()
		p.depth--
		if err != nil {
			return o, err
		}
		if o.path != nil {
			return o, p.fail("a path in a list")
		}
		list = append(list, o.literal)
		if p.space(); !p.skip(",") && !p.is("]") {
			return o, p.fail("a ] is missing")
		}
	}
	return operand{literal: list}, nil
}
