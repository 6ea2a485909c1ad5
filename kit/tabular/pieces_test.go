package tabular_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"fnstore/kit/tabular"
)

// Rows come out as they went in, wherever the pieces end in which a file comes.
func TestNext_RowsAcrossPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 180))
	parts := []string{"a", "ä", "😄", ",", ";", "\"", "\n", "\\", "{", "}", "[", "]", ":", " ", "\t", "x,y", "\\u0041", "\"\""}
	field := func() string {
		n := random.IntN(20)
		switch random.IntN(100) {
		case 0:
			n = 90_000
		case 1, 2, 3:
			n = 5000
		}
		var b strings.Builder
		for range n {
			b.WriteString(parts[random.IntN(len(parts))])
		}
		return b.String()
	}
	var rows [][]string
	var asCSV, lines, array bytes.Buffer
	w := csv.NewWriter(&asCSV)
	_ = w.Write([]string{"a", "b", "c"})
	for i := range 250 {
		row := []string{field(), field(), field()}
		if row[0] == "" {
			row[0] = "not an empty line"
		}
		rows = append(rows, row)
		_ = w.Write(row)
		object, _ := json.Marshal(map[string]string{"a": row[0], "b": row[1], "c": row[2]})
		lines.Write(append(object, '\n'))
		spread, _ := json.MarshalIndent(json.RawMessage(object), "", "  ")
		array.WriteString([]string{"[\n", ",\n"}[min(i, 1)])
		array.Write(spread)
	}
	array.WriteString("\n]\n")
	w.Flush()
	pieces := func(r io.Reader) io.Reader { return &chopped{r, random} }
	for about, file := range map[string]string{"csv": asCSV.String(), "ndjson": lines.String(), "json": array.String(), "csv.gz": gz(asCSV.String()), "json.zst": zst(array.String())} {
		for _, way := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.HalfReader, pieces} {
			r, err := tabular.Open(way(strings.NewReader(file)), "", about, tabular.Limits{})
			if err != nil {
				t.Fatalf("%s: %v", about, err)
			}
			if string(r.Format()) != strings.Split(about, ".")[0] {
				t.Errorf("%s is %s", about, r.Format())
			}
			for i, want := range rows {
				row, err := r.Next()
				if err != nil {
					t.Fatalf("%s, row %d: %v", about, i, err)
				}
				var got []string
				for n := range row.Len() {
					text := row.Text(n)
					if r.Format() != tabular.CSV {
						if err := json.Unmarshal([]byte(row.Text(n)), &text); err != nil {
							t.Fatalf("%s, row %d: %v", about, i, err)
						}
					}
					got = append(got, text)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%s, row %d: %.200q, want %.200q", about, i, got, want)
				}
			}
			if row, err := r.Next(); err != io.EOF {
				t.Errorf("%s: %v, %v at the end", about, row, err)
			}
		}
	}
}

// chopped gives pieces of any length.
type chopped struct {
	r      io.Reader
	random *rand.Rand
}

func (c *chopped) Read(p []byte) (int, error) {
	return c.r.Read(p[:min(len(p), 1+c.random.IntN(70_000))])
}
