package main

import (
	"fmt"
	"strings"
	"testing"

	"fnstore/runtime/stackfile"
)

const someStack = `# The file.
version: 1.0
provider:
  name: openfaas
functions:
  # First comes one.
  one:   # with a remark
    lang: golang-middleware
    handler: ./functions/one
    image: "x/one:1"

# What follows belongs to the configuration.
configuration:
  copy: [go.mod]
`

// What was there stays to the byte; the new function is the last.
func TestStackedit_AFunctionIsAddedToTheStackFile(t *testing.T) {
	after, err := addFunction("stack.yml", someStack, "two", "functions/two")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(someStack, "\n# What follows")
	if !strings.HasPrefix(after, someStack[:at]) || !strings.HasSuffix(after, someStack[at:]) {
		t.Errorf("more than an entry was changed:\n%s", after)
	}
	f, err := stackfile.ParseBytes("stack.yml", ".", []byte(after), func(string) (string, bool) { return "", false })
	if err != nil || len(f.Functions) != 2 || f.Functions[1].Name != "two" || f.Functions[1].Image != "127.0.0.1:5000/fnstore/two:dev" || f.Functions[1].Handler != "./functions/two" {
		t.Errorf("%+v %v", f, err)
	}
}

func TestStackedit_StackFilesOfOtherShapes(t *testing.T) {
	const provider = "provider: {name: openfaas}\n"
	full := "functions:\n"
	for i := range maxFunctions {
		full += fmt.Sprintf("  f%d: {lang: go, handler: x, image: x}\n", i)
	}
	for name, c := range map[string]struct{ text, want string }{
		"no end of line":   {"functions:\n  one: {lang: go, handler: x, image: x}", ""},
		"four spaces":      {"functions:\n    one:\n        lang: go\n        handler: x\n        image: x\n", ""},
		"last of all":      {strings.TrimPrefix(someStack[strings.Index(someStack, "functions:"):strings.Index(someStack, "\n# What")], provider), ""},
		"nothing in it":    {"functions:\n", ""},
		"flow style":       {"functions: {one: {lang: go, handler: x, image: x}}\n", "nothing can be added"},
		"no functions":     {"version: 1.0\n", "nothing can be added"},
		"in a block":       {"functions:\n  one:\n    lang: go\n    handler: x\n    image: x\n    environment:\n      text: |\n        functions:\n", ""},
		"there already":    {"functions:\n  two: {lang: go, handler: x, image: x}\n", "has two already"},
		"fifteen":          {full, "faasd"},
		"not a stack file": {"functions: [", "stack.yml"},
	} {
		after, err := addFunction("stack.yml", provider+c.text, "two", "functions/two")
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v\n%s", name, err, after)
		}
	}
}

// Whatever the file is, it is either refused or keeps its meaning.
func FuzzAddFunction(f *testing.F) {
	f.Add(someStack, "two")
	for _, text := range []string{"functions:\n", "functions:\n\tone:\n", "functions:\n  a: &a {lang: go, handler: x, image: x}\n  b: *a\n"} {
		f.Add("provider: {name: openfaas}\n"+text, "x")
	}
	f.Fuzz(func(t *testing.T, text, fn string) {
		if !stackfile.ValidName(fn) {
			return
		}
		after, err := addFunction("stack.yml", text, fn, "functions/"+fn)
		if err == nil && len(after) <= len(text) {
			t.Errorf("nothing was added to %q", text)
		}
	})
}
