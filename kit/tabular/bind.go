package tabular

import (
	"fmt"
	"strings"

	"fnstore/kit/fault"
)

// Column is a column of a table in Postgres.
type Column struct {
	Name string
	// Type is text, varchar, varchar(n), bool, int2, int4, int8, float8,
	// numeric, numeric(p,s), date, timestamp, timestamptz, uuid, json or jsonb, or
	// the name that format_type gives for one of these.
	Type    string
	NotNull bool
}

// Table is what rows are put into, in a database whose encoding is UTF-8.
type Table struct{ Columns []Column }

// Binding says which field of a file goes into which column of a table, and
// converts rows. It is for one goroutine.
//
// Names are equal whatever the case of their ASCII letters; an object with two
// members for one column is refused (duplicate_key), and so is such a header. A
// field for which there is no column is left out; Ignored tells.
//
// CSV: an empty field is NULL, and the empty text in a text column that is NOT
// NULL. JSON: null and a member that is not there are NULL; a string may hold
// any type, a number goes into text too, and no number passes through a float.
// Dates and times are those of ISO 8601; a time without a zone is UTC in a
// timestamptz column, one with a zone is refused in a timestamp column.
type Binding struct {
	targets []target
	byName  map[string]int
	guesses []guess
	slots   []int // of the members of a JSON object, by target; -1: none
	scratch []byte
	ignored []string
	whole   bool     // see BindWhole
	names   []string // CSV: of the columns, as JSON with a colon
	object  []byte
	last    int // number of the last field of CSV that is needed
}

// target is a column that gets a value.
type target struct {
	Column
	kind  kind
	size  int // varchar's n, numeric's p; 0: any
	scale int // numeric's s
	from  int // CSV: the field's number
}

// guess is where the member of that number went in the last row: most rows have
// their members in the same order.
type guess struct {
	name   string // with its quotes
	target int
}

const (
	maxIgnored   = 100 // names that Ignored gives
	maxGuessName = 64  // bytes of a name that is kept
)

// Bind finds the columns for the names of a header, or for objects when
// columns is nil. It refuses a file none of whose columns the table has with the
// fault no_known_column, and one that lacks a NOT NULL column with
// missing_column; leave a column with a default out of the Table, or say that
// it may be null. Errors without a fault are about the table itself.
func Bind(table Table, columns []string) (*Binding, error) {
	b := &Binding{byName: make(map[string]int, len(table.Columns))}
	for _, c := range table.Columns {
		t := target{Column: c, from: len(b.targets)}
		var err error
		if t.kind, t.size, t.scale, err = parseType(c.Type); err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		if _, twice := b.byName[fold(c.Name)]; twice {
			return nil, fmt.Errorf("two columns are called %s in whatever case", c.Name)
		}
		b.byName[fold(c.Name)] = len(b.targets)
		b.targets = append(b.targets, t)
	}
	if columns != nil {
		if err := b.header(columns); err != nil {
			return nil, err
		}
	}
	b.slots = make([]int, len(b.targets))
	for _, t := range b.targets {
		b.last = max(b.last, t.from)
	}
	return b, nil
}

// header keeps the columns that the file has, in the table's order.
func (b *Binding) header(columns []string) error {
	from := make([]int, len(b.targets))
	for i := range from {
		from[i] = -1
	}
	for i, name := range columns {
		if k, ok := b.byName[fold(name)]; ok {
			from[k] = i
		} else {
			b.ignore(name)
		}
	}
	var kept []target
	clear(b.byName)
	for k, t := range b.targets {
		if t.from = from[k]; t.from >= 0 {
			b.byName[fold(t.Name)] = len(kept)
			kept = append(kept, t)
		} else if t.NotNull {
			return fault.New(fault.Unprocessable, "missing_column", "the file has no column %s", t.Name)
		}
	}
	if len(kept) == 0 {
		return fault.New(fault.Unprocessable, "no_known_column", "the table has none of the columns of the file (%.100q)", strings.Join(columns, ", "))
	}
	b.targets = kept
	return nil
}

func (b *Binding) ignore(name string) {
	if len(b.ignored) < maxIgnored && len(name) <= maxGuessName {
		for _, n := range b.ignored {
			if n == name {
				return
			}
		}
		b.ignored = append(b.ignored, name)
	}
}

// Columns are the table's columns that get values, in the order of Append.
func (b *Binding) Columns() []string {
	if b.whole {
		return []string{"line", "data"}
	}
	names := make([]string, len(b.targets))
	for i, t := range b.targets {
		names[i] = t.Name
	}
	return names
}

// Ignored are names of the file's fields for which the table has no column, at
// most a hundred. For JSON they are known after the rows were appended.
func (b *Binding) Ignored() []string { return b.ignored }

// Append adds the row as a line of COPY ... FROM STDIN in its text format. On
// an error, which is a *RowError, dst is as it was.
func (b *Binding) Append(dst []byte, row *Row) ([]byte, error) {
	var out []byte
	var bad *RowError
	if b.whole {
		out, bad = b.appendWhole(dst, row)
	} else if row.from.format == CSV {
		out, bad = b.appendCSV(dst, row)
	} else {
		out, bad = b.appendJSON(dst, row)
	}
	if bad != nil {
		bad.Row = row.Number
		return dst, bad
	}
	return append(out, '\n'), nil
}

func (b *Binding) appendCSV(dst []byte, row *Row) ([]byte, *RowError) {
	if row.from.columns == nil && len(row.values) != len(b.targets) || len(row.values) <= b.last {
		return dst, &RowError{Line: row.Line, Column: 1, Code: "field_count", Detail: fieldCount(len(row.values), len(b.targets))}
	}
	for k := range b.targets {
		t := &b.targets[k]
		if k > 0 {
			dst = append(dst, '\t')
		}
		v := row.values[t.from]
		if v == "" && !(t.NotNull && t.kind == text) {
			if t.NotNull {
				return dst, t.wrong(row, t.from, "missing_value", v)
			}
			dst = append(dst, `\N`...)
			continue
		}
		var code string
		if t.kind == document {
			code = b.checkDocument(v, row.from.limits.Depth)
		}
		if code == "" {
			dst, code = t.append(dst, v)
		}
		if code != "" {
			return dst, t.wrong(row, t.from, code, v)
		}
	}
	return dst, nil
}

func fieldCount(got, want int) string {
	return fmt.Sprintf("the row has %d fields where there are %d columns", got, want)
}

func (b *Binding) appendJSON(dst []byte, row *Row) ([]byte, *RowError) {
	for k := range b.slots {
		b.slots[k] = -1
	}
	for i, name := range row.names {
		k, code := b.find(i, name)
		if code == "" && k >= 0 && b.slots[k] >= 0 {
			code = "duplicate_key"
		}
		if code != "" {
			return dst, keyed(row, i, code, name)
		}
		if k >= 0 {
			b.slots[k] = i
		}
	}
	for k := range b.targets {
		t, i := &b.targets[k], b.slots[k]
		if k > 0 {
			dst = append(dst, '\t')
		}
		if i < 0 || row.values[i] == "null" {
			if t.NotNull {
				return dst, t.wrong(row, i, "missing_value", "")
			}
			dst = append(dst, `\N`...)
			continue
		}
		v := row.values[i]
		code := ""
		switch c := v[0]; {
		case t.kind == document:
			code = b.checkStrings(v)
		case c == '"' && strings.IndexByte(v, '\\') < 0:
			v = v[1 : len(v)-1]
		case c == '"':
			if b.scratch, code = unquote(b.scratch[:0], v); code == "" {
				v = string(b.scratch)
			}
		case !t.kind.takes(c):
			code = "wrong_type"
		}
		if code == "" {
			dst, code = t.append(dst, v)
		}
		if code != "" {
			return dst, t.wrong(row, i, code, v)
		}
	}
	return dst, nil
}

// find gives the target of the i-th member, or -1.
func (b *Binding) find(i int, name string) (k int, code string) {
	if i < len(b.guesses) && b.guesses[i].name == name {
		return b.guesses[i].target, ""
	}
	key := name[1 : len(name)-1]
	if strings.IndexByte(key, '\\') >= 0 {
		if b.scratch, code = unquote(b.scratch[:0], name); code != "" {
			return -1, code
		}
		key = string(b.scratch)
	}
	k, ok := b.byName[fold(key)]
	if !ok {
		k = -1
		b.ignore(strings.Clone(key))
	}
	for len(b.guesses) <= i {
		b.guesses = append(b.guesses, guess{})
	}
	if len(name) <= maxGuessName {
		b.guesses[i] = guess{strings.Clone(name), k} // the name alone, not the row that it is a part of
	}
	return k, ""
}

// wrong says what is wrong with the field or member of that number.
func (t *target) wrong(row *Row, i int, code, v string) *RowError {
	e := &RowError{Field: t.Name, Code: code}
	e.Line, e.Column = row.at(i)
	switch code {
	case "missing_value":
		e.Detail = "there is no value, and the column may not be null"
	case "nul_byte":
		e.Detail = "the text has a NUL, which Postgres cannot keep"
	case "invalid_encoding":
		e.Detail = "the text is not UTF-8, or has half a surrogate pair"
	case "too_deep":
		e.Detail = fmt.Sprintf("objects and arrays are more than %d deep", row.from.limits.Depth)
	case "wrong_type":
		e.Detail = fmt.Sprintf("%.40q is not of a type that %s takes", v, t.Type)
	case "out_of_range":
		e.Detail = fmt.Sprintf("%.40q is beyond what %s holds", v, t.Type)
	default:
		e.Detail = fmt.Sprintf("%.40q is no %s", v, t.Type)
	}
	return e
}

func keyed(row *Row, i int, code, name string) *RowError {
	e := &RowError{Code: code, Detail: fmt.Sprintf("the name %.40q has a NUL or half a surrogate pair", name)}
	if code == "duplicate_key" {
		e.Detail = fmt.Sprintf("%.40s is there twice; upper and lower case are the same", name)
	}
	e.Line, e.Column = row.at(i)
	return e
}

// at gives the line and column of a field or member; -1 is the row.
func (r *Row) at(i int) (line, column int) {
	switch c, ok := r.from.rows.(*records); {
	case ok:
		return c.csv.FieldPos(i)
	case i < 0:
		return r.Line, r.column
	}
	return position(r.text, r.Line, r.column, r.offsets[i])
}
