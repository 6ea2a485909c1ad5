package tabular_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"fnstore/kit/tabular"
	"fnstore/runtime/services/servicestest"
)

// one reads a file of one row into one column.
func one(t testing.TB, file string, c tabular.Column) (line string, err error) {
	t.Helper()
	r, err := tabular.Open(strings.NewReader(file), "", "", tabular.Limits{})
	if err != nil {
		return "", err
	}
	b, err := tabular.Bind(tabular.Table{Columns: []tabular.Column{c}}, r.Columns())
	if err != nil {
		t.Fatal(err)
	}
	row, err := r.Next()
	if err != nil {
		return "", err
	}
	out, err := b.Append([]byte("before "), row)
	line, kept := strings.CutPrefix(string(out), "before ")
	if !kept || err != nil && line != "" {
		t.Errorf("%q: Append gave %q", file, out)
	}
	return strings.TrimSuffix(line, "\n"), err
}

// inCSV is a CSV file with the value in the column c.
func inCSV(v string) string { return "x,c\n1,\"" + strings.ReplaceAll(v, `"`, `""`) + "\"\n" }

var values = []struct{ kind, in, out string }{ // out: the line, or =code
	{"text", "a\tb\\\r\nc\\.", `a\tb\\\nc\\.`}, {"text", "a\rb", `a\rb`}, {"text", "", `\N`}, {"text", "\\N", `\\N`}, {"text", "a\x00b", "=nul_byte"},
	{"text", "a\xe4", "=invalid_encoding"}, {"text", "\xed\xa0\x80", "=invalid_encoding"}, {"text", "ä\u2028\x7f\x01", "ä\u2028\x7f\x01"}, {"text", " a ", " a "},
	{"varchar(2)", "äß", "äß"}, {"varchar(2)", "abc", "=out_of_range"}, {"character varying", "abc", "abc"},
	{"bool", "TRUE", "TRUE"}, {"bool", "0", "0"}, {"boolean", "off", "off"}, {"bool", "2", "=invalid_value"}, {"bool", "tru", "=invalid_value"},
	{"int2", "32767", "32767"}, {"int2", "32768", "=out_of_range"}, {"smallint", "-32768", "-32768"}, {"int2", "-32769", "=out_of_range"},
	{"int4", "+2147483647", "+2147483647"}, {"integer", "2147483648", "=out_of_range"}, {"int4", " 7 ", "7"}, {"int4", "1.0", "=invalid_value"}, {"int4", "1e3", "=invalid_value"},
	{"int4", "-", "=invalid_value"}, {"int4", " ", "=invalid_value"}, {"int4", "0x1", "=invalid_value"}, {"int4", "1_000", "=invalid_value"}, {"int4", "007", "007"},
	{"int8", "9223372036854775807", "9223372036854775807"}, {"int8", "9223372036854775808", "=out_of_range"}, {"bigint", "-9223372036854775808", "-9223372036854775808"},
	{"bigint", "99999999999999999999999999", "=out_of_range"}, {"bigint", "9999999999999999999999999x", "=invalid_value"}, {"bigint", "٣", "=invalid_value"},
	{"float8", "1e308", "1e308"}, {"float8", "1e309", "=out_of_range"}, {"float8", "1e-400", "=out_of_range"}, {"float8", "0e-400", "0e-400"}, {"float8", "5e-324", "5e-324"}, {"float8", ".5", ".5"}, {"float8", "5.", "5."},
	{"float8", "-Infinity", "-Infinity"}, {"float8", "nan", "nan"}, {"float8", "+-inf", "=invalid_value"}, {"float8", "0x1p2", "=invalid_value"}, {"float8", "1e", "=invalid_value"}, {"float8", "1,5", "=invalid_value"}, {"double precision", ".", "=invalid_value"},
	{"float8", "infin", "=invalid_value"}, {"float8", "-", "=invalid_value"}, {"float8", "0." + strings.Repeat("0", 400) + "1", "=out_of_range"},
	{"numeric", "12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890"}, {"numeric", "1e400", "1e400"}, {"numeric", "1e131071", "1e131071"}, {"numeric", "1e131072", "=out_of_range"},
	{"numeric", "1e-16383", "1e-16383"}, {"numeric", "1e-16384", "=out_of_range"}, {"numeric", "1e99999999999999999999", "=out_of_range"}, {"numeric", "NaN", "=invalid_value"}, {"numeric", "0e200000", "=out_of_range"},
	{"numeric(4,2)", "99.994", "99.994"}, {"numeric(4,2)", "99.995", "=out_of_range"}, {"numeric(4,2)", "-99.99", "-99.99"}, {"numeric(4,2)", "100", "=out_of_range"}, {"numeric(4,2)", "0099.9", "0099.9"}, {"numeric(4,2)", "0.0999e3", "0.0999e3"}, {"numeric(4,2)", "0.0999999e3", "=out_of_range"},
	{"numeric(2,2)", "0.994", "0.994"}, {"numeric(2,2)", "0.995", "=out_of_range"}, {"numeric(2)", "99.4", "99.4"}, {"numeric(2)", "99.5", "=out_of_range"}, {"numeric(2)", "0e50", "0e50"},
	{"date", "2024-02-29", "2024-02-29"}, {"date", "2023-02-29", "=invalid_value"}, {"date", "1900-02-29", "=invalid_value"}, {"date", "0000-01-01", "=invalid_value"}, {"date", "0001-01-01", "0001-01-01"},
	{"date", "01/02/2024", "=invalid_value"}, {"date", "2024-1-2", "=invalid_value"}, {"date", "2024-01-02T10:00", "=invalid_value"}, {"date", "today", "=invalid_value"}, {"date", "2024-13-01", "=invalid_value"}, {"date", "2024-04-31", "=invalid_value"},
	{"timestamptz", "2024-01-02T03:04:05.123456789Z", "2024-01-02T03:04:05.123456789Z"}, {"timestamptz", "2024-01-02 03:04", "2024-01-02 03:04+00"}, {"timestamptz", "2024-01-02", "2024-01-02+00"},
	{"timestamptz", "2024-01-02 03:04:05 +0530", "2024-01-02 03:04:05 +0530"}, {"timestamptz", "2024-01-02 03:04:05 UTC", "2024-01-02 03:04:05 UTC"}, {"timestamptz", "9999-12-31T23:59:59.9999999-15:59", "9999-12-31T23:59:59.9999999-15:59"},
	{"timestamptz", "0001-01-01T00:00:00+15", "0001-01-01T00:00:00+15"}, {"timestamptz", "2024-01-02T03:04:60Z", "=invalid_value"}, {"timestamptz", "2024-01-02T24:00:00Z", "=invalid_value"}, {"timestamptz", "2024-01-02T03:04:05+16", "=invalid_value"},
	{"timestamptz", "2024-01-02T03:04:05 ", "2024-01-02T03:04:05+00"}, {"timestamptz", "2024-01-02T03:04:05.Z", "=invalid_value"}, {"timestamptz", "2024-01-02T03Z", "=invalid_value"}, {"timestamptz", "1704164645", "=invalid_value"}, {"timestamptz", "now", "=invalid_value"},
	{"timestamp", "2024-01-02T03:04:05", "2024-01-02T03:04:05"}, {"timestamp without time zone", "2024-01-02T03:04:05Z", "=invalid_value"}, {"timestamp", "2024-01-02", "2024-01-02"},
	{"uuid", "A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11"}, {"uuid", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "=invalid_value"}, {"uuid", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "=invalid_value"},
	{"jsonb", `{"a": [1, "\"\\", null]}`, `{"a": [1, "\\"\\\\", null]}`}, {"jsonb", `{"a":`, "=invalid_value"}, {"jsonb", `"\u0000"`, "=nul_byte"}, {"jsonb", `"\\u0000"`, `"\\\\u0000"`}, {"jsonb", `"\ud800"`, "=invalid_encoding"},
	{"jsonb", `"\ud83d\ude04"`, `"\\ud83d\\ude04"`}, {"jsonb", `"\ude04\ud83d"`, "=invalid_encoding"}, {"jsonb", `[1e200000]`, "=out_of_range"}, {"jsonb", strings.Repeat("[", 33) + strings.Repeat("]", 33), "=too_deep"}, {"json", "1", "1"}, {"jsonb", "\"\xe4\"", "=invalid_encoding"},
}

// What a value becomes; a value that is refused says why.
func TestAppend_Values(t *testing.T) {
	for _, c := range values {
		line, err := one(t, inCSV(c.in), tabular.Column{Name: "C", Type: c.kind})
		if got := cmpOr(code(err), line); got != c.out {
			t.Errorf("%s %.60q: %.80q (%v), want %.80q", c.kind, c.in, got, err, c.out)
		}
	}
}

func cmpOr(code, line string) string {
	if code != "" {
		return "=" + code
	}
	return line
}

// A member of an object: its type counts, and a number keeps its digits.
func TestAppend_Members(t *testing.T) {
	for _, c := range []struct{ kind, in, out string }{
		{"text", `{"c":"a\tb\\"}`, `a\tb\\`}, {"text", `{"c":""}`, ``}, {"text", `{"c":null}`, `\N`}, {"text", `{}`, `\N`}, {"text", `{"c":12345678901234567890}`, `12345678901234567890`},
		{"text", `{"c":true}`, `true`}, {"text", `{"c":{}}`, `=wrong_type`}, {"text", `{"c":"\u00e4\ud83d\ude04"}`, "ä😄"}, {"text", `{"c":"\u0000"}`, "=nul_byte"}, {"text", `{"c":"\ud800x"}`, "=invalid_encoding"},
		{"int8", `{"c":9007199254740993}`, `9007199254740993`}, {"int8", `{"c":"9007199254740993"}`, `9007199254740993`}, {"int8", `{"c":9223372036854775808}`, `=out_of_range`}, {"int8", `{"c":true}`, `=wrong_type`},
		{"int8", `{"c":1.5}`, `=invalid_value`}, {"int8", `{"c":""}`, `=invalid_value`}, {"numeric", `{"c":0.1000000000000000055511151231257827}`, `0.1000000000000000055511151231257827`}, {"numeric", `{"c":1E400}`, `1E400`},
		{"float8", `{"c":1e999}`, `=out_of_range`}, {"bool", `{"c":false}`, `false`}, {"bool", `{"c":1}`, `=wrong_type`}, {"bool", `{"c":"no"}`, `no`}, {"date", `{"c":20240101}`, `=wrong_type`}, {"date", `{"c":"2024-01-01"}`, `2024-01-01`},
		{"uuid", `{"c":[]}`, `=wrong_type`}, {"jsonb", `{"c":{"a":"\n"}}`, `{"a":"\\n"}`}, {"jsonb", `{"c":"x"}`, `"x"`}, {"jsonb", `{"c":null}`, `\N`}, {"jsonb", `{"c":[1e200000]}`, `=out_of_range`}, {"jsonb", `{"c":{"\u0000":1}}`, `=nul_byte`},
		{"text", `{"C":"x"}`, `x`}, {"text", `{"\u0063":"x"}`, `x`}, {"text", `{"c":1,"c":1}`, `=duplicate_key`}, {"text", `{"c":1,"C":2}`, `=duplicate_key`}, {"text", `{"c":1,"\u0043":2}`, `=duplicate_key`},
		{"text", `{"x":1,"x":2,"c":3}`, `3`}, {"text", `{"ſ":1,"K":2,"c":3}`, `3`}, {"text", `{"\ud800":1,"c":3}`, `=invalid_encoding`}, {"text", `{ "a" : [ { "c" : "]}" } ] , "c" : "x" }`, `x`},
	} {
		for about, file := range map[string]string{"line": c.in + "\n", "element": "[" + c.in + "]"} {
			line, err := one(t, file, tabular.Column{Name: "c", Type: c.kind})
			if got := cmpOr(code(err), line); got != c.out {
				t.Errorf("%s %s %s: %q (%v), want %q", about, c.kind, c.in, got, err, c.out)
			}
		}
	}
}

// NOT NULL is checked here; the empty text is a value where there must be one.
func TestAppend_NotNull(t *testing.T) {
	for _, c := range []struct{ kind, file, out string }{
		{"text", inCSV(""), ""}, {"int4", inCSV(""), "=missing_value"}, {"text", "{}", "=missing_value"}, {"text", `{"c":null}`, "=missing_value"}, {"text", `{"c":""}`, ""},
	} {
		line, err := one(t, c.file, tabular.Column{Name: "c", Type: c.kind, NotNull: true})
		if got := cmpOr(code(err), line); got != c.out {
			t.Errorf("%s %q: %q, want %q", c.kind, c.file, got, c.out)
		}
	}
}

// Columns are found by name; those that are missing or unknown are told.
func TestBind(t *testing.T) {
	table := tabular.Table{Columns: []tabular.Column{{Name: "id", Type: "int8", NotNull: true}, {Name: "Name", Type: "text"}, {Name: "n", Type: "int4"}}}
	b, err := tabular.Bind(table, []string{"NAME", "", "other", "ID"})
	if err != nil || !slices.Equal(b.Columns(), []string{"id", "Name"}) || !slices.Equal(b.Ignored(), []string{"", "other"}) {
		t.Errorf("%v, %v, %v", b.Columns(), b.Ignored(), err)
	}
	for want, columns := range map[string][]string{"missing_column": {"name"}, "no_known_column": {"x"}} {
		if want == "no_known_column" {
			table.Columns[0].NotNull = false
		}
		if _, err := tabular.Bind(table, columns); code(err) != want {
			t.Errorf("%v: %v, want %s", columns, err, want)
		}
		table.Columns[0].NotNull = true
	}
	for _, kind := range []string{"bytea", "", "text(3)", "int4(3)", "numeric(2,3)", "numeric(x)", "varchar(0)", "varchar(2,1)", "numeric(5,-1)"} {
		if _, err := tabular.Bind(tabular.Table{Columns: []tabular.Column{{Name: "c", Type: kind}}}, nil); err == nil || code(err) != "internal" {
			t.Errorf("the type %q: %v", kind, err)
		}
	}
	if _, err := tabular.Bind(tabular.Table{Columns: []tabular.Column{{Name: "c", Type: "text"}, {Name: "C", Type: "text"}}}, nil); err == nil {
		t.Error("a table with a column twice was taken")
	}
	r, _ := tabular.Open(strings.NewReader("1,2\n"), "text/csv; header=absent", "", tabular.Limits{})
	b, _ = tabular.Bind(table, r.Columns())
	row, _ := r.Next()
	if _, err := b.Append(nil, row); code(err) != "field_count" {
		t.Errorf("two fields for three columns: %v", err)
	}
}

// copyRows gives rows to a real COPY, and how many came.
func copyRows(t *testing.T, conn *pgx.Conn, lines []byte, columns string) (int64, error) {
	t.Helper()
	tag, err := conn.PgConn().CopyFrom(t.Context(), bytes.NewReader(lines), "COPY t ("+columns+") FROM STDIN")
	return tag.RowsAffected(), err
}

// One value that Postgres refuses would end the COPY of all rows, so nothing is
// accepted here that it refuses. Values are made up around the edges.
func TestAppend_PostgresTakesWhatIsAccepted(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), servicestest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	kinds := []string{"text", "varchar(2)", "bool", "int2", "int4", "int8", "float8", "numeric", "numeric(4,2)", "numeric(2,2)", "numeric(2)", "date", "timestamp", "timestamptz", "uuid", "json", "jsonb"}
	random := rand.New(rand.NewPCG(16, 45))
	for _, kind := range kinds {
		if _, err := conn.Exec(t.Context(), "DROP TABLE IF EXISTS t; CREATE TABLE t (c "+kind+")"); err != nil {
			t.Fatal(err)
		}
		var tried []string
		for _, v := range values {
			tried = append(tried, v.in)
		}
		for range 700 {
			v := []byte(values[random.IntN(len(values))].in)
			for range random.IntN(4) {
				const chars = "0123456789+-.eE:TZ \\\"{}[],ntfauNx\x00\x7f\n\xc3\xa4"
				switch i := random.IntN(len(v) + 1); {
				case i == len(v) || random.IntN(3) == 0:
					v = slices.Insert(v, i, chars[random.IntN(len(chars))])
				case random.IntN(2) == 0:
					v = slices.Delete(v, i, i+1)
				default:
					v[i] = chars[random.IntN(len(chars))]
				}
			}
			tried = append(tried, string(v))
		}
		var lines []byte
		var accepted []string
		for _, v := range tried {
			asJSON, _ := json.Marshal(v)
			for _, file := range []string{inCSV(v), `{"c":` + v + `}`, `[{"c":` + string(asJSON) + `}]`} {
				if line, err := one(t, file, tabular.Column{Name: "c", Type: kind}); err == nil {
					lines, accepted = append(append(lines, line...), '\n'), append(accepted, v)
				}
			}
		}
		n, err := copyRows(t, conn, lines, "c")
		if err == nil && n == int64(len(accepted)) && n > 0 {
			continue
		}
		t.Errorf("%s: %d rows of %d: %v", kind, n, len(accepted), err)
		for i, line := range bytes.SplitAfter(lines, []byte("\n")) {
			if _, err := copyRows(t, conn, line, "c"); err != nil {
				t.Errorf("%s: %.60q became %.80q: %v", kind, accepted[i], line, err)
				break
			}
		}
	}
}

// Text goes through Postgres and is what it was.
func TestAppend_TextComesBack(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), servicestest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE t (id int4, c text)"); err != nil {
		t.Fatal(err)
	}
	texts := []string{"", "a", "\\", "\\N", "\\.", "\t", "\n", "\r", "\\\n\t\r\b\f\v", "ä\u2028😄", "\"", "'", "a,b", strings.Repeat("\\x", 1000)}
	var file strings.Builder
	for i, v := range texts {
		asJSON, _ := json.Marshal(v)
		fmt.Fprintf(&file, "{\"id\":%d,\"c\":%s}\n", i, asJSON)
	}
	r, _ := tabular.Open(strings.NewReader(file.String()), "", "", tabular.Limits{})
	b, _ := tabular.Bind(tabular.Table{Columns: []tabular.Column{{Name: "id", Type: "int4"}, {Name: "c", Type: "text"}}}, r.Columns())
	c := tabular.NewCopier(r, b)
	for c.More() {
		if _, err := conn.PgConn().CopyFrom(t.Context(), c, "COPY t FROM STDIN"); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if err := conn.QueryRow(t.Context(), "SELECT array_agg(c ORDER BY id) FROM t").Scan(&got); err != nil || !slices.Equal(got, texts) {
		t.Errorf("%q, %v; want %q", got, err, texts)
	}
}

// What is JSON by JSONTestSuite is read, and what is not, is not.
func TestOpen_JSONTestSuite(t *testing.T) {
	f, err := os.Open("../../tests/api/testdata/jsontestsuite.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for files := tar.NewReader(z); ; n++ {
		h, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		name := path.Base(h.Name)
		_, _, _ = read(bytes.NewReader(body), "application/json", name, tabular.Limits{})
		_, rows, err := read(strings.NewReader(`[{"v":`+string(body)+`}]`), "application/json", name, tabular.Limits{})
		good := err == nil && len(rows) == 1 && rows[0] == strings.Trim(string(body), " \t\r\n")
		if strings.HasPrefix(name, "y_") && !good || strings.HasPrefix(name, "n_") && good {
			t.Errorf("%s %.60q: %.60q, %v", name, body, rows, err)
		}
	}
	if n < 300 {
		t.Errorf("only %d files", n)
	}
}
