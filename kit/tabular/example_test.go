package tabular_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"fnstore/kit/tabular"
)

// A file whose second row is bad: reading goes on behind it.
func ExampleOpen() {
	file := "ID;Name;Born\n1;Ada;1815-12-10\n2;Bob;1815-13-10\n3;\"O; Connor\";\n"
	r, err := tabular.Open(strings.NewReader(file), "text/csv; charset=utf-8", "people.csv", tabular.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	table := tabular.Table{Columns: []tabular.Column{{Name: "id", Type: "int8", NotNull: true}, {Name: "name", Type: "text"}, {Name: "born", Type: "date"}}}
	b, err := tabular.Bind(table, r.Columns())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Format(), b.Columns())
	for {
		row, err := r.Next()
		var line []byte
		if err == nil {
			line, err = b.Append(nil, row)
		}
		var bad *tabular.RowError
		switch {
		case err == io.EOF:
			return
		case errors.As(err, &bad):
			fmt.Println(bad.Code, bad)
		case err != nil:
			fmt.Println(err)
			return
		default:
			fmt.Printf("%q\n", line)
		}
	}
	// Output:
	// csv [id name born]
	// "1\tAda\t1815-12-10\n"
	// invalid_value line 3, column 7, born: "1815-13-10" is no date
	// "3\tO; Connor\t\\N\n"
}

// A Copier is an io.Reader for COPY, in chunks.
func ExampleCopier() {
	file := `{"id": 12345678901234567890, "note": "a\tb"}` + "\n" + `{"id": "x"}` + "\n" + `{"note": null, "id": 2}` + "\n"
	r, _ := tabular.Open(strings.NewReader(file), "", "", tabular.Limits{})
	b, _ := tabular.Bind(tabular.Table{Columns: []tabular.Column{{Name: "id", Type: "numeric"}, {Name: "note", Type: "text"}}}, r.Columns())
	c := tabular.NewCopier(r, b)
	for c.More() {
		lines, _ := io.ReadAll(c) // PgConn.CopyFrom reads it
		fmt.Printf("%s", lines)
		for _, bad := range c.Rejects() {
			fmt.Println(bad.Line, bad.Column, bad.Field, bad.Code)
		}
	}
	fmt.Println(r.Format(), c.Rows(), c.Rejected(), c.Err())
	// Output:
	// 12345678901234567890	a\tb
	// 2	\N
	// 2 8 id invalid_value
	// ndjson 2 1 <nil>
}
