package objects

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"fnstore/runtime/objects/payload"
)

// maxXML bounds the list of parts, in bytes: 10,000 parts fit.
const maxXML = 4 << 20

// uploads answers for uploads in parts. The front would, but keeps them in
// memory: a restart would lose them.
func (s *Store) uploads(w http.ResponseWriter, r *http.Request, bucket, key string) error {
	c, q := callOf(r.Context()), r.URL.Query()
	if key == "" {
		if r.Method != http.MethodGet || q.Has("uploadId") {
			return refuse(http.StatusBadRequest, "InvalidRequest", "an upload is for a key")
		}
		return s.listUploads(w, r, bucket)
	}
	if !c.key.may(Write, bucket, key) {
		return ErrDenied
	}
	if !q.Has("uploadId") {
		if r.Method != http.MethodPost {
			return refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "an upload is begun with POST")
		}
		return s.beginUpload(w, r, bucket, key)
	}
	u, err := s.upload(r.Context(), q.Get("uploadId"), bucket, key)
	if err != nil {
		return err
	}
	switch {
	case r.Method == http.MethodPost:
		return s.completeUpload(w, r, u)
	case u.done != nil:
		return ErrNoSuchUpload
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return s.copyPart(w, r, u)
	case r.Method == http.MethodPut:
		return s.putPart(w, r, u)
	case r.Method == http.MethodGet:
		return s.listParts(w, r, u)
	case r.Method == http.MethodDelete:
		if err := s.Abort(r.Context(), u); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "the method is not allowed on an upload")
}

func (s *Store) beginUpload(w http.ResponseWriter, r *http.Request, bucket, key string) error {
	if err := callOf(r.Context()).body.Finish(); err != nil {
		return err
	}
	meta, err := metadata(r.Header)
	if err != nil {
		return err
	}
	u, err := s.Begin(r.Context(), bucket, key, meta)
	if err != nil {
		return err
	}
	return writeXML(w, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{Bucket: bucket, Key: key, UploadID: u.ID})
}

func (s *Store) putPart(w http.ResponseWriter, r *http.Request, u Upload) error {
	number, err := partNumber(r)
	if err != nil {
		return err
	}
	body := callOf(r.Context()).body
	p, err := s.PutPart(r.Context(), u, number, body, body.Length(), body.Finish)
	if err != nil {
		return err
	}
	if name, value := body.Checksum(); name != "" {
		w.Header().Set(name, value)
	}
	w.Header().Set("ETag", `"`+p.ETag()+`"`)
	w.WriteHeader(http.StatusOK)
	return nil
}

// copyPart makes a part of an object that is stored, or of a range of it.
func (s *Store) copyPart(w http.ResponseWriter, r *http.Request, u Upload) error {
	number, err := partNumber(r)
	if err != nil {
		return err
	}
	if err := callOf(r.Context()).body.Finish(); err != nil {
		return err
	}
	from, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("X-Amz-Copy-Source"), "/"), "?")
	name, escaped, _ := strings.Cut(from, "/")
	key, err := url.QueryUnescape(escaped)
	if err != nil || key == "" {
		return refuse(http.StatusBadRequest, "InvalidArgument", "x-amz-copy-source is bucket/key")
	}
	if !callOf(r.Context()).key.may(Read, name, key) {
		return ErrDenied
	}
	o, file, err := s.Open(r.Context(), name, key)
	if err != nil {
		return err
	}
	defer file.Close()
	if v := r.Header.Get("X-Amz-Copy-Source-If-Match"); v != "" && !tagged(v, o.ETag()) {
		return ErrPrecondition
	}
	start, n, err := copyRange(r.Header.Get("X-Amz-Copy-Source-Range"), o.Size)
	if err != nil {
		return err
	}
	p, err := s.PutPart(r.Context(), u, number, io.NewSectionReader(file, start, n), n, nil)
	if err != nil {
		return err
	}
	return writeXML(w, struct {
		XMLName      xml.Name `xml:"CopyPartResult"`
		ETag         string
		LastModified string
	}{ETag: `"` + p.ETag() + `"`, LastModified: stamp(p.Modified)})
}

// copyRange reads "bytes=first-last"; all of it without one.
func copyRange(v string, size int64) (start, n int64, err error) {
	if v == "" {
		return 0, size, nil
	}
	bytes, ok := strings.CutPrefix(v, "bytes=")
	first, last, ok2 := strings.Cut(bytes, "-")
	a, err1 := strconv.ParseUint(first, 10, 63)
	b, err2 := strconv.ParseUint(last, 10, 63)
	if !ok || !ok2 || err1 != nil || err2 != nil {
		return 0, 0, refuse(http.StatusBadRequest, "InvalidArgument", "x-amz-copy-source-range is bytes=first-last")
	}
	if a > b || int64(b) >= size {
		return 0, 0, refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "the requested range cannot be satisfied")
	}
	return int64(a), int64(b-a) + 1, nil
}

func (s *Store) completeUpload(w http.ResponseWriter, r *http.Request, u Upload) error {
	c := callOf(r.Context())
	raw, err := io.ReadAll(io.LimitReader(c.body, maxXML+1))
	if err == nil && len(raw) > maxXML {
		return refuse(http.StatusBadRequest, "MaxMessageLengthExceeded", "your request was too big")
	}
	if err == nil {
		err = c.body.Finish()
	}
	if err != nil {
		return err
	}
	var in struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(raw, &in); err != nil {
		return refuse(http.StatusBadRequest, "MalformedXML", "the XML you provided was not well-formed")
	}
	named := make([]Part, len(in.Part))
	for i, p := range in.Part {
		named[i] = Part{Number: p.PartNumber, md5: tag(p.ETag)}
	}
	etag, err := s.Finish(r.Context(), u, named, payload.Whole(r.Header), c.when)
	if err != nil {
		return err
	}
	return writeXML(w, struct {
		XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
		Location string
		Bucket   string
		Key      string
		ETag     string
	}{Location: r.URL.EscapedPath(), Bucket: u.Bucket, Key: u.Key, ETag: `"` + etag + `"`})
}
