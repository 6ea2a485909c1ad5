package ui

import (
	"bytes"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"fnstore/kit/fault"
)

// maxThumbnail is the largest thumbnail that is shown, in bytes: one has at most
// two megapixels, eight bytes each as PNG before compression.
const maxThumbnail = 16 << 20

// thumbnail shows one. Its bytes were made of a stranger's file, so a browser
// may take them for a picture and for nothing else.
func (p *pages) thumbnail(w http.ResponseWriter, r *http.Request) error {
	key := r.URL.Query().Get("key")
	if err := checkName(key); err != nil {
		return err
	}
	width, err := strconv.Atoi(r.URL.Query().Get("width"))
	if err != nil || !slices.Contains(widths, width) {
		return fault.New(fault.NotFound, "no_such_width", "thumbnails are 100, 200 and 400 pixels wide")
	}
	o, err := p.shelf.Get(r.Context(), p.Thumbnails, thumbnailKey(width, key), "")
	if err != nil {
		return err
	}
	defer o.Close()
	kind, _, _ := mime.ParseMediaType(o.ContentType)
	if kind != "image/jpeg" && kind != "image/png" {
		return fault.New(fault.Unsupported, "not_a_thumbnail", "the object is not a JPEG or PNG picture")
	}
	b, err := o.Bytes(maxThumbnail)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("ETag", `"`+o.ETag+`"`)
	h.Set("Cache-Control", "private, no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}
