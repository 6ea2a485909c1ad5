package objects

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"

	"github.com/rclone/gofakes3"
)

// maxDeleteXML bounds the list of DeleteObjects, in bytes: 1,000 long keys fit.
const maxDeleteXML = 4 << 20

// keyVersion is an object that DeleteObjects names.
type keyVersion struct {
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
}

type deleteError struct {
	keyVersion
	Code    string
	Message string
}

// byDeleteObjects removes each object in a transaction of its own. One that may
// not be removed is an entry in the answer, not the end of the others. The
// front would do it, but passes over the versions that are named.
func byDeleteObjects(s *Store, w http.ResponseWriter, r *http.Request, a address) error {
	if !callOf(r.Context()).key.allowsBucket(a.bucket) {
		return errDenied
	}
	raw, err := readXML(r, maxDeleteXML)
	if err != nil {
		return err
	}
	var in struct {
		XMLName xml.Name `xml:"Delete"`
		Quiet   bool
		Object  []struct {
			keyVersion
			ETag             string
			LastModifiedTime string
			Size             *int64
		}
	}
	if err := xml.Unmarshal(raw, &in); err != nil || len(in.Object) == 0 || len(in.Object) > gofakes3.MaxDeleteObjects {
		return refuse(http.StatusBadRequest, "MalformedXML", "the body is no Delete of 1 to %d objects", gofakes3.MaxDeleteObjects)
	}
	if ok, err := s.bucketExists(r.Context(), a.bucket); err != nil || !ok {
		if err == nil {
			err = errNoSuchBucket
		}
		return err
	}
	var out struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Deleted []keyVersion
		Error   []deleteError
	}
	for _, o := range in.Object {
		size := ""
		if o.Size != nil {
			size = strconv.FormatInt(*o.Size, 10)
		}
		err := checkAccess(r.Context(), Delete, a.bucket, o.Key)
		if err == nil && o.VersionID != "" && o.VersionID != nullVersion {
			err = errNoSuchVersion
		}
		if err == nil {
			err = s.removeObject(r.Context(), a.bucket, o.Key, ifRemovable(o.ETag, o.LastModifiedTime, size))
		}
		switch {
		case err != nil:
			e := s.mapError(r.Context(), err)
			out.Error = append(out.Error, deleteError{o.keyVersion, e.Code, e.Message})
		case !in.Quiet:
			out.Deleted = append(out.Deleted, o.keyVersion)
		}
	}
	return writeXML(w, out)
}

// readXML reads a body that is a document, of limit bytes at most.
func readXML(r *http.Request, limit int64) ([]byte, error) {
	body := callOf(r.Context()).body
	raw, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(raw)) > limit {
		return nil, refuse(http.StatusBadRequest, "MaxMessageLengthExceeded", "your request was too big")
	}
	if err == nil {
		err = body.Finish()
	}
	return raw, err
}
