package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fnstore/kit/tabular"
)

// The table has a column of each type that files mostly have.
const (
	table = `CREATE TABLE orders (id bigint NOT NULL, customer uuid, placed_at timestamptz, status text, amount numeric(12,2), quantity integer,
		paid boolean, weight double precision, note text)`
	rejects = `CREATE TABLE rejects (row bigint, line integer, "column" integer, field text, code text, detail text)`
	head    = "id,customer,placed_at,status,amount,quantity,paid,weight,note\n"
)

var columns = tabular.Table{Columns: []tabular.Column{
	{Name: "id", Type: "bigint", NotNull: true}, {Name: "customer", Type: "uuid"}, {Name: "placed_at", Type: "timestamptz"},
	{Name: "status", Type: "text"}, {Name: "amount", Type: "numeric(12,2)"}, {Name: "quantity", Type: "integer"},
	{Name: "paid", Type: "boolean"}, {Name: "weight", Type: "double precision"}, {Name: "note", Type: "text"},
}}

var states = [...]string{"new", "paid", "sent", "returned"}

func rowCSV(w *bufio.Writer, i int) {
	fmt.Fprintf(w, "%d,%08x-0000-4000-8000-%012x,2026-%02d-%02dT%02d:%02d:%02dZ,%s,%d.%02d,%d,%t,%d.%d,\"note %d, with a comma\"\n",
		i, uint32(i*2654435761), i*13, i%12+1, i%28+1, i%24, i%60, i%60, states[i%len(states)], i%10000, i%100, i%50, i%2 == 0, i%30, i%1000, i)
}

func rowJSON(w *bufio.Writer, i int) {
	fmt.Fprintf(w, `{"id":%d,"customer":"%08x-0000-4000-8000-%012x","placed_at":"2026-%02d-%02dT%02d:%02d:%02dZ","status":"%s","amount":%d.%02d,"quantity":%d,"paid":%t,"weight":%d.%d,"note":"note %d, with a comma"}`+"\n",
		i, uint32(i*2654435761), i*13, i%12+1, i%28+1, i%24, i%60, i%60, states[i%len(states)], i%10000, i%100, i%50, i%2 == 0, i%30, i%1000, i)
}

// write makes the two large files of the same rows.
func (b *bench) write() (csv, lines string, rows int, err error) {
	csv, lines = filepath.Join(b.dir, "orders.csv"), filepath.Join(b.dir, "orders.ndjson")
	if err := writeFile(csv, func(w *bufio.Writer) {
		_, _ = w.WriteString(head)
		for size := 0; size < b.mb*1_000_000; rows++ {
			before := w.Buffered()
			rowCSV(w, rows)
			if after := w.Buffered(); after > before {
				size += after - before
			} else {
				size += after - before + w.Size()
			}
		}
	}); err != nil {
		return "", "", 0, err
	}
	return csv, lines, rows, writeFile(lines, func(w *bufio.Writer) {
		for i := range rows {
			rowJSON(w, i)
		}
	})
}

func writeFile(path string, write func(*bufio.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	write(w)
	return errors.Join(w.Flush(), f.Close()) // a writer keeps its first error
}
