package tabular

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"

	"fnstore/kit/fault"
)

const (
	bufferBytes = 64 << 10 // of a file that are looked at to tell its format, and read at once
	zstdWindow  = 8 << 20  // what every decoder must be able to read (RFC 8878 section 3.1.1.1.2)
	utf8BOM     = "\xef\xbb\xbf"
)

// Reader reads the rows of one file.
type Reader struct {
	format      Format
	compression string
	columns     []string
	limits      Limits
	in          *plain
	buf         *bufio.Reader
	rows        rows
	row         Row
	count       int64
	err         error
}

// rows is a format's reader. next fills a Row but its number.
type rows interface {
	next(*Row) error
}

// Open finds out what a file is. Its bytes decide; contentType (a media type
// with or without parameters) and name are asked where bytes could be two
// things. Both may be empty. It reads the first bytes, and of CSV the header.
// The errors are those of Next, and for a file that is none of the formats
// unsupported_format, for one without a byte empty, for a bad header bad_header
// or duplicate_column.
func Open(r io.Reader, contentType, name string, limits Limits) (*Reader, error) {
	limits = limits.orDefault()
	src := &source{r: r}
	in, compression, err := decompress(src)
	if err != nil {
		return nil, err
	}
	t := &Reader{compression: compression, limits: limits, in: &plain{r: in, src: src, packed: compression != "", limits: limits}}
	t.buf = bufio.NewReaderSize(t.in, bufferBytes)
	sample, err := t.buf.Peek(bufferBytes)
	whole := err == io.EOF
	if err != nil && !whole {
		return nil, err
	}
	skipped := len(sample)
	sample = bytes.TrimPrefix(sample, []byte(utf8BOM))
	skipped -= len(sample)
	if err = strange(sample); err != nil {
		return nil, err
	}
	if _, err = t.buf.Discard(skipped); err != nil {
		return nil, err
	}
	hint, params := declared(contentType, name)
	switch t.format = sniff(sample, whole, hint); t.format {
	case CSV:
		t.rows, err = openCSV(t, sample, whole, hint, params["header"] == "absent")
	case JSON:
		t.rows = &elements{r: t, line: 1, column: 1}
	default:
		t.rows = &lines{r: t}
	}
	if err != nil {
		return nil, err
	}
	t.row.from = t
	return t, nil
}

// Format is what the file is.
func (r *Reader) Format() Format { return r.format }

// Compression is gzip or zstd, or empty.
func (r *Reader) Compression() string { return r.compression }

// Columns are the names in the header of a CSV file. They are nil for JSON, and
// for CSV whose content type says header=absent.
func (r *Reader) Columns() []string { return r.columns }

// Bytes is how many bytes of the file were read, as they are stored.
func (r *Reader) Bytes() int64 { return r.in.src.n }

// Next gives the next row, a *RowError for a row that cannot be used, or io.EOF.
// It never gives a row together with an error. After any other error than a
// *RowError it gives that error for ever. Its faults are too_large,
// compression_ratio, corrupt, truncated, too_many_rows, row_too_long and
// unterminated_quote (CSV), invalid_json (JSON), invalid_encoding.
func (r *Reader) Next() (*Row, error) {
	if r.err != nil {
		return nil, r.err
	}
	err := r.rows.next(&r.row)
	bad, isRow := err.(*RowError)
	if err != nil && !isRow {
		r.err = err
		return nil, err
	}
	r.count++
	if r.count > r.limits.Rows {
		r.err = fault.New(fault.TooLarge, "too_many_rows", "the file has more than %d rows", r.limits.Rows)
		return nil, r.err
	}
	if isRow {
		bad.Row = r.count
		return nil, bad
	}
	r.row.Number = r.count
	return &r.row, nil
}

// decompress tells a compression by its magic bytes.
func decompress(src *source) (r io.Reader, name string, err error) {
	buf := bufio.NewReader(src) // Reader's own buffer reads past it
	magic, err := buf.Peek(4)
	switch {
	case err != nil && err != io.EOF:
		return nil, "", (&plain{src: src}).failure(err)
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(bufio.NewReaderSize(buf, bufferBytes))
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, "", (&plain{src: src}).failure(err)
		}
		return z, "gzip", nil
	case bytes.Equal(magic, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(buf, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(2*zstdWindow))
		if err != nil {
			return nil, "", (&plain{src: src}).failure(err)
		}
		return frames{z}, "zstd", nil
	}
	return buf, "", nil
}

// frames gives zstd's errors a meaning.
type frames struct{ z *zstd.Decoder }

func (f frames) Read(p []byte) (int, error) {
	n, err := f.z.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = fault.New(fault.Unsupported, "unsupported_format", "the zstd window of the file is larger than %d MiB", zstdWindow>>20).Because(err)
	}
	return n, err
}

// foreign are formats that people send in place of a table. A magic of mere
// letters may be a column's name too, so with it the file must have a NUL.
var foreign = []struct {
	magic, name string
	letters     bool
}{
	{"PK\x03\x04", "a ZIP file, as .xlsx and .ods are", false}, {"\xd0\xcf\x11\xe0", "an old Office file", false}, {"%PDF-", "a PDF file", false},
	{"PAR1", "a Parquet file", true}, {"Obj\x01", "an Avro file", false}, {"ORC", "an ORC file", true}, {"ARROW1", "an Arrow file", true},
	{"SQLite format 3\x00", "a SQLite file", false}, {"\x89PNG", "an image", false}, {"\xff\xd8\xff", "an image", false}, {"GIF8", "an image", true},
	{"\x1f\x8b", "compressed twice", false}, {"\x28\xb5\x2f\xfd", "compressed twice", false}, {"BZh91AY", "a bzip2 file", false}, {"\xfd7zXZ", "an xz file", false},
	{"<?xml", "an XML file", false}, {"<!DOCTYPE", "an HTML page", false}, {"<html", "an HTML page", false},
}

// strange refuses what is no text, or text in an encoding that is not read.
func strange(sample []byte) error {
	if len(bytes.TrimSpace(sample)) == 0 {
		if len(sample) >= bufferBytes-len(utf8BOM) {
			return unsupported("the file begins with %d blanks", len(sample))
		}
		return fault.New(fault.Unprocessable, "empty", "the file is empty")
	}
	for _, f := range foreign {
		if bytes.HasPrefix(sample, []byte(f.magic)) && (!f.letters || bytes.IndexByte(sample, 0) >= 0) {
			return unsupported("the file is %s; CSV and JSON are read, plain or compressed with gzip or zstd", f.name)
		}
	}
	begins := func(s string) bool { return bytes.HasPrefix(sample, []byte(s)) }
	if begins("\xff\xfe") || begins("\xfe\xff") || len(sample) > 1 && (sample[0] == 0) != (sample[1] == 0) {
		return badEncoding("the file is in UTF-16 or UTF-32; save it as UTF-8")
	}
	return nil
}

func unsupported(format string, args ...any) error {
	return fault.New(fault.Unsupported, "unsupported_format", format, args...)
}

// declared is what the content type or else the name says about a file.
func declared(contentType, name string) (hint Format, params map[string]string) {
	// A bad parameter does not hide the type (seed bug B47).
	kind, params, _ := mime.ParseMediaType(contentType)
	switch kind {
	case "text/csv", "application/csv", "text/tab-separated-values":
		return CSV, params
	case "application/json", "text/json":
		return JSON, params
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines":
		return NDJSON, params
	}
	name = strings.ToLower(name)
	switch path.Ext(strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")) {
	case ".csv", ".tsv", ".txt":
		return CSV, params
	case ".json":
		return JSON, params
	case ".ndjson", ".jsonl":
		return NDJSON, params
	}
	return "", params
}
