package tabular

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
)

// sniff tells the format. What begins like JSON is JSON whatever anybody says;
// a CSV header may begin with a bracket, so there what comes next is looked at.
func sniff(sample []byte, whole bool, hint Format) Format {
	text := bytes.TrimLeft(sample, " \t\r\n")
	next := bytes.TrimLeft(text[1:], " \t\r\n")
	like := func(chars string) bool { return len(next) == 0 || bytes.IndexByte([]byte(chars), next[0]) >= 0 }
	switch {
	case text[0] == '[' && (like("{]") || hint != CSV):
		return JSON
	case text[0] == '{' && (like(`"}`) || hint != CSV):
	default:
		return CSV
	}
	line, _, ended := bytes.Cut(text, []byte("\n"))
	switch {
	case ended || whole:
		if json.Valid(line) || hint == NDJSON {
			return NDJSON
		}
		return JSON
	case hint == JSON:
		return JSON
	}
	return NDJSON // its first line is longer than the sample
}

// delimiters that are told apart, the usual one first.
var delimiters = []rune{',', ';', '\t'}

// delimiterOf takes the delimiter that splits the first rows into equally many
// fields, and into most.
func delimiterOf(sample []byte, whole bool) rune {
	if i := bytes.LastIndexByte(sample, '\n'); !whole && i >= 0 {
		sample = sample[:i+1]
	}
	best, most, even := ',', 1, false
	for _, d := range delimiters {
		n, same := fields(sample, d)
		if n > 1 && (same && !even || same == even && n > most) {
			best, most, even = d, n, same
		}
	}
	return best
}

// fields counts the fields of the first row, and says whether the next ones
// have as many.
func fields(sample []byte, delimiter rune) (n int, same bool) {
	const rows = 10
	r := csv.NewReader(bytes.NewReader(sample))
	r.Comma, r.ReuseRecord, r.FieldsPerRecord = delimiter, true, -1
	first, err := r.Read()
	if err != nil {
		return 0, false
	}
	n = len(first)
	for range rows {
		row, err := r.Read()
		if row == nil && err != nil {
			return n, true // the end, or a field that is longer than the sample
		}
		if err != nil || len(row) != n {
			return n, false
		}
	}
	return n, true
}
