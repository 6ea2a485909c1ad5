package objects

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/rclone/gofakes3"
)

// front is the Store as the protocol's front sees it. Every method decides
// first whether the caller's key may, by the names it is about to use: the
// front and the access check cannot read a request differently.
type front struct{ store *Store }

var _ gofakes3.Backend = (*front)(nil)

func (f *front) frontError(ctx context.Context, err error) error { return f.store.frontError(ctx, err) }

func checkAccess(ctx context.Context, v Verb, bucket, key string) error {
	if !callOf(ctx).key.allows(v, bucket, key) {
		return errDenied
	}
	return nil
}

func checkAdmin(ctx context.Context) error {
	if !callOf(ctx).key.Admin {
		return errDenied
	}
	return nil
}

func (f *front) ListBuckets(ctx context.Context) ([]gofakes3.BucketInfo, error) {
	all, err := f.store.buckets(ctx)
	if err != nil {
		return nil, f.frontError(ctx, err)
	}
	list := []gofakes3.BucketInfo{}
	for _, b := range all {
		if callOf(ctx).key.allowsBucket(b.Name) {
			list = append(list, gofakes3.BucketInfo{Name: b.Name, CreationDate: gofakes3.NewContentTime(b.Created)})
		}
	}
	return list, nil
}

func (f *front) BucketExists(ctx context.Context, name string) (bool, error) {
	if !callOf(ctx).key.allowsBucket(name) {
		return false, f.frontError(ctx, errDenied)
	}
	ok, err := f.store.bucketExists(ctx, name)
	return ok, f.frontError(ctx, err)
}

func (f *front) CreateBucket(ctx context.Context, name string) error {
	if err := checkAdmin(ctx); err != nil {
		return f.frontError(ctx, err)
	}
	made, err := f.store.makeBucket(ctx, name)
	if err == nil && !made {
		err = errBucketExists
	}
	return f.frontError(ctx, err)
}

func (f *front) DeleteBucket(ctx context.Context, name string) error {
	if err := checkAdmin(ctx); err != nil {
		return f.frontError(ctx, err)
	}
	return f.frontError(ctx, f.store.RemoveBucket(ctx, name))
}

func (f *front) ListBucket(ctx context.Context, name string, prefix *gofakes3.Prefix, page gofakes3.ListBucketPage) (*gofakes3.ObjectList, error) {
	if err := checkAccess(ctx, List, name, prefix.Prefix); err != nil {
		return nil, f.frontError(ctx, err)
	}
	p, err := f.store.list(ctx, listing{Bucket: name, Prefix: prefix.Prefix, Delimiter: prefix.Delimiter, After: page.Marker, Max: int(page.MaxKeys)})
	if err != nil {
		return nil, f.frontError(ctx, err)
	}
	list := &gofakes3.ObjectList{IsTruncated: p.Next != "", NextMarker: p.Next}
	for _, o := range p.Objects {
		list.Add(&gofakes3.Content{Key: o.Key, LastModified: gofakes3.NewContentTime(o.Modified), ETag: `"` + o.ETag() + `"`, Size: o.Size})
	}
	for _, prefix := range p.Prefixes {
		list.AddPrefix(prefix)
	}
	return list, nil
}

func (f *front) HeadObject(ctx context.Context, bucket, key string) (*gofakes3.Object, error) {
	if err := checkAccess(ctx, callOf(ctx).head, bucket, key); err != nil {
		return nil, f.frontError(ctx, err)
	}
	o, err := f.store.stat(ctx, bucket, key)
	if err != nil {
		return nil, f.frontError(ctx, err)
	}
	callOf(ctx).status = 0
	return frontObject(o, http.NoBody), nil
}

func (f *front) GetObject(ctx context.Context, bucket, key string, want *gofakes3.ObjectRangeRequest) (*gofakes3.Object, error) {
	if err := checkAccess(ctx, Read, bucket, key); err != nil {
		return nil, f.frontError(ctx, err)
	}
	o, file, err := f.store.openObject(ctx, bucket, key)
	if err != nil {
		return nil, f.frontError(ctx, err)
	}
	from, n, err := rangeOf(want, o.Size)
	if err == nil && from > 0 {
		_, err = file.Seek(from, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, f.frontError(ctx, err)
	}
	callOf(ctx).status = 0
	out := frontObject(o, &content{file, io.LimitedReader{R: file, N: n}})
	if want != nil {
		out.Range = &gofakes3.ObjectRange{Start: from, Length: n}
	}
	return out, nil
}

func (f *front) PutObject(ctx context.Context, bucket, key string, meta map[string]string, input io.Reader, size int64) (gofakes3.PutObjectResult, error) {
	if err := checkAccess(ctx, Write, bucket, key); err != nil {
		return gofakes3.PutObjectResult{}, f.frontError(ctx, err)
	}
	c := callOf(ctx)
	verify := func(meta map[string]string) error {
		if err := c.body.Finish(); err != nil {
			return err
		}
		if name, value := c.body.Checksum(); name != "" {
			meta[name] = value
		}
		return nil
	}
	o, err := f.store.put(ctx, bucket, key, storedMeta(meta), input, size, change{name: Put, when: c.when, verify: verify})
	if err != nil {
		return gofakes3.PutObjectResult{}, f.frontError(ctx, err)
	}
	return gofakes3.PutObjectResult{ETag: `"` + o.ETag() + `"`}, nil
}

func (f *front) CopyObject(ctx context.Context, srcBucket, srcKey, bucket, key string, meta map[string]string) (gofakes3.CopyObjectResult, error) {
	if err := errors.Join(checkAccess(ctx, Read, srcBucket, srcKey), checkAccess(ctx, Write, bucket, key)); err != nil {
		return gofakes3.CopyObjectResult{}, f.frontError(ctx, err)
	}
	c := callOf(ctx)
	if err := c.body.Finish(); err != nil {
		return gofakes3.CopyObjectResult{}, f.frontError(ctx, err)
	}
	o, err := f.store.copyObject(ctx, srcBucket, srcKey, bucket, key, storedMeta(meta), c.when)
	if err != nil {
		return gofakes3.CopyObjectResult{}, f.frontError(ctx, err)
	}
	return gofakes3.CopyObjectResult{ETag: `"` + o.ETag() + `"`, LastModified: gofakes3.NewContentTime(o.Modified)}, nil
}

func (f *front) DeleteObject(ctx context.Context, bucket, key string) (gofakes3.ObjectDeleteResult, error) {
	if err := checkAccess(ctx, Delete, bucket, key); err != nil {
		return gofakes3.ObjectDeleteResult{}, f.frontError(ctx, err)
	}
	return gofakes3.ObjectDeleteResult{}, f.frontError(ctx, f.store.removeObject(ctx, bucket, key, callOf(ctx).when))
}

// DeleteMulti is never called: servedelete.go serves DeleteObjects.
func (f *front) DeleteMulti(context.Context, string, ...string) (gofakes3.MultiDeleteResult, error) {
	return gofakes3.MultiDeleteResult{}, gofakes3.ErrNotImplemented
}

// storedMeta drops what the index knows itself, and what is so for every object.
func storedMeta(meta map[string]string) map[string]string {
	delete(meta, "Last-Modified")
	delete(meta, "X-Amz-Storage-Class")
	return meta
}
