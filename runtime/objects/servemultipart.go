package objects

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"

	"fnstore/runtime/objects/payload"
)

// maxXML bounds the list of parts, in bytes: 10,000 parts fit.
const maxXML = 4 << 20

// byUploads answers for uploads in parts. The front would, but keeps them in
// memory: a restart would lose them.
func byUploads(s *Store, w http.ResponseWriter, r *http.Request, a address) error {
	op := callOf(r.Context()).op.name
	if op == "ListMultipartUploads" {
		return s.listUploads(w, r, a.bucket)
	}
	if err := checkAccess(r.Context(), Write, a.bucket, a.key); err != nil {
		return err
	}
	if op == "CreateMultipartUpload" {
		return s.beginUpload(w, r, a.bucket, a.key)
	}
	u, err := s.findMultipart(r.Context(), r.URL.Query().Get("uploadId"), a.bucket, a.key)
	if err != nil {
		return err
	}
	if u.done != nil && op != "CompleteMultipartUpload" {
		return errNoSuchUpload
	}
	switch op {
	case "CompleteMultipartUpload":
		return s.completeUpload(w, r, u)
	case "UploadPartCopy":
		return s.copyPart(w, r, u)
	case "UploadPart":
		return s.putPart(w, r, u)
	case "ListParts":
		return s.listParts(w, r, u)
	case "AbortMultipartUpload":
		if err := s.abort(r.Context(), u); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return notServed("%s", op)
}

func (s *Store) beginUpload(w http.ResponseWriter, r *http.Request, bucket, key string) error {
	if err := callOf(r.Context()).body.Finish(); err != nil {
		return err
	}
	meta, err := metadata(r.Header)
	if err != nil {
		return err
	}
	u, err := s.beginMultipart(r.Context(), bucket, key, meta)
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

func (s *Store) putPart(w http.ResponseWriter, r *http.Request, u multipart) error {
	number, err := partNumber(r)
	if err != nil {
		return err
	}
	body := callOf(r.Context()).body
	p, err := s.storePart(r.Context(), u, number, body, body.Length(), body.Finish)
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
func (s *Store) copyPart(w http.ResponseWriter, r *http.Request, u multipart) error {
	number, err := partNumber(r)
	if err != nil {
		return err
	}
	if err := callOf(r.Context()).body.Finish(); err != nil {
		return err
	}
	from, _, err := copySource(r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return err
	}
	if err := checkAccess(r.Context(), Read, from.bucket, from.key); err != nil {
		return err
	}
	o, file, err := s.openObject(r.Context(), from.bucket, from.key)
	if err != nil {
		return err
	}
	defer file.Close()
	if v := r.Header.Get("X-Amz-Copy-Source-If-Match"); v != "" && !etagMatches(v, o.ETag()) {
		return errPrecondition
	}
	start, n, err := copyRange(r.Header.Get("X-Amz-Copy-Source-Range"), o.Size)
	if err != nil {
		return err
	}
	p, err := s.storePart(r.Context(), u, number, io.NewSectionReader(file, start, n), n, nil)
	if err != nil {
		return err
	}
	return writeXML(w, struct {
		XMLName      xml.Name `xml:"CopyPartResult"`
		ETag         string
		LastModified string
	}{ETag: `"` + p.ETag() + `"`, LastModified: xmlTime(p.Modified)})
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

func (s *Store) completeUpload(w http.ResponseWriter, r *http.Request, u multipart) error {
	raw, err := readXML(r, maxXML)
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
	named := make([]part, len(in.Part))
	for i, p := range in.Part {
		named[i] = part{Number: p.PartNumber, md5: decodeETag(p.ETag)}
	}
	f := completion{parts: named, size: -1, wrap: payload.FullObject(r.Header), when: callOf(r.Context()).when}
	if v := r.Header.Get("X-Amz-Mp-Object-Size"); v != "" {
		if f.size, err = strconv.ParseInt(v, 10, 64); err != nil || f.size < 0 {
			return refuse(http.StatusBadRequest, "InvalidRequest", "x-amz-mp-object-size is a number of bytes")
		}
	}
	etag, err := s.complete(r.Context(), u, f)
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
