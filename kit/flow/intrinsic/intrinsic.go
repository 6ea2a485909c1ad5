// Package intrinsic evaluates what may stand behind a name that ends in ".$":
// a path or a call of the intrinsic functions of the Amazon States Language
// (States.Format and its kind), and the templates (Parameters, ResultSelector)
// that hold them. It has no clock and no source of random numbers of its own.
package intrinsic

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"fnstore/kit/flow/path"
	"fnstore/kit/flow/value"
)

// MaxNesting is how deep calls may be nested in calls, as in AWS.
const MaxNesting = 10

// Env is what an expression is evaluated with.
type Env struct {
	path.Scope
	Random *rand.Rand // of States.UUID and States.MathRandom
}

// Error is a function that refused its arguments (States.IntrinsicFailure).
type Error struct{ Call, Reason string }

func (e *Error) Error() string {
	return "The function '" + e.Call + "' had the following error: " + e.Reason
}

// Expression is a path or a call, read and ready for use.
type Expression struct {
	text string
	path *path.Path
	call *call
	lit  any
}

// String is the expression as it was written.
func (x *Expression) String() string { return x.text }

type call struct {
	name string
	args []*Expression
}

// Parse reads a path or a call. The error says what is wrong.
func Parse(text string) (*Expression, error) {
	if strings.HasPrefix(text, "$") {
		p, err := path.Parse(text)
		if err != nil {
			return nil, err
		}
		return &Expression{text: text, path: p}, nil
	}
	p := &parser{text: text}
	x, err := p.call(1)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(text) {
		return nil, p.fail("unexpected %q", text[p.at:])
	}
	return x, nil
}

// Paths calls visit for every path in the expression.
func (x *Expression) Paths(visit func(*path.Path)) {
	if x.path != nil {
		visit(x.path)
	}
	if x.call != nil {
		for _, a := range x.call.args {
			a.Paths(visit)
		}
	}
}

// Eval evaluates the expression. The error is a *path.MissingError or an *Error.
func (x *Expression) Eval(e *Env) (any, error) {
	switch {
	case x.path != nil:
		return x.path.Get(e.Scope)
	case x.call == nil:
		return x.lit, nil
	}
	args := make([]any, len(x.call.args))
	for i, a := range x.call.args {
		v, err := a.Eval(e)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	f := functions[x.call.name]
	v, err := f.run(e, args)
	if err != nil {
		return nil, &Error{x.text, err.Error()}
	}
	return v, nil
}

type parser struct {
	text string
	at   int
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("%s in %q at character %d", fmt.Sprintf(format, args...), p.text, p.at+1)
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *parser) skip(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *parser) call(depth int) (*Expression, error) {
	if depth > MaxNesting {
		return nil, p.fail("calls are nested more than %d deep", MaxNesting)
	}
	start := p.at
	for p.at < len(p.text) && (p.text[p.at] == '.' || isWord(p.text[p.at])) {
		p.at++
	}
	name := p.text[start:p.at]
	f, known := functions[name]
	if !known {
		p.at = start
		return nil, p.fail("expected a path that begins with $ or a function of the Amazon States Language, not %q", name)
	}
	if p.space(); !p.skip("(") {
		return nil, p.fail("a ( is missing")
	}
	c := &call{name: name}
	for p.space(); !p.skip(")"); p.space() {
		if len(c.args) > 0 {
			if !p.skip(",") {
				return nil, p.fail("a comma or ) is missing")
			}
			p.space()
		}
		a, err := p.argument(depth)
		if err != nil {
			return nil, err
		}
		if _, isNumber := a.lit.(json.Number); strings.HasPrefix(name, "States.Math") && a.path == nil && a.call == nil && !isNumber {
			return nil, p.fail("%s takes numbers, not %s,", name, a.text)
		}
		if s, ok := a.lit.(string); ok && !(name == "States.Format" && len(c.args) == 0) {
			a.lit = unescape.Replace(s)
		}
		c.args = append(c.args, a)
	}
	if n := len(c.args); n < f.min || f.max >= 0 && n > f.max {
		p.at = start
		return nil, p.fail("%s has %d arguments, which is not what it takes", name, n)
	}
	return &Expression{text: p.text[start:p.at], call: c}, nil
}

// unescape is for strings other than the template of States.Format, which does
// this itself.
var unescape = strings.NewReplacer(`\\`, `\`, `\{`, `{`, `\}`, `}`)

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func (p *parser) argument(depth int) (*Expression, error) {
	start := p.at
	switch {
	case p.at >= len(p.text):
		return nil, p.fail("an argument is missing")
	case p.text[p.at] == '\'':
		s, err := p.str()
		return &Expression{text: p.text[start:p.at], lit: s}, err
	case p.text[p.at] == '$':
		return p.path()
	case strings.HasPrefix(p.text[p.at:], "States."):
		return p.call(depth + 1)
	}
	for p.at < len(p.text) && (strings.IndexByte("+-.", p.text[p.at]) >= 0 || isWord(p.text[p.at])) {
		p.at++
	}
	v, err := value.Decode([]byte(p.text[start:p.at]))
	if err != nil {
		p.at = start
		return nil, p.fail("expected 'text', a number, true, false, null, a path or a call")
	}
	return &Expression{text: p.text[start:p.at], lit: v}, nil
}

// str reads a string in single quotes. Of a backslash before anything but a
// quote or itself, the backslash stays: States.Format needs it before a brace.
func (p *parser) str() (string, error) {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\'':
			p.at++
			return b.String(), nil
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			if next := p.text[p.at]; next != '\'' && next != '\\' {
				b.WriteByte('\\')
			} else if next == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(p.text[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail("a ' is missing")
}

// path reads to the comma or parenthesis that is outside of brackets and
// quotes.
func (p *parser) path() (*Expression, error) {
	start, open := p.at, 0
	var quote byte
scan:
	for ; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		switch {
		case quote != 0:
			if c == '\\' {
				p.at++
			} else if c == quote {
				quote = 0
			}
		case open > 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '[' || c == '(':
			open++
		case open > 0 && (c == ']' || c == ')'):
			open--
		case open == 0 && (c == ',' || c == ')' || c == ' '):
			break scan
		}
	}
	p.at = min(p.at, len(p.text))
	got, err := path.Parse(p.text[start:p.at])
	if err != nil {
		return nil, err
	}
	return &Expression{text: got.String(), path: got}, nil
}

func number(v any) (json.Number, error) {
	n, ok := v.(json.Number)
	if !ok {
		return "", fmt.Errorf("expected a number, not %s", value.Text(v))
	}
	return n, nil
}
