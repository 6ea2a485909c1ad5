package tabular_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"fnstore/kit/tabular"
)

// orders is a table with the types that files mostly have.
var orders = tabular.Table{Columns: []tabular.Column{
	{Name: "id", Type: "bigint", NotNull: true}, {Name: "customer", Type: "uuid"}, {Name: "placed_at", Type: "timestamptz"},
	{Name: "status", Type: "text"}, {Name: "amount", Type: "numeric(12,2)"}, {Name: "quantity", Type: "integer"},
	{Name: "paid", Type: "boolean"}, {Name: "weight", Type: "double precision"}, {Name: "note", Type: "text"},
}}

func orderCSV(w io.Writer, i int) {
	fmt.Fprintf(w, "%d,%08x-0000-4000-8000-%012x,2026-%02d-%02dT%02d:%02d:%02dZ,%s,%d.%02d,%d,%t,%d.%d,\"note %d, with a comma\"\n",
		i, i*7, i*13, i%12+1, i%28+1, i%24, i%60, i%60, [...]string{"new", "paid", "sent"}[i%3], i%10000, i%100, i%50, i%2 == 0, i%30, i%1000, i)
}

func orderJSON(w io.Writer, i int) {
	fmt.Fprintf(w, `{"id":%d,"customer":"%08x-0000-4000-8000-%012x","placed_at":"2026-%02d-%02dT%02d:%02d:%02dZ","status":"%s","amount":%d.%02d,"quantity":%d,"paid":%t,"weight":%d.%d,"note":"note %d, with a comma"}`+"\n",
		i, i*7, i*13, i%12+1, i%28+1, i%24, i%60, i%60, [...]string{"new", "paid", "sent"}[i%3], i%10000, i%100, i%50, i%2 == 0, i%30, i%1000, i)
}

const orderHead = "id,customer,placed_at,status,amount,quantity,paid,weight,note\n"

func BenchmarkCopier(b *testing.B) {
	const rows = 50_000
	var csv, lines, array bytes.Buffer
	csv.WriteString(orderHead)
	array.WriteByte('[')
	for i := range rows {
		orderCSV(&csv, i)
		orderJSON(&lines, i)
		if i > 0 {
			array.WriteByte(',')
		}
		orderJSON(&array, i)
	}
	array.WriteByte(']')
	for _, f := range []struct {
		name string
		text []byte
	}{{"csv", csv.Bytes()}, {"ndjson", lines.Bytes()}, {"json", array.Bytes()}} {
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(int64(len(f.text)))
			for b.Loop() {
				r, err := tabular.Open(bytes.NewReader(f.text), "", "", tabular.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				to, err := tabular.Bind(orders, r.Columns())
				if err != nil {
					b.Fatal(err)
				}
				c := tabular.NewCopier(r, to)
				for c.More() {
					if _, err := io.Copy(io.Discard, c); err != nil {
						b.Fatal(err)
					}
				}
				if err := errors.Join(c.Err()); err != nil || c.Rows() != rows {
					b.Fatal(err, c.Rows(), c.Rejects())
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
