package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"fnstore/kit/fault"
)

// Info is what a store says about an object.
type Info struct {
	Bucket, Key string
	ETag        string // without quotes
	Size        int64  // bytes
	ContentType string
	Modified    time.Time         // when it was put; the zero time if the store does not say
	Meta        map[string]string // user metadata, keys in lower case without x-amz-meta-
}

// Object is an object whose bytes have not been read yet. Close it.
type Object struct {
	Info
	body io.ReadCloser
}

// Get asks for an object. With an etag it wants that content and no other: the
// error is the fault Conflict, object_changed, if the key holds another now.
func (c *Client) Get(ctx context.Context, bucket, key, etag string) (*Object, error) {
	var o minio.GetObjectOptions
	if etag != "" {
		if err := o.SetMatchETag(etag); err != nil {
			return nil, failure("get", bucket, key, err)
		}
	}
	body, info, _, err := c.core.GetObject(ctx, bucket, key, o)
	if err != nil {
		return nil, failure("get", bucket, key, err)
	}
	return &Object{Info: about(bucket, key, info), body: body}, nil
}

// Bytes reads the object into memory that is exactly as large as it, if it has
// at most limit bytes; a larger one is the fault TooLarge, object_too_large,
// and not read at all.
func (o *Object) Bytes(limit int64) ([]byte, error) {
	if o.Size > limit || o.Size < 0 {
		return nil, fault.New(fault.TooLarge, "object_too_large",
			"%s/%s has %d bytes; the limit is %d", o.Bucket, o.Key, o.Size, limit)
	}
	b := make([]byte, o.Size)
	if _, err := io.ReadFull(o.body, b); err != nil {
		return nil, failure("read", o.Bucket, o.Key, err)
	}
	return b, nil
}

// Read gives the object's bytes as they come, for one that is too large for
// memory. An object that is cut short is the fault Unavailable, s3_unavailable,
// and never an early io.EOF.
func (o *Object) Read(p []byte) (int, error) {
	n, err := o.body.Read(p)
	if err != nil && err != io.EOF {
		err = failure("read", o.Bucket, o.Key, err)
	}
	return n, err
}

// Close returns the connection to the pool if the object was read to its end,
// and closes it otherwise.
func (o *Object) Close() error { return o.body.Close() }

// Stat asks what a key holds without reading it.
func (c *Client) Stat(ctx context.Context, bucket, key string) (Info, error) {
	info, err := c.core.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, failure("stat", bucket, key, err)
	}
	return about(bucket, key, info), nil
}

// Put writes an object whole, with hashes that the store checks, and gives the
// etag it got. Metadata keys are lower case tokens, values ASCII. The SHA-256
// is signed in advance, so the body travels as it is: in plain HTTP minio-go
// would cut it into signed chunks otherwise, which not every store reads.
func (c *Client) Put(ctx context.Context, bucket, key, contentType string, meta map[string]string, body []byte) (etag string, err error) {
	digest, sum := md5.Sum(body), sha256.Sum256(body)
	up, err := c.core.PutObject(ctx, bucket, key, bytes.NewReader(body), int64(len(body)),
		base64.StdEncoding.EncodeToString(digest[:]), hex.EncodeToString(sum[:]),
		minio.PutObjectOptions{ContentType: contentType, UserMetadata: meta, DisableContentSha256: true})
	if err != nil {
		return "", failure("put", bucket, key, err)
	}
	return up.ETag, nil
}

func about(bucket, key string, o minio.ObjectInfo) Info {
	meta := make(map[string]string, len(o.UserMetadata))
	for k, v := range o.UserMetadata {
		meta[strings.ToLower(k)] = v
	}
	return Info{Bucket: bucket, Key: key, ETag: o.ETag, Size: o.Size, ContentType: o.ContentType, Modified: o.LastModified, Meta: meta}
}
