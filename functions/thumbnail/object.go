package function

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/photo"
	"fnstore/kit/raster"
	"fnstore/kit/s3"
)

// widths are those of the thumbnails, in pixels.
var widths = []int{100, 200, 400}

const (
	folder   = "thumbnails/"
	maxFile  = 32 << 20 // bytes of an image file; 50 megapixels of JPEG are about 20 MiB
	maxMake  = 10 * time.Second
	attempts = 3 // of an object that is replaced while it is read
)

// The marks on everything this function writes: what it was made of and how.
// They tell it that the work is done, and that an object is its own.
const (
	markSource = "fnstore-source-etag"
	markEngine = "fnstore-engine"
	markHops   = "fnstore-hops" // of the call; see docs/connectors.md
)

func keyOf(width int, key string) string { return fmt.Sprintf("%s%dx/%s", folder, width, key) }

// record makes the thumbnails of the object a record names, or finds a reason
// not to.
//
//	stat source ──▶ outputs marked with its etag? ──yes──▶ skipped: current
//	    ▲                      │ no
//	    │             get If-Match, make, put x3
//	    │                      │
//	    └── etag changed ◀── stat source ──same──▶ made
//
// The last look is what lets two events of one key run in any order: whoever
// writes last has seen that what it read is still what is there. An event's
// own etag decides nothing; it may be older than the object.
func (a *api) record(ctx context.Context, rec record) (result, error) {
	res := result{Bucket: rec.bucket, Key: rec.key, Status: "skipped"}
	switch {
	case !rec.created:
		res.Reason = "nothing was created"
	case rec.bucket == a.output && strings.HasPrefix(rec.key, folder):
		res.Reason = "it is a thumbnail"
	case !a.watches(rec.bucket, rec.key):
		res.Reason = "no thumbnails are made of this bucket"
	}
	if res.Reason != "" {
		return res, nil
	}
	if longest := keyOf(widths[len(widths)-1], rec.key); len(longest) > maxKey {
		return res, fault.New(fault.Unprocessable, "key_too_long",
			"the key has %d bytes; its thumbnails' keys would have more than %d", len(rec.key), maxKey)
	}
	client, err := a.store.Client()
	if err != nil {
		return res, err
	}
	for range attempts {
		settled, err := a.attempt(ctx, client, rec, &res)
		if err != nil || settled {
			return res, err
		}
	}
	return res, fault.New(fault.Unavailable, "source_changing", "the object was replaced again and again while it was read")
}

// attempt goes through the picture above once and reports whether it came out
// at its right side.
func (a *api) attempt(ctx context.Context, c *s3.Client, rec record, res *result) (settled bool, err error) {
	source, err := c.Stat(ctx, rec.bucket, rec.key)
	switch {
	case kind(err) == fault.NotFound:
		res.Status, res.Reason, res.Thumbnails = "skipped", "gone", nil
		return true, nil
	case err != nil:
		return false, err
	case source.Meta[markSource] != "":
		res.Reason = "it is a thumbnail"
		return true, nil
	}
	if current, err := a.current(ctx, c, source); err != nil || current {
		res.Reason = "current"
		return true, err
	}
	made, err := a.make(ctx, c, source)
	if k := kind(err); k == fault.Conflict || k == fault.NotFound { // replaced or removed since
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if res.Thumbnails, err = a.write(ctx, c, source, made, rec.hops); err != nil {
		return false, err
	}
	res.Status, res.Reason = "made", ""
	if rec.etag != "" && rec.etag != source.ETag {
		res.Reason = "superseded: made of the object that took its place"
	}
	now, err := c.Stat(ctx, rec.bucket, rec.key)
	if kind(err) == fault.NotFound {
		return true, nil // removed just now: thumbnails of removed objects stay
	}
	return err == nil && now.ETag == source.ETag, err
}

// current reports whether all thumbnails of this very object are there, made
// the way they would be made now.
func (a *api) current(ctx context.Context, c *s3.Client, source s3.Info) (bool, error) {
	for _, w := range widths {
		out, err := c.Stat(ctx, a.output, keyOf(w, source.Key))
		if kind(err) == fault.NotFound {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if source.ETag == "" || out.Meta[markSource] != source.ETag || out.Meta[markEngine] != photo.Engine {
			return false, nil
		}
	}
	return true, nil
}

// make reads the object and makes its thumbnails, when it is its turn: memory
// is for one image.
func (a *api) make(ctx context.Context, c *s3.Client, source s3.Info) ([]photo.Thumbnail, error) {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, fault.New(fault.Timeout, "busy", "other images took all the time").Because(context.Cause(ctx))
	}
	o, err := c.Get(ctx, source.Bucket, source.Key, source.ETag)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	file, err := o.Bytes(maxFile)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxMake)
	defer cancel()
	return photo.Make(ctx, file, widths, raster.DefaultLimits)
}

func (a *api) write(ctx context.Context, c *s3.Client, source s3.Info, made []photo.Thumbnail, hops string) ([]thumbnail, error) {
	marks := map[string]string{markSource: source.ETag, markEngine: photo.Engine}
	if hops != "" { // the store finds loops by it
		marks[markHops] = hops
	}
	written := make([]thumbnail, 0, len(made))
	for _, t := range made {
		key := keyOf(t.Width, source.Key)
		if _, err := c.Put(ctx, a.output, key, t.ContentType, marks, t.Bytes); err != nil {
			if kind(err) == fault.NotFound { // not the caller's to mend
				return nil, fault.New(fault.Unavailable, "no_output_bucket", "there is no bucket %s", a.output).Because(err)
			}
			return nil, err
		}
		written = append(written, thumbnail{key, t.Size.X, t.Size.Y, t.ContentType})
	}
	return written, nil
}

// kind is the kind of an error that is a fault, and -1 of one that is not.
func kind(err error) fault.Kind {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Kind
	}
	return -1
}
