package tabular_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"

	"fnstore/kit/fault"
	"fnstore/kit/tabular"
)

func gz(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func zst(text string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(text), nil))
}

func utf16le(text string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// code is the code of an error of either kind.
func code(err error) string {
	var bad *tabular.RowError
	if errors.As(err, &bad) {
		return bad.Code
	}
	if err == nil || err == io.EOF {
		return ""
	}
	return fault.Of(err).Code
}

// read reads a file to its end: a row each in the form a|b, or its error's
// code; then what ended the file.
func read(r io.Reader, contentType, name string, limits tabular.Limits) (t *tabular.Reader, rows []string, err error) {
	if t, err = tabular.Open(r, contentType, name, limits); err != nil {
		return nil, nil, err
	}
	for {
		row, err := t.Next()
		var bad *tabular.RowError
		switch {
		case errors.As(err, &bad):
			rows = append(rows, bad.Code)
		case err == io.EOF:
			return t, rows, nil
		case err != nil:
			return t, rows, err
		default:
			var fields []string
			for i := range row.Len() {
				fields = append(fields, row.Text(i))
			}
			rows = append(rows, strings.Join(fields, "|"))
		}
	}
}

// The bytes decide what a file is; type and name are asked where they could be
// two things. A content type with a parameter is the type.
//
// Seed: B47
func TestOpen_TellsTheFormat(t *testing.T) {
	const csv, array, lines = "a,b\n1,2\n", `[{"a":1},{"a":2}]`, "{\"a\":1}\n{\"a\":2}\n"
	for _, c := range []struct {
		about, file, contentType, name string
		format                         tabular.Format
		compression                    string
		rows                           []string
	}{
		{"csv", csv, "text/csv; charset=utf-8", "x.csv", tabular.CSV, "", []string{"1|2"}},
		{"a bad parameter", csv, "text/csv; charset", "", tabular.CSV, "", []string{"1|2"}},
		{"no type, no name", csv, "", "", tabular.CSV, "", []string{"1|2"}},
		{"csv called JSON", csv, "application/json", "x.json", tabular.CSV, "", []string{"1|2"}},
		{"JSON called csv", array, "text/csv", "x.csv", tabular.JSON, "", []string{"1", "2"}},
		{"NDJSON called JSON", lines, "application/json; charset=utf-8", "x.json", tabular.NDJSON, "", []string{"1", "2"}},
		{"one object on a line", `{"a":1}`, "", "", tabular.NDJSON, "", []string{"1"}},
		{"one object on many lines", "{\n \"a\": 1\n}\n", "", "", tabular.JSON, "", []string{"1"}},
		{"objects on many lines", "{\n \"a\": 1\n}\n{\"a\":\n2}", "", "", tabular.JSON, "", []string{"1", "2"}},
		{"a bad first line", "{\"a\":tru}\n{\"a\":2}\n", "application/x-ndjson", "", tabular.NDJSON, "", []string{"invalid_json", "2"}},
		{"the name, where the type says nothing", "{\"a\":tru}\n{\"a\":2}\n", "application/octet-stream", "x.jsonl.gz", tabular.NDJSON, "", []string{"invalid_json", "2"}},
		{"a header that begins with a bracket", "[a],b\n1,2\n", "text/csv", "", tabular.CSV, "", []string{"1|2"}},
		{"a header that begins with a brace", "{a},b\n1,2\n", "", "x.csv", tabular.CSV, "", []string{"1|2"}},
		{"semicolons", "a;b\n1,5;2\n", "", "", tabular.CSV, "", []string{"1,5|2"}},
		{"tabs", "a\tb\n1,5\t2;\n", "", "", tabular.CSV, "", []string{"1,5|2;"}},
		{"one column", "a\n1\n2\n", "", "", tabular.CSV, "", []string{"1", "2"}},
		{"delimiters in quotes", "\"a,x,y\";b\n1;2\n", "", "", tabular.CSV, "", []string{"1|2"}},
		{"a delimiter that is even beats one that is often", "a,b;c;d\n1,2\n3,4\n", "", "", tabular.CSV, "", []string{"1|2", "3|4"}},
		{"no header", csv, "text/csv; header=absent", "", tabular.CSV, "", []string{"a|b", "1|2"}},
		{"BOM and csv", "\ufeff" + csv, "", "", tabular.CSV, "", []string{"1|2"}},
		{"BOM and a quoted header", "\ufeff\"a\",b\n1,2", "", "", tabular.CSV, "", []string{"1|2"}},
		{"BOM and an array", "\ufeff" + array, "", "", tabular.JSON, "", []string{"1", "2"}},
		{"BOM and lines", "\ufeff" + lines, "", "", tabular.NDJSON, "", []string{"1", "2"}},
		{"gzip called csv", gz(csv), "text/csv", "x.csv", tabular.CSV, "gzip", []string{"1|2"}},
		{"two members of gzip", gz(csv) + gz("3,4\n"), "", "", tabular.CSV, "gzip", []string{"1|2", "3|4"}},
		{"zstd", zst(lines), "", "", tabular.NDJSON, "zstd", []string{"1", "2"}},
		{"plain called gzip", csv, "application/gzip", "x.csv.gz", tabular.CSV, "", []string{"1|2"}},
		{"a name that Parquet begins with", "PAR1,ORC\n1,2\n", "", "", tabular.CSV, "", []string{"1|2"}},
		{"an empty array", " [ ] \n", "", "", tabular.JSON, "", nil},
		{"a header alone", "a,b", "", "", tabular.CSV, "", nil},
		{"blank lines", "\n\n{\"a\":1}\n\n \r\n{\"a\":2}\n\n", "", "", tabular.NDJSON, "", []string{"1", "2"}},
	} {
		for way, in := range map[string]io.Reader{"at once": strings.NewReader(c.file), "a byte each": iotest.OneByteReader(strings.NewReader(c.file)), "end with data": iotest.DataErrReader(strings.NewReader(c.file))} {
			r, rows, err := read(in, c.contentType, c.name, tabular.Limits{})
			if err != nil {
				t.Errorf("%s, %s: %v", c.about, way, err)
				continue
			}
			if r.Format() != c.format || r.Compression() != c.compression || !slices.Equal(rows, c.rows) {
				t.Errorf("%s, %s: %s %q %q, want %s %q %q", c.about, way, r.Format(), r.Compression(), rows, c.format, c.compression, c.rows)
			}
			if r.Bytes() != int64(len(c.file)) {
				t.Errorf("%s, %s: %d bytes were read of %d", c.about, way, r.Bytes(), len(c.file))
			}
		}
	}
}

// RFC 4180, rule by rule, and what files do beside it.
func TestOpen_RFC4180(t *testing.T) {
	for _, c := range []struct{ about, file, rows string }{
		{"2.1 records end with CRLF", "a,b\r\n1,2\r\n3,4\r\n", "1|2 / 3|4"},
		{"2.2 the last one need not", "a,b\r\n1,2", "1|2"},
		{"2.4 blanks belong to the field", "a,b\n 1 , 2\n", " 1 | 2"},
		{"2.4 as many fields as the header", "a,b\n1\n1,2,3\n4,5\n", "field_count / field_count / 4|5"},
		{"2.5 quotes around a field", "a,b\n\"1\",\"2\"\n", "1|2"},
		{"2.5 a quote in a field without quotes", "a,b\n1\"x,2\n3,4\n", "bad_quote / 3|4"},
		{"2.6 line breaks, commas", "a,b\n\"1\n,2\",3\n4,5\n", "1\n,2|3 / 4|5"},
		{"2.6 CRLF in quotes is a line feed", "a,b\n\"1\r\n2\",3\n", "1\n2|3"},
		{"2.7 doubled quotes", "a,b\n\"1\"\"2\",\"\"\"\"\n", `1"2|"`},
		{"a quote that closes too early", "a,b\n\"1\"x,2\n3,4\n", "bad_quote / 3|4"},
		{"empty fields", "a,b\n,\n\"\",\n", "| / |"},
		{"lines that are empty are no rows", "a,b\n\n1,2\n\r\n\n3,4\n\n", "1|2 / 3|4"},
		{"blanks are a field", "a\n \n", " "},
		{"a BOM is one at the beginning only", "a,b\n\ufeff1,2\n", "\ufeff1|2"},
		{"no comments", "a,b\n#1,2\n", "#1|2"},
		{"other letters", "ä,ß\nñ,漢字\n", "ñ|漢字"},
	} {
		_, rows, err := read(strings.NewReader(c.file), "", "", tabular.Limits{})
		if got := strings.Join(rows, " / "); err != nil || got != c.rows {
			t.Errorf("%s: %q, %v; want %q", c.about, got, err, c.rows)
		}
	}
}

// A name in the header keeps no blanks around it.
func TestColumns(t *testing.T) {
	r, _, err := read(strings.NewReader("\ufeff id ,\"full name \",,\n1,2,3,4\n"), "", "", tabular.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Columns(), []string{"id", "full name", "", ""}) {
		t.Errorf("%q", r.Columns())
	}
}

// Each file that is no good has its code, be it of the file or of a row.
//
// Seed: B45
func TestOpen_Refuses(t *testing.T) {
	small := tabular.Limits{RowBytes: 100_000, Columns: 5, Depth: 4, Rows: 3, Bytes: 1 << 20}
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	long := strings.Repeat("x", 300_000)
	for _, c := range []struct{ about, file, rows, code string }{
		{"nothing", "", "", "empty"},
		{"a lone BOM", "\ufeff", "", "empty"},
		{"blanks", " \n\r\n\t", "", "empty"},
		{"gzip of nothing", gz(""), "", "empty"},
		{"zstd of nothing", zst(""), "", "empty"},
		{"UTF-16 with a BOM", utf16le("a,b\n1,2\n"), "", "invalid_encoding"},
		{"UTF-16 without one", utf16le("a,b\n1,2\n")[2:], "", "invalid_encoding"},
		{"latin-1 in the header", "a\xe4,b\n1,2\n", "", "invalid_encoding"},
		{"latin-1 in an object", "{\"a\":\"\xe4\"}\n{\"a\":1}\n", "invalid_encoding / 1", ""},
		{"NUL in the header", "abc\x00,b\n1,2\n", "", "bad_header"},
		{"a header twice", "id,x,ID\n1,2,3\n", "", "duplicate_column"},
		{"a quote in the header", "a\"b,c\n1,2\n", "", "bad_header"},
		{"a workbook", "PK\x03\x04abc", "", "unsupported_format"},
		{"a Parquet file", "PAR1\x15\x04\x00\x15", "", "unsupported_format"},
		{"an image", "\x89PNG\r\n\x1a\n\x00\x00", "", "unsupported_format"},
		{"a page", "<!DOCTYPE html><html>", "", "unsupported_format"},
		{"gzip in gzip", gz(gz("a,b\n")), "", "unsupported_format"},
		{"lines of an old Macintosh", "a,b\r1,2\r", "", "unsupported_format"},
		{"too many blanks", strings.Repeat(" ", 100_000) + "a,b\n", "", "unsupported_format"},
		{"a header with many columns", strings.Repeat("a", 1) + strings.Repeat(",", 6) + "\n", "", "too_many_columns"},
		{"a row with many columns", "a\n1\n" + strings.Repeat(",", 6) + "\n2\n", "1", "too_many_columns"},
		{"a row with very many columns", "a\n1\n" + strings.Repeat("\"\n,\",", 80_000) + "\n2\n", "1", "too_many_columns"},
		{"commas in quotes, beyond what is read at once", "a,b\n1,2\n\"" + strings.Repeat(",", 99_000) + "\",2\n3,4\n", "1|2 / " + strings.Repeat(",", 99_000) + "|2 / 3|4", ""},
		{"an object with many members", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}` + "\n" + `{"a":1}`, "too_many_columns / 1", ""},
		{"many rows", "a\n1\n2\n3\n4\n", "1 / 2 / 3", "too_many_rows"},
		{"many bad rows", "[1,2,3,4]", "not_an_object / not_an_object / not_an_object", "too_many_rows"},
		{"many bytes", "{\"a\":1}\n" + strings.Repeat("\n", 2<<20), "1", "too_large"},
		{"empty lines of CSV count for the row behind them", "a\n1\n" + strings.Repeat("\n", 200_000) + "2\n", "1", "row_too_long"},
		{"a long row", "a\n1\n" + long + "\n2\n", "1", "row_too_long"},
		{"a row that is a little too long", "a\n1\n" + long[:100_001] + "\n2\n", "1", "row_too_long"},
		{"a row that is just not too long", "a\n" + long[:99_999] + "\n", long[:99_999], ""},
		{"a long header", long + "\n2\n", "", "row_too_long"},
		{"a long line", "{\"a\":\"" + long + "\"}\n{\"a\":1}\n", "row_too_long / 1", ""},
		{"a long last line", "{\"a\":1}\n{\"a\":\"" + long + "\"}", "1 / row_too_long", ""},
		{"a long element", "[{\"a\":\"" + long + "\"},{\"a\":1}]", "row_too_long / 1", ""},
		{"a quote that is not closed", "a,b\n1,2\n\"3,4\n5,6\n", "1|2", "unterminated_quote"},
		{"one before a lot", "a,b\n1,2\n\"3,4\n" + strings.Repeat("5,6\n", 100_000), "1|2", "row_too_long"},
		{"one in the header", "\"a,b\n1,2\n", "", "unterminated_quote"},
		{"a deep row", "[" + `{"a":` + deep(5) + `},{"a":1}]`, "too_deep / 1", ""},
		{"a deep line", `{"a":1}` + "\n" + `{"a":` + deep(40_000) + "}\n", "1 / too_deep", ""},
		{"only brackets", strings.Repeat("[", 50_000), "", "truncated"},
		{"brackets that do not match", `[{"a":[}]},{"a":1}]`, "invalid_json", "invalid_json"},
		{"an array that is cut", `[{"a":1},{"a":2}`, "1 / 2", "truncated"},
		{"an array that is cut in a row", `[{"a":1},{"a":"2`, "1", "truncated"},
		{"a line that is cut", `{"a":1}` + "\n" + `{"a":"2`, "1", "truncated"},
		{"a line that is wrong", `{"a":1}` + "\n" + `{"a"+2}`, "1 / invalid_json", ""},
		{"more behind the array", `[{"a":1}] {"a":2}`, "1", "invalid_json"},
		{"no comma", `[{"a":1}{"a":2}]`, "1", "invalid_json"},
		{"a comma too many", `[{"a":1},]`, "1", "invalid_json"},
		{"a comma at first", `[,{"a":1}]`, "", "invalid_json"},
		{"bad elements", `[tru,{"a":1},"x",{a:1}]`, "invalid_json / 1 / not_an_object", "too_many_rows"},
		{"gzip that is cut", gz("a,b\n1,2\n")[:20], "", "truncated"},
		{"gzip that is cut in its header", gz("a,b\n")[:5], "", "truncated"},
		{"gzip with a wrong sum", strings.Replace(gz("a,b\n1,2\n"), gz("a,b\n1,2\n")[len(gz("a,b\n1,2\n"))-8:], "12345678", 1), "", "corrupt"},
		{"more behind gzip", gz("a,b\n1,2\n") + "more and more", "", "corrupt"},
		{"zstd that is cut", zst(long)[:20], "", "truncated"},
		{"zstd that is damaged", zst("a,b\n1,2\n")[:6] + "\xff\xff\xff\xff\xff\xff\xff", "", "corrupt"},
	} {
		_, rows, err := read(strings.NewReader(c.file), "", "", small)
		if got := strings.Join(rows, " / "); got != c.rows || code(err) != c.code {
			t.Errorf("%s: %.100q and %q (%v), want %.100q and %q", c.about, got, code(err), err, c.rows, c.code)
		}
		if err != nil && fault.Of(err).Kind.Retriable() {
			t.Errorf("%s: the file would be read again: %v", c.about, err)
		}
	}
}

// A frame that asks for more memory than every decoder must have is refused, and
// one that asks for less is read.
func TestOpen_ZstdWindow(t *testing.T) {
	text := "a\n" + strings.Repeat(strings.Repeat("x", 999)+"\n", 20_000)
	for size, want := range map[int]string{8 << 20: "", 16 << 20: "unsupported_format"} {
		var b bytes.Buffer
		w, _ := zstd.NewWriter(&b, zstd.WithWindowSize(size))
		_, _ = io.WriteString(w, text)
		_ = w.Close()
		_, rows, err := read(&b, "", "", tabular.Limits{Ratio: 1 << 20})
		if code(err) != want || want == "" && len(rows) != 20_000 {
			t.Errorf("a window of %d bytes: %d rows, %v", size, len(rows), err)
		}
	}
}

// A Reader that is left alone leaves nothing behind: it has no Close.
func TestOpen_LeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 50 {
		r, err := tabular.Open(strings.NewReader(zst("a\n"+strings.Repeat("1\n", 200_000))), "", "", tabular.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, and %d before", after, before)
	}
}

// A connection that breaks is not a bad file, wherever it breaks.
func TestOpen_ABrokenConnectionIsNotABadFile(t *testing.T) {
	broken := io.ErrUnexpectedEOF // as net/http says it; gzip says the same of a file
	for about, file := range map[string]string{
		"csv": "a,b\n1,2\n\"3,4\n", "array": `[{"a":1},{"a"`, "lines": "{\"a\":1}\n{\"a\"", "gzip": gz("a,b\n1,2\n"), "zstd": zst("a,b\n1,2\n"),
	} {
		for n := range len(file) {
			_, _, err := read(io.MultiReader(strings.NewReader(file[:n]), iotest.ErrReader(broken)), "", "", tabular.Limits{})
			if !errors.Is(err, broken) || !fault.Of(err).Kind.Retriable() {
				t.Errorf("%s, broken at %d: %v (%s)", about, n, err, code(err))
			}
		}
	}
}

// Line and column are where the error is.
func TestNext_SaysWhere(t *testing.T) {
	table := tabular.Table{Columns: []tabular.Column{{Name: "id", Type: "int4"}, {Name: "at", Type: "date"}}}
	for _, c := range []struct{ about, file, where string }{
		{"csv", "id,at\n1,\n2,x\n", "row 2 3:3 at invalid_value"},
		{"csv, a line break before", "id,at,c\n1,,\"\n\n\"\n2,x,\n", "row 2 5:3 at invalid_value"},
		{"csv, a quote", "id,at\n1,a\"b\n", "row 1 2:4  bad_quote"},
		{"lines", "{\"id\":1}\n\n  {\"id\":2, \"at\":\"x\"}\n", "row 2 3:17 at invalid_value"},
		{"lines, syntax", "{\"id\":1}\n {\"id\":x}\n", "row 2 2:8  invalid_json"},
		{"array on lines", "[\n  {\"id\":1},\n  {\"id\":2,\n   \"at\": \"x\"}\n]", "row 2 4:10 at invalid_value"},
		{"array, syntax", "[{\"id\":1},\n{\"id\":\n  x}]", "row 2 3:3  invalid_json"},
		{"array, number", "[\n1]", "row 1 2:1  not_an_object"},
		{"array, encoding", "[{\"id\":\n\"\xff\"}]", "row 1 2:2  invalid_encoding"},
	} {
		r, err := tabular.Open(strings.NewReader(c.file), "", "", tabular.Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.about, err)
			continue
		}
		b, err := tabular.Bind(table, r.Columns())
		if err != nil {
			t.Errorf("%s: %v", c.about, err)
			continue
		}
		copier := tabular.NewCopier(r, b)
		if _, err := io.Copy(io.Discard, copier); err != nil {
			t.Errorf("%s: %v", c.about, err)
		}
		var where []string
		for _, e := range copier.Rejects() {
			where = append(where, fmt.Sprintf("row %d %d:%d %s %s", e.Row, e.Line, e.Column, e.Field, e.Code))
		}
		if strings.Join(where, ", ") != c.where {
			t.Errorf("%s: %q, want %q", c.about, where, c.where)
		}
	}
}
