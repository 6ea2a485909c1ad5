package stackfile

import (
	"fmt"
	"strings"

	"github.com/drone/envsubst"
)

// maxValue bounds one variable's value, in bytes. ${A//x/y} can multiply a
// value by the length of the file, so the two bounds hold that in check.
const maxValue = 16 << 10

// maxEscapes bounds $$, \\ and \/, for each of which the library copies the
// whole text: 256 KiB of dollar signs kept it busy for ten seconds.
const maxEscapes = 2000

// substitute puts variables into the whole text, comments included, before it
// is parsed. The library is the one that faas-cli uses, with its oddities:
// they are listed in the test, since the same file must read the same in both.
func substitute(name, text string, lookup func(string) (string, bool)) (string, error) {
	if i := strings.IndexByte(text, 0); i >= 0 {
		// The library takes NUL for the end and would drop the rest unread.
		return "", &Error{File: name, Line: 1 + strings.Count(text[:i], "\n"), Column: i - strings.LastIndexByte(text[:i], '\n'),
			Text: "the file holds a NUL byte"}
	}
	if n := strings.Count(text, "$$") + strings.Count(text, `\\`) + strings.Count(text, `\/`); n > maxEscapes {
		return "", &Error{File: name, Text: fmt.Sprintf("the file holds more than %d escapes ($$ or a doubled backslash)", maxEscapes)}
	}
	var over string
	budget := maxFile // for values; a file that repeats a long one must not explode
	out, err := eval(text, func(key string) string {
		v, _ := lookup(key)
		if budget -= len(v); len(v) > maxValue || budget < 0 {
			over = key
			return ""
		}
		return v
	})
	switch {
	case over != "":
		return "", &Error{File: name, Text: fmt.Sprintf("the value of ${%s} is too long for a stack file", over)}
	case err != nil:
		line, column := badBrace(text)
		return "", &Error{File: name, Line: line, Column: column,
			Text: fmt.Sprintf("%v: a variable is ${NAME} or ${NAME:-default}, and $${ writes a plain ${", err)}
	case len(out) > maxFile:
		return "", &Error{File: name, Text: fmt.Sprintf("the file is longer than %d bytes after substitution", maxFile)}
	}
	return out, nil
}

// eval is envsubst.Eval, whose bad input may panic rather than fail.
func eval(text string, value func(string) string) (out string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bad substitution (%v)", p)
		}
	}()
	return envsubst.Eval(text, value)
}

// badBrace finds the first ${ whose line cannot be parsed from there on; the
// library tells no place. A variable does not span lines in practice; where
// one does, the last ${ is the best guess.
func badBrace(text string) (line, column int) {
	for n, l := range strings.Split(text, "\n") {
		for from := 0; ; {
			i := strings.Index(l[from:], "${")
			if i < 0 {
				break
			}
			at := from + i
			from = at + 2
			if at > 0 && l[at-1] == '$' {
				continue
			}
			line, column = n+1, at+1
			end := len(l) // up to the next variable: a later fault is a later column
			if j := strings.Index(l[from:], " ${"); j >= 0 {
				end = from + j
			}
			if _, err := eval(l[at:end], func(string) string { return "x" }); err != nil {
				return line, column
			}
		}
	}
	return line, column
}
