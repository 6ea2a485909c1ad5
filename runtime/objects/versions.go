package objects

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// nullVersion is the id of an object's only version (Amazon S3, "Working with
// objects in a versioning-suspended bucket").
const nullVersion = "null"

var errNoSuchVersion = refuse(http.StatusNotFound, "NoSuchVersion", "the specified version does not exist; objects here have the version null")

// checkVersions reads the versions that a request names, of its object and of a
// copy's source. The version null is the object, so the name is taken away; a
// request for any other version ends here.
func (s *Store) checkVersions(r *http.Request, a address) error {
	if q := r.URL.Query(); q.Has("versionId") {
		if err := s.checkVersion(r.Context(), callOf(r.Context()).head, a, q.Get("versionId")); err != nil {
			return err
		}
		q.Del("versionId")
		r.URL.RawQuery = q.Encode()
	}
	if callOf(r.Context()).op.header != "x-amz-copy-source" {
		return nil
	}
	from, version, err := copySource(r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return err
	}
	return s.checkVersion(r.Context(), Read, from, version)
}

func (s *Store) checkVersion(ctx context.Context, verb Verb, a address, version string) error {
	if version == nullVersion {
		return nil
	}
	if err := checkAccess(ctx, verb, a.bucket, a.key); err != nil {
		return err
	}
	ok, err := s.bucketExists(ctx, a.bucket)
	switch {
	case err != nil:
		return err
	case !ok:
		return errNoSuchBucket
	}
	return errNoSuchVersion
}

// copySource reads x-amz-copy-source: bucket/key, escaped as in a URL, and
// maybe ?versionId= behind it. Without one the version is null.
func copySource(v string) (from address, version string, err error) {
	bad := refuse(http.StatusBadRequest, "InvalidArgument", "x-amz-copy-source is bucket/key, escaped as in a URL, with nothing behind it but ?versionId=")
	path, query, versioned := strings.Cut(strings.TrimPrefix(v, "/"), "?")
	bucket, escaped, _ := strings.Cut(path, "/")
	key, err := url.QueryUnescape(escaped)
	if err != nil || bucket == "" || CheckKey(key) != nil {
		return from, "", bad
	}
	version = nullVersion
	if versioned {
		q, err := url.ParseQuery(query)
		if err != nil || len(q) != 1 || len(q["versionId"]) != 1 {
			return from, "", bad
		}
		version = q.Get("versionId")
	}
	return address{bucket, key}, version, nil
}
