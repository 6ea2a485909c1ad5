package photo

import (
	"image"

	"fnstore/kit/raster"
)

// A plane is one channel of an image, read row by row as 16 bit values. Work
// goes a plane at a time: the large planes are never all there at once, the
// chroma of a 4:2:0 photo stays a quarter of its luma, and nfnt/resize gets a
// type it does not copy first.
type plane struct {
	w, h int
	row  func(y int, dst []uint16)                     // any image
	pix  func(y int) (bytes []byte, first, stride int) // 8 bits a sample, when they lie in memory
}

// eight makes a plane of samples that lie step bytes apart. It refuses memory
// that is too short for its size: the resizer would find out in a goroutine
// of its own, where no one can recover.
func eight(pix []byte, stride, step, w, h int) plane {
	if w > 0 && h > 0 {
		_ = pix[(h-1)*stride+(w-1)*step]
	}
	return plane{w: w, h: h, pix: func(y int) ([]byte, int, int) { return pix, y * stride, step }}
}

// box averages fx by fy samples to one, rounded; the last column and row may
// average fewer. Sums fit: 64 x 64 samples of 16 bits are 28 bits.
func (p plane) box(fx, fy int) *image.Gray16 {
	w, h := (p.w+fx-1)/fx, (p.h+fy-1)/fy
	out := image.NewGray16(image.Rect(0, 0, w, h))
	sums := make([]uint32, w)
	line := make([]uint16, p.w)
	for oy := range h {
		clear(sums)
		rows := min(fy, p.h-oy*fy)
		scale := uint32(1)
		for y := oy * fy; y < oy*fy+rows; y++ {
			if p.pix != nil {
				pix, first, step := p.pix(y)
				addBytes(sums, pix[first:first+(p.w-1)*step+1], step, fx)
				scale = 257
			} else {
				p.row(y, line)
				addWords(sums, line, fx)
			}
		}
		dst := out.Pix[oy*out.Stride:]
		for x, s := range sums {
			n := uint32(rows * min(fx, p.w-x*fx))
			v := (s*scale + n/2) / n
			dst[2*x], dst[2*x+1] = byte(v>>8), byte(v)
		}
	}
	return out
}

func addBytes(sums []uint32, row []byte, step, fx int) {
	if step == 1 {
		for x := range sums {
			s := uint32(0)
			for _, v := range row[x*fx : min((x+1)*fx, len(row))] {
				s += uint32(v)
			}
			sums[x] += s
		}
		return
	}
	x, left := 0, fx
	for i := 0; i < len(row); i += step {
		sums[x] += uint32(row[i])
		if left--; left == 0 {
			x, left = x+1, fx
		}
	}
}

func addWords(sums []uint32, row []uint16, fx int) {
	for x := range sums {
		s := uint32(0)
		for _, v := range row[x*fx : min((x+1)*fx, len(row))] {
			s += uint32(v)
		}
		sums[x] += s
	}
}

// again makes a plane of one that is already small, to be averaged once more.
func again(g *image.Gray16) plane {
	return plane{w: g.Rect.Dx(), h: g.Rect.Dy(), row: func(y int, dst []uint16) {
		row := g.Pix[y*g.Stride:]
		for x := range dst {
			dst[x] = uint16(row[2*x])<<8 | uint16(row[2*x+1])
		}
	}}
}

// factors says how many samples of a plane may become one and still leave
// twice the target: powers of two, up to 64.
func factors(w, h, tw, th int) (fx, fy int) {
	fx, fy = 1, 1
	for fx < 64 && w/(2*fx) >= 2*tw {
		fx *= 2
	}
	for fy < 64 && h/(2*fy) >= 2*th {
		fy *= 2
	}
	return fx, fy
}

// planeMemory is what Make needs beside the decoded image: the widest common
// plane, what Lanczos3 keeps between its two passes, and the thumbnails' own.
func planeMemory(h raster.Header, jobs []*job) int64 {
	var most, results int64
	for _, j := range jobs {
		fx, fy := factors(h.Width, h.Height, j.rw, j.rh)
		w, ht := int64(h.Width/fx+1), int64(h.Height/fy+1)
		most = max(most, 2*w*ht+2*ht*int64(j.rw))
		results += 4 * 2 * int64(j.rw) * int64(j.rh)
	}
	return most + results
}
