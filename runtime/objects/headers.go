package objects

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxMeta bounds an object's metadata, in bytes (Amazon S3, "Working with
// object metadata": 2 KB).
const maxMeta = 2000

// metadata takes from a request's headers what is kept with the object and
// given back with it, as the front does for a plain PUT.
func metadata(h http.Header) (map[string]string, error) {
	meta, size := map[string]string{}, 0
	for k, v := range h {
		switch k {
		case "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Expires":
		default:
			if !strings.HasPrefix(k, "X-Amz-Meta-") {
				continue
			}
		}
		value := v[0]
		if k == "Content-Encoding" { // how the body came is not how the object is
			value = strings.Trim(strings.ReplaceAll(value, "aws-chunked", ""), ", ")
		}
		if value == "" {
			continue
		}
		meta[k] = value
		size += len(k) + len(value)
	}
	if size > maxMeta {
		return nil, refuse(http.StatusBadRequest, "MetadataTooLarge", "your metadata headers exceed the maximum of %d bytes", maxMeta)
	}
	return meta, nil
}

func partNumber(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.URL.Query().Get("partNumber"))
	if err != nil || n < 1 || n > maxParts {
		return 0, refuse(http.StatusBadRequest, "InvalidArgument", "a part number is 1 to %d", maxParts)
	}
	return n, nil
}

// parseLimit reads a count; what is no count, or more than the most, is the most.
// A most of 0 bounds nothing and stands for 0.
func parseLimit(v string, most int) int {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || most > 0 && n > most {
		return most
	}
	return n
}

// decodeETag reads an ETag; one that is no MD5 matches nothing.
func decodeETag(etag string) []byte {
	sum, err := hex.DecodeString(strings.Trim(etag, `"`))
	if err != nil {
		return []byte(etag)
	}
	return sum
}

// xmlTime writes a time as S3's XML has it.
func xmlTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
