package raster

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"runtime/metrics"
)

// fuse feeds a decoder and cuts it off when the caller's time is over or, if
// told to watch, when the heap has grown past what was granted. No decoder
// here takes a context, but all of them read, and none grows between two reads
// by more than a few megabytes: 4 KiB of a lossless WebP can make 5 MiB of
// Huffman tables, 4 KiB of deflate 4 MiB of pixels.
type fuse struct {
	ctx context.Context
	r   *bytes.Reader
	max uint64 // heap bytes; 0 watches nothing
	now []metrics.Sample
	err error // why it blew; decoders wrap errors in their own ways
}

var errHeap = errors.New("the decoder outgrew its memory")

func newFuse(ctx context.Context, file []byte) *fuse {
	return &fuse{ctx: ctx, r: bytes.NewReader(file)}
}

// watch grants the decoder so many bytes beyond what lives at this moment. It
// collects first: garbage counted as living would be granted as well.
func (f *fuse) watch(grant int64) {
	runtime.GC()
	f.now = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	f.max = f.heap() + uint64(grant)
}

func (f *fuse) heap() uint64 {
	metrics.Read(f.now)
	return f.now[0].Value.Uint64()
}

// reader hides everything but Read and ReadAt: a decoder that finds ReadByte
// or Seek would read past the fuse.
func (f *fuse) reader() io.Reader { return fused{f} }

type fused struct{ f *fuse }

func (r fused) Read(p []byte) (int, error) {
	if !r.f.whole() {
		return 0, r.f.err
	}
	return r.f.r.Read(p)
}

func (r fused) ReadAt(p []byte, off int64) (int, error) {
	if !r.f.whole() {
		return 0, r.f.err
	}
	return r.f.r.ReadAt(p, off)
}

// whole reports whether reading may go on. What the metric counts includes
// garbage not yet swept, so it collects before it accuses.
func (f *fuse) whole() bool {
	switch {
	case f.err != nil:
	case f.ctx.Err() != nil:
		f.err = context.Cause(f.ctx)
	case f.max > 0 && f.heap() > f.max:
		if runtime.GC(); f.heap() > f.max {
			f.err = errHeap
		}
	}
	return f.err == nil
}
