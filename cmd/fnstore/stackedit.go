package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"fnstore/runtime/stackfile"
)

// entry is a function in a stack file, as it is indented there by two.
const entry = `
  NAME:
    lang: golang-middleware
    handler: ./HANDLER
    image: ${FNSTORE_REGISTRY:-127.0.0.1:5000}/fnstore/NAME:${FNSTORE_VERSION:-dev}
    environment:
      exec_timeout: 10s
      read_timeout: 15s
      write_timeout: 15s
      healthcheck_interval: 5s
    limits:
      memory: 64Mi
      cpu: 500m
    requests:
      memory: 16Mi
      cpu: 10m
    readonly_root_filesystem: true
`

// emptyStack is a stack file to begin with.
const emptyStack = `version: 1.0
provider:
  name: openfaas
  gateway: http://127.0.0.1:8080

functions:
`

// addFunction gives the text of a stack file with one more function, whose handler
// is in dir, at the end of its functions. All else stays as it was, comments and spaces too; a file
// whose layout does not let it be so is refused.
func addFunction(name, text, fn, dir string) (string, error) {
	was, err := stackfile.ParseBytes(name, ".", []byte(text), os.LookupEnv)
	if err != nil {
		return "", err
	}
	if was.Function(fn) != nil {
		return "", fmt.Errorf("%s has %s already", name, fn)
	}
	if len(was.Functions) >= maxFunctions {
		return "", fmt.Errorf("%s has %d functions, and more than %d cannot go to faasd: merge two, or find a route for it in another", name, len(was.Functions), maxFunctions)
	}
	lines := strings.SplitAfter(text, "\n")
	start := -1
	for i, l := range lines {
		if strings.TrimRight(l, " \t\r\n") == "functions:" {
			start = i
		}
	}
	if start < 0 {
		return "", fmt.Errorf("%s has no line that says functions: and nothing else, so nothing can be added to it", name)
	}
	end, indent := start+1, ""
	for i := start + 1; i < len(lines); i++ {
		content := strings.TrimLeft(lines[i], " \t")
		if strings.TrimSpace(content) == "" {
			continue
		}
		space := lines[i][:len(lines[i])-len(content)]
		if space == "" && !strings.HasPrefix(content, "#") {
			break // the next part of the file
		}
		if space != "" { // a comment at the margin may belong to what comes next
			end = i + 1
			if indent == "" && content[0] != '#' {
				indent = space
			}
		}
	}
	add := strings.NewReplacer("NAME", fn, "HANDLER", dir).Replace(entry)
	if indent != "" && indent != "  " {
		add = strings.ReplaceAll(add, "\n  ", "\n"+indent)
	}
	head := strings.Join(lines[:end], "")
	if !strings.HasSuffix(head, "\n") {
		head += "\n"
	}
	if end == start+1 {
		add = strings.TrimPrefix(add, "\n")
	}
	after := head + add + strings.Join(lines[end:], "")
	return after, onlyAdds(name, was, after, fn)
}

// onlyAdds reads the new text: it must mean what the old one did, and fn.
func onlyAdds(name string, was *stackfile.File, after, fn string) error {
	is, err := stackfile.ParseBytes(name, ".", []byte(after), os.LookupEnv)
	if err != nil {
		return fmt.Errorf("add %s to %s: %w", fn, name, err)
	}
	same := len(is.Functions) == len(was.Functions)+1 && is.Functions[len(is.Functions)-1].Name == fn
	for i := range was.Functions {
		if !same {
			break
		}
		a, b := *was.Functions[i], *is.Functions[i]
		a.Line, a.Column, b.Line, b.Column = 0, 0, 0, 0
		same = reflect.DeepEqual(a, b)
	}
	if !same || !reflect.DeepEqual(was.Configuration, is.Configuration) || was.Provider != is.Provider {
		return fmt.Errorf("%s is laid out in a way that nothing can be added to without changing the rest; add %s by hand", name, fn)
	}
	return nil
}
