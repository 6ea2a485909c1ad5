// Package photo makes thumbnails of an image file, at a bounded cost. It does
// not know where the file came from or where the thumbnails go.
//
// One file is decoded once. What the decoder gives is averaged down to a small
// common image in whole boxes, and each width is resized from that:
//
//	file ── raster ──▶ 4000x3000 ── box 4x4 ──▶ 1000x750 ── Lanczos3 ──▶ 400
//	                                    box 2x2 ──▶ 500x375 ── Lanczos3 ──▶ 200
//	                                        box 2x2 ──▶ 250x188 ── Lanczos3 ──▶ 100
//
// The boxes keep at least twice the pixels of the next width in both
// directions, so Lanczos3 still decides what is sharp; they cost a tenth of
// what Lanczos3 costs on the full image. No thumbnail is made of a thumbnail.
package photo

import (
	"context"
	"fmt"
	"image"
	"slices"

	"fnstore/kit/fault"
	"fnstore/kit/raster"
)

// Engine names this way of making thumbnails. Whoever keeps thumbnails keeps
// it beside them: when it changes, the same file gives other bytes.
const Engine = "lanczos3-1"

// maxOutputPixels bounds one thumbnail in pixels. A strip of 10 by 30,000 is a small
// file to decode and would be a very large thumbnail.
const maxOutputPixels = 2_000_000

// Thumbnail is one encoded image that holds pixels and nothing else: no Exif,
// no place, no comment, no colour profile.
type Thumbnail struct {
	Width       int         // the width that was asked for
	Size        image.Point // the size it has; never larger than the source
	ContentType string      // of Bytes
	Bytes       []byte
}

// Make decodes a file and makes one thumbnail for each width, in pixels, in
// the order given. The width counts after the photo is turned upright; the
// height keeps the ratio; nothing is enlarged. The same file gives the same
// bytes. Errors are those of raster.Decode.
func Make(ctx context.Context, file []byte, widths []int, limits raster.Limits) ([]Thumbnail, error) {
	h, err := raster.Inspect(file)
	if err != nil {
		return nil, err
	}
	jobs, err := plan(h, widths)
	if err != nil {
		return nil, err
	}
	limits.Memory -= planeMemory(h, jobs)
	m, h, err := raster.Decode(ctx, file, limits)
	if err != nil {
		return nil, err
	}
	p := unpack(m, h.Format)
	if err := p.resize(ctx, jobs); err != nil {
		return nil, err
	}
	made := make([]Thumbnail, len(jobs))
	for _, j := range jobs {
		t := &made[j.order]
		t.Width, t.Size = j.width, image.Pt(j.w, j.h)
		if t.ContentType, t.Bytes, err = p.encode(j, h.Orientation); err != nil {
			return nil, fmt.Errorf("encode the %d wide thumbnail: %w", j.width, err)
		}
	}
	return made, nil
}

// job is one thumbnail: its upright size, and the size before turning.
type job struct {
	order, width int
	w, h         int // upright
	rw, rh       int // as stored
	out          []*image.Gray16
}

// plan decides the sizes, widest first, and refuses a thumbnail that would be
// too large to be one.
func plan(h raster.Header, widths []int) ([]*job, error) {
	w, ht := h.Width, h.Height
	if turned(h.Orientation) {
		w, ht = ht, w
	}
	jobs := make([]*job, len(widths))
	for i, width := range widths {
		j := &job{order: i, width: width, w: min(width, w)}
		j.h = max(1, int((int64(ht)*int64(j.w)+int64(w)/2)/int64(w)))
		if px := int64(j.w) * int64(j.h); px > maxOutputPixels {
			return nil, fault.New(fault.TooLarge, "image_too_large",
				"the image is %dx%d; its %d wide thumbnail would be %dx%d", w, ht, width, j.w, j.h)
		}
		if j.rw, j.rh = j.w, j.h; turned(h.Orientation) {
			j.rw, j.rh = j.h, j.w
		}
		jobs[i] = j
	}
	slices.SortStableFunc(jobs, func(a, b *job) int { return b.w - a.w })
	return jobs, nil
}
