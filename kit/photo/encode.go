package photo

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
)

// quality is the JPEG quality of thumbnails, on image/jpeg's scale.
const quality = 85

// encode turns a job's planes upright, puts them together and writes them. The
// encoders get pixels and nothing else, so no metadata can pass.
func (p planes) encode(j *job, orientation int) (contentType string, _ []byte, err error) {
	for i, g := range j.out {
		j.out[i] = upright(g, orientation)
	}
	m := p.pack(j.out)
	j.out = nil
	var buf bytes.Buffer
	if p.png {
		contentType, err = "image/png", png.Encode(&buf, m)
	} else {
		contentType, err = "image/jpeg", jpeg.Encode(&buf, m, &jpeg.Options{Quality: quality})
	}
	return contentType, buf.Bytes(), err
}

func (p planes) pack(of []*image.Gray16) image.Image {
	r := image.Rect(0, 0, of[0].Rect.Dx(), of[0].Rect.Dy())
	switch p.layout {
	case gray:
		m := image.NewGray(r)
		fill(m.Pix, m.Stride, 1, of[0], round)
		return m
	case ycc:
		luma, chroma := round, round
		if p.studio {
			luma, chroma = fromStudioLuma, fromStudioChroma
		}
		m := image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
		fill(m.Y, m.YStride, 1, of[0], luma)
		fill(m.Cb, m.CStride, 1, of[1], chroma)
		fill(m.Cr, m.CStride, 1, of[2], chroma)
		return m
	case rgb:
		m := image.NewRGBA(r)
		for i := range m.Pix {
			m.Pix[i] = 0xff
		}
		for c := range 3 {
			fill(m.Pix[c:], m.Stride, 4, of[c], round)
		}
		return m
	}
	m := image.NewNRGBA(r)
	fill(m.Pix[3:], m.Stride, 4, of[3], round)
	for c := range 3 {
		divide(m, c, of[c], of[3])
	}
	return m
}

func at(g *image.Gray16, x, y int) uint32 {
	i := y*g.Stride + 2*x
	return uint32(g.Pix[i])<<8 | uint32(g.Pix[i+1])
}

func fill(pix []byte, stride, step int, g *image.Gray16, to func(uint32) byte) {
	for y := range g.Rect.Dy() {
		for x := range g.Rect.Dx() {
			pix[y*stride+x*step] = to(at(g, x, y))
		}
	}
}

// divide takes the alpha back out of a colour, as PNG wants it. Lanczos3 may
// overshoot a colour past its alpha.
func divide(m *image.NRGBA, c int, colour, alpha *image.Gray16) {
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			if a := at(alpha, x, y); a > 0 {
				v := (uint64(min(at(colour, x, y), a))*255 + uint64(a)/2) / uint64(a)
				m.Pix[y*m.Stride+4*x+c] = byte(v)
			}
		}
	}
}

func round(v uint32) byte { return byte((v + 128) / 257) }
