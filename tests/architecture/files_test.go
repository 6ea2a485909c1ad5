package architecture

import (
	"bytes"
	"go/ast"
	"go/format"
	"regexp"
	"strings"
	"testing"
)

// maxLines is the most a file may have. The habit is a third of it.
const maxLines = 400

func TestFiles_AreShort(t *testing.T) {
	for _, f := range goFiles(t) {
		if n := bytes.Count(f.text, []byte("\n")); n > maxLines && !f.generated() {
			t.Errorf("%s has %d lines, and %d are the most: it holds more than one idea. Give the second one a file of its own.", f.path, n, maxLines)
		}
	}
}

func TestFiles_AreFormatted(t *testing.T) {
	for _, f := range goFiles(t) {
		want, err := format.Source(f.text)
		if err != nil || !bytes.Equal(want, f.text) {
			t.Errorf("%s is not formatted, so the next change to it will be mixed with spaces. Run gofmt -w on it.", f.path)
		}
	}
}

// later are the words by which unfinished work is put off, in two halves so
// that this file holds none of them.
var later = regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}, "|") + `)\b`)

// homes are folders of one machine. /root is a name that code may speak of; a
// path below it is somebody's.
var homes = regexp.MustCompile(`(^|[^A-Za-z0-9_.$}])(/home/[a-z][-a-z0-9]*/[-\w.]+|/Users/\w+/|/root/[-\w.]+|/wo` + `rk/\w)`)

// known are paths that every machine of a kind has.
var known = regexp.MustCompile(`/home/app/|/root/\.cache|/home/user/fnstore|/root/fnstore`)

func TestFiles_NothingIsPutOff(t *testing.T) {
	for _, f := range prose(t) {
		for i, line := range strings.Split(string(f.text), "\n") {
			if word := later.FindString(line); word != "" {
				t.Errorf("%s:%d says %s: a reader cannot tell whether it still matters. Finish it, or write down as a limit what it does not do.", f.path, i+1, word)
			}
		}
	}
}

func TestFiles_NoPathOfOneMachine(t *testing.T) {
	for _, f := range prose(t) {
		for i, line := range strings.Split(string(f.text), "\n") {
			if m := homes.FindString(known.ReplaceAllString(line, "")); m != "" {
				t.Errorf("%s:%d has the path %s, which is there on one machine only. Make it relative, or ask the environment.", f.path, i+1, strings.TrimSpace(m))
			}
		}
	}
}

func TestFiles_NoBuiltFiles(t *testing.T) {
	for _, f := range files(t) {
		if !f.testdata() && (bytes.HasPrefix(f.text, []byte("\x7fELF")) || strings.HasSuffix(f.path, ".test") || strings.HasSuffix(f.path, ".prof")) {
			t.Errorf("%s was built here: it is nobody's source. Remove it; programs belong in bin/.", f.path)
		}
	}
}

// prose is what people read and write: everything that is no testdata and no
// binary.
func prose(t *testing.T) (list []*file) {
	for _, f := range files(t) {
		if !f.testdata() && !bytes.ContainsRune(f.text, 0) && !strings.HasSuffix(f.path, "go.sum") {
			list = append(list, f)
		}
	}
	return list
}

// A test that is skipped says nothing, and a green run full of them says it
// loudly. Skipping is for a machine that lacks something, and never in CI; so
// the function that skips asks for CI, or for what only another user can do.
func TestFiles_SkipsAskForCI(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			asks := false
			ast.Inspect(fn, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok && (isCall(c, "os", "Getenv", `"CI"`) || isCall(c, "os", "Geteuid", "") || isCall(c, "os", "Getuid", "")) {
					asks = true
				}
				return true
			})
			ast.Inspect(fn, func(n ast.Node) bool {
				c, ok := n.(*ast.CallExpr)
				if !ok || asks {
					return true
				}
				if s, ok := c.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Skip" || s.Sel.Name == "Skipf" || s.Sel.Name == "SkipNow") {
					if x, ok := s.X.(*ast.Ident); ok && len(x.Name) <= 2 {
						t.Errorf("%s skips without asking for CI: there a missing service must fail, or nobody notices that the test has not run for a year. Skip only if os.Getenv(\"CI\") is not \"true\".", f.line(c))
					}
				}
				return true
			})
		}
	}
}

// isCall recognises pkg.name(arg); an empty arg is any.
func isCall(c *ast.CallExpr, pkg, name, arg string) bool {
	s, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	if x, ok := s.X.(*ast.Ident); !ok || x.Name != pkg {
		return false
	}
	if arg == "" {
		return true
	}
	if len(c.Args) != 1 {
		return false
	}
	lit, ok := c.Args[0].(*ast.BasicLit)
	return ok && lit.Value == arg
}

// The tests of this file are tested.
func TestFiles_WordsAndPathsAreNoticed(t *testing.T) {
	for line, want := range map[string]bool{
		"// TO" + "DO: later": true, "mktemp x.XXXXXX": false, "a todo list": false,
	} {
		if later.MatchString(line) != want {
			t.Errorf("%q: put off is %v", line, !want)
		}
	}
	for line, want := range map[string]bool{
		`dir := "/home/` + `anna/src"`: true, "cd /wo" + "rk/main": true, "as in /root": false, "/home/app/handler": false,
		"tests/wo" + "rk/x": false, "$HOME/x": false, "/root/" + "secret": true,
	} {
		if got := homes.MatchString(known.ReplaceAllString(line, "")); got != want {
			t.Errorf("%q: a machine's path is %v", line, got)
		}
	}
}
