// Package tabular turns the bytes of a file into typed rows for Postgres'
// COPY, in memory that does not grow with the file: CSV (RFC 4180), a JSON
// array of objects, and JSON objects one after the other (NDJSON), plain or
// compressed with gzip or zstd. It does not know where the bytes come from, nor
// speaks to a database.
//
// A row that cannot be used is a *RowError and reading goes on; any other error
// ends the file. What is wrong with the file is a *fault.Error that is not
// retriable; an error of the reader that Open was given comes back wrapped, so
// a connection that broke is not mistaken for a bad file.
package tabular

import (
	"cmp"
	"fmt"
)

// Format is how rows are written in a file, by its bytes.
type Format string

// The formats.
const (
	CSV    Format = "csv"
	JSON   Format = "json"   // an array of objects, or objects that may span lines
	NDJSON Format = "ndjson" // an object a line
)

// Limits bound what a file may ask for. A limit of 0 is the one of
// DefaultLimits.
type Limits struct {
	RowBytes int   // of one row in the file
	Columns  int   // of a CSV file; members of a JSON object
	Depth    int   // of objects and arrays in each other; the row itself is 1
	Rows     int64 // good and bad ones
	Bytes    int64 // of the file, decompressed
	Ratio    int64 // decompressed bytes for one compressed, once they are more than 32 MiB
}

// DefaultLimits suits a process of 64 MiB. The number of columns is Postgres'.
var DefaultLimits = Limits{RowBytes: 1 << 20, Columns: 1600, Depth: 32, Rows: 1_000_000_000, Bytes: 64 << 30, Ratio: 200}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	return Limits{
		RowBytes: cmp.Or(l.RowBytes, d.RowBytes), Columns: cmp.Or(l.Columns, d.Columns), Depth: cmp.Or(l.Depth, d.Depth),
		Rows: cmp.Or(l.Rows, d.Rows), Bytes: cmp.Or(l.Bytes, d.Bytes), Ratio: cmp.Or(l.Ratio, d.Ratio),
	}
}

// RowError says why one row cannot be used. The codes are stable:
//
//	field_count       a CSV row has more or fewer fields than the header
//	bad_quote         a CSV field has a quote where none may be
//	invalid_json      a row is not JSON
//	not_an_object     a row is JSON, and no object
//	duplicate_key     two members of an object are one column
//	too_many_columns  an object has more members than Limits.Columns
//	too_deep          objects and arrays are deeper than Limits.Depth
//	row_too_long      a row of JSON has more bytes than Limits.RowBytes
//	invalid_encoding  a text is not UTF-8, or has half a surrogate pair
//	nul_byte          a text has a NUL, which Postgres cannot keep
//	missing_value     a column that is NOT NULL has no value
//	wrong_type        a JSON value is of a type that the column does not take
//	invalid_value     a value cannot be read as the column's type
//	out_of_range      a value is beyond what the column's type holds
type RowError struct {
	Row    int64  // number of the row in the file from 1, bad rows counted
	Line   int    // in the file, from 1
	Column int    // in the line, in bytes, from 1
	Field  string // column of the table, or empty: it is about the whole row
	Code   string
	Detail string // a sentence for a person; quotes 40 characters of a value at most
}

func (e *RowError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Detail)
	}
	return fmt.Sprintf("line %d, column %d, %s: %s", e.Line, e.Column, e.Field, e.Detail)
}

// Row is one row. It is valid until the next call of Next.
type Row struct {
	Number int64 // in the file, from 1
	Line   int   // where it begins, from 1

	column  int      // JSON: where it begins
	text    string   // JSON: the object
	values  []string // CSV: one for each column; JSON: as they are written
	names   []string // JSON: of the members, with their quotes
	offsets []int    // JSON: of the values, in text
	from    *Reader
}

// Len is the number of fields of a CSV row, or of members of a JSON object.
func (r *Row) Len() int { return len(r.values) }

// Text gives a field as it is in the file: of CSV without its quotes, of JSON
// as JSON.
func (r *Row) Text(i int) string { return r.values[i] }
