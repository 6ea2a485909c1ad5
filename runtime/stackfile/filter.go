package stackfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// errNoMatch is the sentence that faas-cli prints.
var errNoMatch = errors.New("no functions matching --filter/--regex were found in the YAML file")

// Function finds a function by its name, nil when there is none.
func (f *File) Function(name string) *Function {
	for _, fn := range f.Functions {
		if fn.Name == name {
			return fn
		}
	}
	return nil
}

// Select gives the functions that a glob (where * alone is special) or an
// unanchored regular expression matches, all of them when both are empty.
// Both at once, a bad expression, and no match are errors.
func (f *File) Select(glob, regex string) ([]*Function, error) {
	if glob != "" && regex != "" {
		return nil, errors.New("pass in a regex or a filter, not both")
	}
	match := func(string) bool { return true }
	switch {
	case glob != "":
		match = func(name string) bool { return Match(glob, name) }
	case regex != "":
		re, err := regexp.Compile(regex)
		if err != nil {
			return nil, fmt.Errorf("read --regex: %w", err)
		}
		match = re.MatchString
	}
	var found []*Function
	for _, fn := range f.Functions {
		if match(fn.Name) {
			found = append(found, fn)
		}
	}
	if len(found) == 0 && glob+regex != "" {
		return nil, errNoMatch
	}
	return found, nil
}

// Match reports whether a glob matches the whole name. A * stands for any run
// of characters, nothing else is special: ? is a question mark.
func Match(glob, name string) bool {
	parts := strings.Split(glob, "*")
	if len(parts) == 1 {
		return glob == name
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, last)
}
