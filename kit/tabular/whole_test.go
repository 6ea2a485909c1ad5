package tabular

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// Rows that are kept as they are, each in its own form.
func TestBindWhole(t *testing.T) {
	for _, c := range []struct{ name, file, want, bad string }{
		{"csv", "a,,\"b\"\"c\"\n1,\"x\"\"y\nz\",\n\n2,,\xff\n3,,a\x00\n", "2\t{\"a\":\"1\",\"column_2\":\"x\\\\\"y\\\\u000az\",\"b\\\\\"c\":null}\n", "invalid_encoding 5 4,nul_byte 6 4"},
		{"ndjson", "{\"a\": 12345678901234567890.5, \"b\": \"\\n\"}\n\n{\"a\":1,\"a\":2}\n{\"a\":\"\\u0000\"}\n{\"a\":\"\\ud800\"}\n{}\n[]\n",
			"1\t{\"a\": 12345678901234567890.5, \"b\": \"\\\\n\"}\n6\t{}\n", "duplicate_key 3 12,nul_byte 4 1,invalid_encoding 5 1,not_an_object 7 1"},
		{"json", "[\n{\"a\":\n{\"b\": [1]}},{\"c\":\"\\\\\"}]", "2\t{\"a\":\\n{\"b\": [1]}}\n3\t{\"c\":\"\\\\\\\\\"}\n", ""},
	} {
		r, err := Open(strings.NewReader(c.file), "", "f."+c.name, Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		rows := NewCopier(r, BindWhole(r.Columns()))
		var got, bad []string
		for rows.More() {
			text, err := io.ReadAll(rows)
			if err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", c.name, err)
			}
			got = append(got, string(text))
			for _, e := range rows.Rejects() {
				bad = append(bad, fmt.Sprintf("%s %d %d", e.Code, e.Line, e.Column))
			}
		}
		if text := strings.Join(got, ""); text != c.want || strings.Join(bad, ",") != c.bad {
			t.Errorf("%s: %q\nwant %q\nbad %v, want %s", c.name, text, c.want, bad, c.bad)
		}
	}
}
