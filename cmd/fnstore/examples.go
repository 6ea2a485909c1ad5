package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"fnstore/connectors/hook"
	"fnstore/runtime/stackfile"
)

// conversion is a function that is called for each object of one bucket and
// writes into another. `up` names it in its summary, and the page at /ui/ shows
// it.
type conversion struct{ function, from, to string }

// conversions finds them by their annotations, in the order of the file. Those
// that concern a part of a bucket only are left out: a file that is dropped at
// the page has no folder.
func conversions(file *stackfile.File) (list []conversion) {
	for _, f := range file.Functions {
		watched, err := hook.Places(f.Annotations[hook.AnnotationWatch])
		if err != nil || len(watched) == 0 || watched[0].Prefix != "" {
			continue
		}
		written, err := hook.Places(f.Annotations[hook.AnnotationWrite])
		if err != nil || len(written) == 0 || written[0].Prefix != "" {
			continue
		}
		list = append(list, conversion{f.Name, watched[0].Bucket, written[0].Bucket})
	}
	return list
}

// photos is the conversion that the page sends photos to: that of the function
// thumbnail, whose names of thumbnails the page knows.
func photos(file *stackfile.File) conversion {
	list := conversions(file)
	if i := slices.IndexFunc(list, func(c conversion) bool { return c.function == "thumbnail" }); i >= 0 {
		return list[i]
	}
	return conversion{}
}

// buckets tells what becomes of objects, such as "uploads → thumbnails".
func buckets(file *stackfile.File) string {
	var said []string
	for _, c := range conversions(file) {
		said = append(said, c.from+" → "+c.to)
	}
	if len(said) == 0 {
		return ""
	}
	return "        " + strings.Join(said, ", ")
}

// printExamples prints commands to try, for functions that the stack file has.
func printExamples(out io.Writer, file *stackfile.File) {
	var lines []string
	if len(file.Functions) > 0 {
		name := file.Functions[0].Name
		body := "{}"
		if i := slices.IndexFunc(file.Functions, func(f *stackfile.Function) bool { return f.Name == "hello" }); i >= 0 {
			name, body = "hello", `{"name":"OpenFaaS"}`
		}
		lines = append(lines, fmt.Sprintf("echo '%s' | bin/fnstore invoke %s", body, name))
	}
	if c := photos(file); c.function != "" {
		lines = append(lines, "bin/fnstore s3 put photo.jpg "+c.from+"/photo.jpg", "bin/fnstore s3 ls "+c.to)
	}
	if len(lines) > 0 {
		fmt.Fprintf(out, "Try:\n  %s\n\n", strings.Join(lines, "\n  "))
	}
}
