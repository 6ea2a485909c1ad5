package objects

import (
	"encoding/xml"
	"net/http"

	"github.com/rclone/gofakes3"
)

func (s *Store) listParts(w http.ResponseWriter, r *http.Request, u multipart) error {
	q := r.URL.Query()
	limit := parseLimit(q.Get("max-parts"), gofakes3.MaxUploadPartsLimit)
	marker := parseLimit(q.Get("part-number-marker"), 0)
	parts, err := s.parts(r.Context(), u, marker, limit+1)
	if err != nil {
		return err
	}
	type part struct {
		PartNumber   int
		LastModified string
		ETag         string
		Size         int64
	}
	out := struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		Bucket, Key          string
		UploadID             string `xml:"UploadId"`
		StorageClass         string
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		Part                 []part
	}{Bucket: u.Bucket, Key: u.Key, UploadID: u.ID, StorageClass: "STANDARD", PartNumberMarker: marker, MaxParts: limit, IsTruncated: len(parts) > limit}
	for _, p := range parts[:min(limit, len(parts))] {
		out.Part = append(out.Part, part{p.Number, xmlTime(p.Modified), `"` + p.ETag() + `"`, p.Size})
		out.NextPartNumberMarker = p.Number
	}
	return writeXML(w, out)
}

func (s *Store) listUploads(w http.ResponseWriter, r *http.Request, bucket string) error {
	q := r.URL.Query()
	if !callOf(r.Context()).key.allows(List, bucket, q.Get("prefix")) {
		return errDenied
	}
	if q.Get("delimiter") != "" {
		return refuse(http.StatusNotImplemented, "NotImplemented", "uploads are listed without a delimiter")
	}
	limit := parseLimit(q.Get("max-uploads"), gofakes3.MaxUploadsLimit)
	if ok, err := s.bucketExists(r.Context(), bucket); err != nil || !ok {
		if err == nil {
			err = errNoSuchBucket
		}
		return err
	}
	list, err := s.multiparts(r.Context(), bucket, q.Get("prefix"), q.Get("key-marker"), q.Get("upload-id-marker"), limit+1)
	if err != nil {
		return err
	}
	name := func(s string) string { return s }
	if q.Get("encoding-type") == "url" {
		name = gofakes3.URLEncode
	}
	type upload struct {
		Key          string
		UploadID     string `xml:"UploadId"`
		StorageClass string
		Initiated    string
	}
	out := struct {
		XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
		Bucket, Prefix     string
		KeyMarker          string
		UploadIDMarker     string `xml:"UploadIdMarker"`
		NextKeyMarker      string `xml:",omitempty"`
		NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
		EncodingType       string `xml:",omitempty"`
		MaxUploads         int
		IsTruncated        bool
		Upload             []upload
	}{
		Bucket: bucket, Prefix: name(q.Get("prefix")), KeyMarker: name(q.Get("key-marker")), UploadIDMarker: q.Get("upload-id-marker"),
		EncodingType: q.Get("encoding-type"), MaxUploads: limit, IsTruncated: len(list) > limit,
	}
	for _, u := range list[:min(limit, len(list))] {
		out.Upload = append(out.Upload, upload{name(u.Key), u.ID, "STANDARD", xmlTime(u.Created)})
		if out.IsTruncated {
			out.NextKeyMarker, out.NextUploadIDMarker = name(u.Key), u.ID
		}
	}
	return writeXML(w, out)
}
