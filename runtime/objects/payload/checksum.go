package payload

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"math"
	"net/http"
	"strings"
)

const prefix = "X-Amz-Checksum-"

// algorithms are the checksums that S3 defines ("Checking object integrity").
// CRC-64/NVME has the polynomial 0xAD93D23594C93659, here bit-reversed as
// hash/crc64 wants it.
var algorithms = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
}

var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// checksum is one that the client gave, before the body or after it.
type checksum struct {
	name     string // an algorithm's
	hash     hash.Hash
	want     string // base64
	trailing bool
}

func (c *checksum) header() string { return http.CanonicalHeaderKey(prefix + c.name) }

// verify returns io.EOF when the bytes hashed so far are the promised ones.
func (c *checksum) verify() error {
	want, err := base64.StdEncoding.DecodeString(c.want)
	if err != nil || len(want) != c.hash.Size() {
		return refuse(http.StatusBadRequest, "InvalidRequest", "the value of x-amz-checksum-%s is not a checksum", c.name)
	}
	if !bytes.Equal(want, c.hash.Sum(nil)) {
		return refuse(http.StatusBadRequest, "BadDigest", "the %s you specified did not match the calculated checksum", strings.ToUpper(c.name))
	}
	return io.EOF
}

// fromHeaders finds the checksum in a request's headers; nil without one.
// x-amz-checksum-algorithm, -type and -mode tell how, not what.
func fromHeaders(h http.Header) (*checksum, error) {
	var found *checksum
	for k, v := range h {
		name, ok := strings.CutPrefix(k, prefix)
		name = strings.ToLower(name)
		if !ok || name == "algorithm" || name == "type" || name == "mode" {
			continue
		}
		open, known := algorithms[name]
		if !known || found != nil || len(v) != 1 {
			return nil, refuse(http.StatusBadRequest, "InvalidRequest", "expecting a single x-amz-checksum- header of a known algorithm")
		}
		found = &checksum{name: name, hash: open(), want: v[0]}
	}
	return found, nil
}

// fromTrailers finds the checksum that a trailer is going to hold. Trailers of
// any other kind are refused: nothing here would check them.
func fromTrailers(names []string) (*checksum, error) {
	var found *checksum
	for _, name := range names {
		algorithm, ok := strings.CutPrefix(name, strings.ToLower(prefix))
		open, known := algorithms[algorithm]
		if !ok || !known || found != nil {
			return nil, refuse(http.StatusBadRequest, "MalformedTrailerError", "the trailer %q is not a checksum known here", name)
		}
		found = &checksum{name: algorithm, hash: open(), trailing: true}
	}
	return found, nil
}

// FullObject gives a way to check all bytes of an object against a checksum in
// headers, for an object that is put together from parts; nil when there is
// nothing to check. A checksum of the parts' checksums says nothing about the
// bytes that the parts' own checks did not say, and is passed over.
func FullObject(h http.Header) func(io.Reader) (io.Reader, func() error) {
	sum, err := fromHeaders(h)
	full := h.Get(prefix+"Type") == "FULL_OBJECT" || sum != nil && sum.name == "crc64nvme"
	if err == nil && (sum == nil || !full) {
		return nil
	}
	return func(r io.Reader) (io.Reader, func() error) {
		if err != nil {
			return r, func() error { return err }
		}
		b := &Body{src: r, length: unknownLength, limit: math.MaxInt64, sum: sum}
		return b, b.Finish
	}
}
