package tabular_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"fnstore/kit/fault"
	"fnstore/kit/tabular"
)

// Whatever the bytes are: no panic, an end, never a row together with an error,
// and every line that comes out has all its columns.
func FuzzOpen(f *testing.F) {
	for _, s := range []string{"id,c\n1,2\n", "id;c\r\n\"1\"\"\";\n", "\ufeffid\tc\n", `[{"id":1,"c":{"a":[1,"\u0041"]}}]`, "{\"id\":1}\n{\"c\":\"\\ud800\"}\n", "{\n\"id\"\n:1}", "[", "\"", "\x1f\x8b", gz("id\n1"), zst("id\n1")} {
		f.Add([]byte(s), "")
	}
	f.Add([]byte("1,2\n"), "text/csv; header=absent")
	table := tabular.Table{Columns: []tabular.Column{{Name: "id", Type: "numeric(5,2)"}, {Name: "c", Type: "text"}, {Name: "d", Type: "jsonb"}, {Name: "t", Type: "timestamptz"}}}
	limits := tabular.Limits{RowBytes: 1000, Columns: 20, Depth: 5, Rows: 1000, Bytes: 1 << 20}
	f.Fuzz(func(t *testing.T, file []byte, contentType string) {
		r, err := tabular.Open(bytes.NewReader(file), contentType, "", limits)
		if err != nil {
			if r != nil || fault.Of(err).Kind.Retriable() {
				t.Fatalf("%v with %v", r, err)
			}
			return
		}
		b, err := tabular.Bind(table, r.Columns())
		if err != nil {
			return
		}
		for n := int64(1); ; n++ {
			row, err := r.Next()
			if (row == nil) == (err == nil) {
				t.Fatalf("a row and %v", err)
			}
			var bad *tabular.RowError
			switch {
			case errors.As(err, &bad):
				if bad.Row != n || bad.Line < 1 || bad.Column < 1 || bad.Code == "" {
					t.Fatalf("%+v", bad)
				}
				continue
			case err != nil:
				if _, again := r.Next(); again != err {
					t.Fatalf("%v after %v", again, err)
				}
				if err != io.EOF && fault.Of(err).Kind.Retriable() {
					t.Fatal(err)
				}
				return
			}
			line, err := b.Append(nil, row)
			if err != nil {
				if bad, ok := err.(*tabular.RowError); !ok || len(line) > 0 || bad.Row != n || bad.Line < 1 || bad.Column < 1 {
					t.Fatalf("%q with %v", line, err)
				}
				continue
			}
			text, ended := strings.CutSuffix(string(line), "\n")
			if !ended || strings.Count(text, "\t") != len(b.Columns())-1 || strings.ContainsAny(text, "\n\r\x00") {
				t.Fatalf("%q has not %d columns", line, len(b.Columns()))
			}
		}
	})
}
