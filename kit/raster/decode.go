package raster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"fnstore/kit/fault"
)

// decoders by format. Only webp and tiff allocate as they read, not just by
// the header, so only for them the fuse watches the heap.
var decoders = map[Format]struct {
	decode func(io.Reader) (image.Image, error)
	grows  bool
}{
	JPEG: {jpeg.Decode, false},
	PNG:  {png.Decode, false},
	GIF:  {firstFrame, false},
	WebP: {webp.Decode, true},
	BMP:  {bmp.Decode, false},
	TIFF: {tiff.Decode, true},
}

// large is where it pays to collect garbage first. A soft memory limit does not
// hold a large allocation back until the last image's pixels are swept: without
// this, five 48 megapixel JPEGs in a row peaked at 165 MiB under
// GOMEMLIMIT=104MiB; with it at 96 MiB, under none (amd64, Go 1.26).
const large = 8 << 20

// Decode reads the pixels of a file that keeps to the limits. A file that is
// cut short is an error, never half an image. Its errors are faults:
// unsupported_image, image_too_large, image_damaged for good, and
// image_timeout when ctx ends first. The image's bounds start at 0,0 and are
// as the header says.
func Decode(ctx context.Context, file []byte, l Limits) (m image.Image, h Header, err error) {
	if h, err = Inspect(file); err != nil {
		return nil, h, err
	}
	if err = l.Check(h, len(file)); err != nil {
		return nil, h, err
	}
	defer recovered(h.Format, &err)
	d := decoders[h.Format]
	f := newFuse(ctx, file)
	if h.Memory > large {
		runtime.GC()
	}
	if d.grows {
		f.watch(l.Memory)
	}
	m, err = d.decode(f.reader())
	switch {
	case f.err != nil && ctx.Err() != nil:
		return nil, h, fault.New(fault.Timeout, "image_timeout", "the image was not decoded in time").Because(f.err)
	case f.err != nil:
		return nil, h, tooLarge("the %s image takes more than %d MiB to decode", h.Format, l.Memory>>20)
	case err != nil:
		return nil, h, verdict(h.Format, err)
	case m.Bounds() != image.Rect(0, 0, h.Width, h.Height):
		return nil, h, damaged(h.Format, fmt.Errorf("bounds %v, header %dx%d", m.Bounds(), h.Width, h.Height))
	}
	return m, h, nil
}

// verdict sorts a decoder's error: a feature nobody reads here, or damage.
func verdict(f Format, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	var j jpeg.UnsupportedError
	var p png.UnsupportedError
	var t tiff.UnsupportedError
	if errors.As(err, &j) || errors.As(err, &p) || errors.As(err, &t) || errors.Is(err, bmp.ErrUnsupported) {
		return unsupported("this kind of %s image is not read here", f).Because(err)
	}
	return damaged(f, err)
}

// recovered turns a decoder's panic into damage: the file made it happen, and
// the next file shall find the process alive.
func recovered(f Format, err *error) {
	if v := recover(); v != nil {
		*err = damaged(f, fmt.Errorf("the decoder panicked: %v", v))
	}
}

// same refuses a file in which our reading of the header and the decoder's own
// differ; somebody made it so to slip past the limits.
func same(h Header, err error, c image.Config) (Header, error) {
	if err != nil {
		return Header{}, err
	}
	if c.Width != h.Width || c.Height != h.Height {
		return Header{}, fmt.Errorf("two sizes: %dx%d and %dx%d", h.Width, h.Height, c.Width, c.Height)
	}
	return h, nil
}

func config(decode func(io.Reader) (image.Config, error), file []byte) (image.Config, error) {
	return decode(bytes.NewReader(file))
}
