package photo

import (
	"context"
	"image"

	"github.com/nfnt/resize"

	"fnstore/kit/fault"
)

// resize makes every job's planes, one source plane after the other. Planes
// are 16 bits deep on their way: nfnt/resize truncates what it computes, and
// with 8 bits that costs a level or two in each channel, a green tint that
// grows each time; with 16 it costs nothing that can be seen.
func (p planes) resize(ctx context.Context, jobs []*job) error {
	for i, src := range p.of {
		var common *image.Gray16
		for _, j := range jobs { // widest first: the common plane only shrinks
			if err := ctx.Err(); err != nil {
				return fault.New(fault.Timeout, "image_timeout", "the thumbnails were not made in time").Because(err)
			}
			w, h := p.target(i, j.rw), p.target(i, j.rh)
			if fx, fy := factors(src.w, src.h, w, h); common == nil || fx > 1 || fy > 1 {
				common = src.box(fx, fy)
				src = again(common)
			}
			j.out = append(j.out, lanczos(common, w, h))
		}
	}
	return nil
}

// target is a side of plane i: chroma is half of luma, since image/jpeg writes
// 4:2:0 whatever it is given.
func (p planes) target(i, side int) int {
	if p.layout == ycc && i > 0 {
		return (side + 1) / 2
	}
	return side
}

// lanczos resizes one plane. It is the only place that calls nfnt/resize, with
// the one type whose kernel has 16 bit weights and makes no copy; box made the
// plane, so its memory is as large as its bounds say.
func lanczos(g *image.Gray16, w, h int) *image.Gray16 {
	return resize.Resize(uint(w), uint(h), g, resize.Lanczos3).(*image.Gray16)
}
