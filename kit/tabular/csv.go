package tabular

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"fnstore/kit/fault"
)

// records reads CSV by encoding/csv: an empty line is no row, and a line break
// in a quoted field is \n however the file writes it.
type records struct {
	r     *Reader
	csv   *csv.Reader
	began int64    // offset of the header in the file decompressed
	line  int      // where the last row began
	first []string // the first row of a file without a header
}

func openCSV(r *Reader, sample []byte, whole bool, _ Format, headless bool) (rows, error) {
	if bytes.IndexByte(sample, '\n') < 0 && bytes.IndexByte(bytes.TrimRight(sample, "\r"), '\r') >= 0 {
		return nil, unsupported("the lines of the file end with a lone carriage return; save it with line feeds")
	}
	c := &records{r: r, csv: csv.NewReader(r.buf), began: r.in.n - int64(r.buf.Buffered())}
	c.csv.Comma, c.csv.ReuseRecord = delimiterOf(sample, whole), true
	r.in.wide = &wide{delimiter: []byte(string(c.csv.Comma)), most: r.limits.Columns, last: bytes.Clone(sample)}
	head, err := c.read()
	switch bad := (*RowError)(nil); {
	case err == io.EOF:
		return nil, fault.New(fault.Unprocessable, "empty", "the file is empty")
	case errors.As(err, &bad):
		return nil, badHeader("line %d, column %d: %s", bad.Line, bad.Column, bad.Detail)
	case err != nil:
		return nil, err
	case headless:
		c.first = append(c.first, head...)
		return c, nil
	}
	r.columns, err = header(head)
	return c, err
}

// header checks the names of columns. Blanks around a name do not belong to it.
func header(row []string) ([]string, error) {
	names, seen := make([]string, len(row)), make(map[string]bool, len(row))
	for i, name := range row {
		name = strings.TrimSpace(name)
		if !utf8.ValidString(name) {
			return nil, badEncoding("the name of column %d is not UTF-8", i+1)
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, badHeader("the name of column %d has a control character", i+1)
		}
		if name != "" && seen[fold(name)] {
			return nil, fault.New(fault.Unprocessable, "duplicate_column", "the header has %.40q twice; upper and lower case are the same", name)
		}
		names[i], seen[fold(name)] = name, true
	}
	return names, nil
}

func badHeader(format string, args ...any) error {
	return fault.New(fault.Unprocessable, "bad_header", format, args...)
}

// fold makes names equal that differ in the case of ASCII letters, as Postgres
// does with names that are not quoted.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

func (c *records) next(row *Row) (err error) {
	if c.first != nil {
		row.values, row.Line, c.first = c.first, 1, nil
		return nil
	}
	if row.values, err = c.read(); err != nil {
		return err
	}
	c.line, _ = c.csv.FieldPos(0)
	row.Line = c.line
	return nil
}

// read gives a row of bytes.
func (c *records) read() ([]string, error) {
	offset := c.csv.InputOffset()
	most := int64(c.r.limits.RowBytes)
	c.r.in.until = c.began + offset + most + bufferBytes
	c.r.in.wide.row(c.began + offset)
	c.r.in.ended = false // Open may have looked as far as the end
	row, err := c.csv.Read()
	if len(row) > c.r.limits.Columns {
		return nil, tooManyColumns(c.r.limits.Columns)
	}
	if err == nil && c.csv.InputOffset()-offset <= most {
		return row, nil
	}
	bad := (*csv.ParseError)(nil)
	switch failed := c.r.in.err; {
	case failed != nil && failed != io.EOF && failed != errRowTooLong && err != nil:
		return nil, failed
	case err == nil, errors.Is(err, errRowTooLong), failed == errRowTooLong:
		return nil, rowTooLong(c.line, c.r.limits.RowBytes)
	case !errors.As(err, &bad):
		return nil, err
	case errors.Is(err, csv.ErrFieldCount):
		return nil, &RowError{Line: bad.StartLine, Column: 1, Code: "field_count", Detail: fieldCount(len(row), c.csv.FieldsPerRecord)}
	case errors.Is(err, csv.ErrQuote) && c.r.in.ended:
		// A quote that is never closed takes in every row behind it.
		return nil, fault.New(fault.Unprocessable, "unterminated_quote", "line %d: a quote opens in this row and the file ends before it closes", bad.StartLine)
	}
	return nil, &RowError{Line: bad.Line, Column: bad.Column, Code: "bad_quote",
		Detail: "a quote stands inside a field; such a field is quoted and its quotes are doubled (RFC 4180)"}
}
