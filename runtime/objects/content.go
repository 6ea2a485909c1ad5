package objects

import (
	"io"
	"net/http"
	"os"

	"github.com/rclone/gofakes3"
)

// frontObject is an object in the front's words.
func frontObject(o object, contents io.ReadCloser) *gofakes3.Object {
	meta := make(map[string]string, len(o.Meta)+1)
	for k, v := range o.Meta {
		meta[k] = v
	}
	meta["Last-Modified"] = o.Modified.UTC().Format(http.TimeFormat)
	return &gofakes3.Object{Name: o.Key, Metadata: meta, Size: o.Size, Hash: o.md5, Contents: contents}
}

// content is a part of a blob. WriteTo shows io.Copy the file itself, so that
// the kernel can send it.
type content struct {
	file *os.File
	io.LimitedReader
}

func (c *content) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, &c.LimitedReader) }
func (c *content) Close() error                       { return c.file.Close() }

// rangeOf makes offsets of a range (RFC 9110 section 14.1.2): an end beyond the
// object is its end, a suffix longer than it is all of it.
func rangeOf(want *gofakes3.ObjectRangeRequest, size int64) (from, n int64, err error) {
	switch {
	case want == nil:
		return 0, size, nil
	case want.FromEnd:
		n = min(want.End, size)
		from = size - n
	case want.End == gofakes3.RangeNoEnd:
		from, n = want.Start, size-want.Start
	default:
		from, n = want.Start, min(want.End, size-1)-want.Start+1
	}
	if n <= 0 || from < 0 {
		return 0, 0, refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "the requested range cannot be satisfied")
	}
	return from, n, nil
}
