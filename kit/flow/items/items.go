// Package items reads the items of a distributed Map from what its ItemReader
// names: JSON, JSON Lines, CSV, and the manifests of an S3 inventory or of
// Athena. It fetches nothing itself and does not know where objects are kept.
package items

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"fnstore/kit/flow"
	"fnstore/kit/flow/value"
)

// MaxBytes is how large an object may be, unpacked; in AWS 10 GiB.
const MaxBytes = 256 << 20

// Get gives the content of an object.
type Get func(bucket, key string) ([]byte, error)

// Read reads the items that an ItemReader asks for, at most as many as it says.
// Listings of a bucket (listObjectsV2) are not read here: Listed makes items of
// one. The error is the cause of States.ItemReaderFailed.
func Read(e flow.ReadItems, get Get) ([]any, error) {
	input, _ := e.Input.(*value.Object)
	config, _ := e.Config.(*value.Object)
	bucket, key := input.String("Bucket"), input.String("Key")
	if bucket == "" || key == "" {
		return nil, errors.New("an ItemReader needs Bucket and Key")
	}
	body, err := get(bucket, key)
	if err != nil {
		return nil, err
	}
	r := reader{config: config, bucket: bucket, get: get, most: e.MaxItems}
	kind := config.String("InputType")
	if config.String("ManifestType") != "" {
		kind = "MANIFEST"
	}
	if err := r.read(kind, key, body); err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("%s/%s: %w", bucket, key, err)
	}
	return r.items, nil
}

var errEnough = errors.New("no more items are wanted")

type reader struct {
	config *value.Object
	bucket string
	get    Get
	most   int // 0 is all
	items  []any
}

func (r *reader) add(v any) error {
	r.items = append(r.items, v)
	if r.most > 0 && len(r.items) >= r.most {
		return errEnough
	}
	return nil
}

func (r *reader) read(kind, key string, body []byte) error {
	body, err := unpacked(key, body)
	if err != nil {
		return err
	}
	switch kind {
	case "JSON":
		return r.json(body)
	case "JSONL":
		return r.lines(body)
	case "CSV":
		return r.csv(body)
	case "MANIFEST":
		return r.manifest(body)
	}
	return fmt.Errorf("the InputType %q is not supported", kind)
}

// unpacked is the content of an object whose key ends in .gz.
func unpacked(key string, body []byte) ([]byte, error) {
	if !strings.HasSuffix(key, ".gz") {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	body, err = io.ReadAll(io.LimitReader(z, MaxBytes+1))
	if len(body) > MaxBytes {
		return nil, fmt.Errorf("it has more than %d bytes", MaxBytes)
	}
	return body, err
}

// json reads an array, which ItemsPointer (RFC 6901) may look for further below.
func (r *reader) json(body []byte) error {
	v, err := value.Decode(body)
	if err != nil {
		return err
	}
	for _, name := range strings.Split(r.config.String("ItemsPointer"), "/")[1:] {
		o, ok := v.(*value.Object)
		if !ok {
			return fmt.Errorf("there is nothing at ItemsPointer %s", r.config.String("ItemsPointer"))
		}
		v, _ = o.Get(strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	list, ok := v.([]any)
	if !ok {
		return errors.New("the JSON is not an array")
	}
	for _, item := range list {
		if err := r.add(item); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) lines(body []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 8<<20) // the most that AWS takes
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		v, err := value.Decode(lines.Bytes())
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := r.add(v); err != nil {
			return err
		}
	}
	return lines.Err()
}

var delimiters = map[string]rune{"": ',', "COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}

// csv reads rows as objects of strings. Columns that a row lacks are empty, and
// those beyond the header are left out.
func (r *reader) csv(body []byte) error {
	delimiter, ok := delimiters[r.config.String("CSVDelimiter")]
	if !ok {
		return fmt.Errorf("the CSVDelimiter %q is not supported", r.config.String("CSVDelimiter"))
	}
	var header []string
	if r.config.String("CSVHeaderLocation") == "GIVEN" {
		given, _ := r.config.Get("CSVHeaders")
		list, _ := given.([]any)
		for _, h := range list {
			s, _ := h.(string)
			header = append(header, s)
		}
	}
	return r.rows(body, delimiter, header)
}

// rows reads rows; without a header the first is it.
func (r *reader) rows(body []byte, delimiter rune, header []string) error {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	in.Comma, in.FieldsPerRecord, in.LazyQuotes = delimiter, -1, true
	for {
		row, err := in.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if header == nil {
			header = row
			continue
		}
		o := &value.Object{}
		for i, name := range header {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			o.Set(name, cell)
		}
		if err := r.add(o); err != nil {
			return err
		}
	}
}

// manifest reads the objects that the manifest of an S3 inventory names, or of
// Athena (ManifestType ATHENA_DATA), where each line is the address of one.
func (r *reader) manifest(body []byte) error {
	if r.config.String("ManifestType") == "ATHENA_DATA" {
		for line := range strings.Lines(string(body)) {
			address, ok := strings.CutPrefix(strings.TrimSpace(line), "s3://")
			bucket, key, found := strings.Cut(address, "/")
			if !ok || !found {
				return fmt.Errorf("%q is not the address of an object", strings.TrimSpace(line))
			}
			if err := r.object(bucket, key, r.config.String("InputType")); err != nil {
				return err
			}
		}
		return nil
	}
	v, err := value.Decode(body)
	if err != nil {
		return err
	}
	m, _ := v.(*value.Object)
	if m.String("fileFormat") != "CSV" {
		return fmt.Errorf("the inventory's format %q is not supported", m.String("fileFormat"))
	}
	var header []string
	for name := range strings.SplitSeq(m.String("fileSchema"), ",") {
		header = append(header, strings.TrimSpace(name))
	}
	bucket := strings.TrimPrefix(m.String("destinationBucket"), "arn:aws:s3:::")
	if bucket == "" {
		bucket = r.bucket
	}
	files, _ := m.Get("files")
	list, _ := files.([]any)
	for _, f := range list {
		file, _ := f.(*value.Object)
		packed, err := r.get(bucket, file.String("key"))
		if err != nil {
			return err
		}
		rows, err := unpacked(file.String("key"), packed)
		if err != nil {
			return err
		}
		if err := r.rows(rows, ',', header); err != nil {
			return fmt.Errorf("%s: %w", file.String("key"), err)
		}
	}
	return nil
}

// object reads an object that a manifest of Athena names.
func (r *reader) object(bucket, key, kind string) error {
	body, err := r.get(bucket, key)
	if err != nil {
		return err
	}
	if kind == "MANIFEST" {
		return errors.New("a manifest of Athena needs the InputType of its objects")
	}
	return r.read(kind, key, body)
}

// Listed makes items of a listing's objects, as listObjectsV2 of AWS gives them.
func Listed(objects []Object, most int) []any {
	list := []any{}
	for _, o := range objects {
		if most > 0 && len(list) == most {
			break
		}
		list = append(list, value.NewObject("Etag", o.ETag, "Key", o.Key, "LastModified", value.Int(int(o.LastModified)), "Size", value.Int(int(o.Size)), "StorageClass", o.StorageClass))
	}
	return list
}

// Object is an object of a listing.
type Object struct {
	Key, ETag, StorageClass string
	Size                    int64 // bytes
	LastModified            int64 // seconds since 1970
}
