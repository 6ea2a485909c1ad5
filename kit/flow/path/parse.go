package path

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLength is how long a path may be, in bytes.
const MaxLength = 10_000

// Parse reads a path. The error says what is wrong and where.
func Parse(text string) (*Path, error) {
	if len(text) > MaxLength {
		return nil, fmt.Errorf("a path longer than %d bytes", MaxLength)
	}
	p := &parser{text: text}
	path, err := p.path(true)
	if err != nil {
		return nil, err
	}
	if p.at < len(text) {
		return nil, p.fail("unexpected %q", text[p.at:])
	}
	return path, nil
}

type parser struct {
	text  string
	at    int
	depth int
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("%s in the path %q at character %d", fmt.Sprintf(format, args...), p.text, p.at+1)
}

func (p *parser) is(s string) bool { return strings.HasPrefix(p.text[p.at:], s) }

func (p *parser) skip(s string) bool {
	if !p.is(s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *parser) space() {
	for p.is(" ") {
		p.at++
	}
}

// path reads from "$" (or "@" in a filter) to where no step follows.
func (p *parser) path(outer bool) (*Path, error) {
	start := p.at
	path := &Path{definite: true}
	switch {
	case !outer && p.skip("@"):
		path.root = "@"
	case p.skip("$$"):
		path.root = "$"
	case p.skip("$"):
		if outer {
			path.root = p.variable()
		}
	default:
		return nil, p.fail("a path begins with $")
	}
	for {
		s, err := p.step()
		if err != nil {
			return nil, err
		}
		if s == nil {
			break
		}
		path.steps = append(path.steps, s)
	}
	for i, s := range path.steps {
		if n, ok := s.(names); ok && i == len(path.steps)-1 {
			n.last = true
			path.steps[i] = n
		}
		path.definite = path.definite && path.steps[i].definite()
	}
	path.text = p.text[start:p.at]
	return path, nil
}

// variable reads the name behind "$", or nothing.
func (p *parser) variable() string {
	start := p.at
	for p.at < len(p.text) {
		r, n := utf8.DecodeRuneInString(p.text[p.at:])
		if !unicode.IsLetter(r) && r != '_' && (p.at == start || !unicode.IsDigit(r)) {
			break
		}
		p.at += n
	}
	return p.text[start:p.at]
}

func (p *parser) step() (step, error) {
	switch {
	case p.skip(".."):
		var then step
		var err error
		if p.is("[") {
			then, err = p.bracket()
		} else {
			then, err = p.dotted()
		}
		if err != nil {
			return nil, err
		}
		return deep{then}, nil
	case p.skip("."):
		return p.dotted()
	case p.is("["):
		return p.bracket()
	}
	return nil, nil
}

// dotted reads what follows a dot.
func (p *parser) dotted() (step, error) {
	if p.skip("*") {
		return all{}, nil
	}
	if p.skip("length()") {
		return length{}, nil
	}
	start := p.at
	for p.at < len(p.text) {
		r, n := utf8.DecodeRuneInString(p.text[p.at:])
		if strings.ContainsRune(".[]()=<>!&|, '\"?@*:+/~^%{}\\", r) || unicode.IsControl(r) || r == '$' && p.at == start {
			break
		}
		p.at += n
	}
	if p.at == start {
		return nil, p.fail("a name is missing")
	}
	return names{list: []string{p.text[start:p.at]}}, nil
}

func (p *parser) bracket() (s step, err error) {
	p.at++
	p.space()
	switch {
	case p.skip("*"):
		s = all{}
	case p.is("'") || p.is(`"`):
		s, err = p.quotedNames()
	case p.skip("?"):
		s, err = p.filter()
	default:
		s, err = p.numbers()
	}
	if err != nil {
		return nil, err
	}
	if p.space(); !p.skip("]") {
		return nil, p.fail("a ] is missing")
	}
	return s, nil
}

func (p *parser) quotedNames() (step, error) {
	var list []string
	for {
		name, err := p.quoted()
		if err != nil {
			return nil, err
		}
		list = append(list, name)
		if p.space(); !p.skip(",") {
			return names{list: list}, nil
		}
		p.space()
	}
}

// quoted reads a string in single or double quotes.
func (p *parser) quoted() (string, error) {
	if p.at >= len(p.text) || p.text[p.at] != '\'' && p.text[p.at] != '"' {
		return "", p.fail("a quoted name is missing")
	}
	quote := p.text[p.at]
	p.at++
	var b strings.Builder
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == quote:
			p.at++
			return b.String(), nil
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			b.WriteByte(p.text[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail("a quote is not closed")
}

// number reads a whole number, or nothing.
func (p *parser) number() (*int, error) {
	start := p.at
	p.skip("-")
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	if p.at == start {
		return nil, nil
	}
	n, err := strconv.Atoi(p.text[start:p.at])
	if err != nil {
		return nil, p.fail("a wrong index")
	}
	return &n, nil
}

func (p *parser) numbers() (step, error) {
	first, err := p.number()
	if err != nil {
		return nil, err
	}
	if p.space(); p.skip(":") {
		p.space()
		second, err := p.number()
		if err == nil && first == nil && second == nil {
			err = p.fail("a slice without numbers")
		}
		return slice{first, second}, err
	}
	if first == nil {
		return nil, p.fail("expected a name in quotes, a number, * or ?")
	}
	list := indexes{*first}
	for p.space(); p.skip(","); p.space() {
		p.space()
		n, err := p.number()
		if err != nil || n == nil {
			return nil, p.fail("a number is missing")
		}
		list = append(list, *n)
	}
	return list, nil
}
