package gateway

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// row is one line of a table; its first cell is unescaped already.
type row struct {
	line  int
	cells []string
}

func (r row) cell(i int) string {
	if i < len(r.cells) {
		return r.cells[i]
	}
	return ""
}

var many = regexp.MustCompile(`<<([^*>]+)\*(\d+)>>`)

// table reads testdata/name.
func table(t *testing.T, name string) (rows []row) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(bytes.TrimSuffix(text, []byte("\n"))), "\n") {
		if strings.HasPrefix(line, "# ") {
			continue
		}
		r := row{i + 1, strings.Split(line, "\t")}
		raw := many.ReplaceAllStringFunc(r.cells[0], func(s string) string {
			m := many.FindStringSubmatch(s)
			n, err := strconv.Atoi(m[2])
			if err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
			return strings.Repeat(m[1], n)
		})
		if r.cells[0], err = strconv.Unquote(`"` + raw + `"`); err != nil {
			t.Fatalf("%s:%d: %v", name, i+1, err)
		}
		rows = append(rows, r)
	}
	return rows
}
