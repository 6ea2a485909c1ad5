package minio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"fnstore/connectors/hook"
)

// Store is the S3 store whose objects are followed.
type Store struct{ core *minio.Core }

// errURL never holds the URL: it has a secret in it.
var errURL = errors.New("not an S3 URL of the form http(s)://ACCESSKEY:SECRETKEY@host[:port]")

// OpenStore reads a URL http(s)://ACCESSKEY:SECRETKEY@host:port[?region=R] of a
// login that may list the buckets and read their objects' heads. It dials nothing.
func OpenStore(secretURL string) (*Store, error) {
	u, err := url.Parse(secretURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return nil, errURL
	}
	secret, _ := u.User.Password()
	if u.User.Username() == "" || secret == "" {
		return nil, errURL
	}
	region := u.Query().Get("region")
	if region == "" {
		region = "us-east-1"
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(u.User.Username(), secret, ""), Secure: u.Scheme == "https",
		Region: region, BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the S3 client for %s: %w", u.Host, err)
	}
	return &Store{core}, nil
}

// errGone means that there is no such object any more.
var errGone = errors.New("there is no such object")

// stat asks for what an event tells of: an event may be late, or forged.
func (s *Store) stat(ctx context.Context, bucket, key, version string) (object, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	info, err := s.core.StatObject(ctx, bucket, key, minio.StatObjectOptions{VersionID: version})
	if err != nil {
		if answer := minio.ToErrorResponse(err); answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusMethodNotAllowed {
			return object{}, errGone
		}
		return object{}, fmt.Errorf("ask for %s/%s: %w", bucket, key, err)
	}
	o := describe(bucket, info)
	for k, v := range info.UserMetadata {
		if strings.EqualFold(k, hook.MetaHops) {
			o.Hops, _ = strconv.Atoi(v) // what is no number counts as none
		}
	}
	return o, nil
}

// page lists the objects that come after a key, at most a thousand, and says
// whether there are more.
func (s *Store) page(ctx context.Context, bucket, prefix, after string) (list []object, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel() // ends the listing, which would go on by itself
	// From a key and not by a token: a token may not outlive a restart.
	for info := range s.core.Client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, StartAfter: after, Recursive: true, MaxKeys: pageSize}) {
		if info.Err != nil {
			return nil, false, fmt.Errorf("list %s/%s: %w", bucket, prefix, info.Err)
		}
		if len(list) == pageSize {
			return list, true, nil
		}
		list = append(list, describe(bucket, info))
	}
	return list, false, ctx.Err()
}

// pageSize is how many objects are listed, and recorded in one transaction.
const pageSize = 1000

// describe makes the event of an object that is there. Without versions an ETag
// alone would make two uploads of the same bytes one; their times differ.
func describe(bucket string, info minio.ObjectInfo) object {
	etag := strings.Trim(info.ETag, `"`)
	o := object{Object: hook.Object{
		Event: "ObjectCreated:Put", Source: "minio:s3", Bucket: bucket, Key: info.Key, ETag: etag, Size: info.Size,
		Sequencer: strings.ToUpper(strconv.FormatInt(info.LastModified.UnixNano(), 16)), At: info.LastModified,
	}}
	// Seconds, since a HEAD says no more.
	o.identity = etag + " " + info.LastModified.UTC().Truncate(time.Second).Format(time.RFC3339)
	return o
}
