package photo

import (
	"image"
	"image/color"
)

// Lossy WebP stores luma as 16 to 235 and chroma as 16 to 240 (BT.601 studio
// range, RFC 6386 section 9.2), JPEG both as 0 to 255. x/image/webp hands out
// WebP's numbers in JPEG's type (seen with 0.47: white reads 235), so they are
// stretched here; else every such thumbnail is grey where it should be white.
const (
	black, white = 16 * 257, 235 * 257
	middle       = 128 * 257
	swing        = 112 * 257 // of chroma, to each side
)

func stretch(v uint32) uint32 {
	return (min(max(v, black), white) - black) * 65535 / (white - black)
}

func fromStudioLuma(v uint32) byte { return round(stretch(v)) }

func fromStudioChroma(v uint32) byte {
	c := (int64(v)-middle)*(127*257+128)/swing + middle
	return round(uint32(min(max(c, 0), 65535)))
}

// studioAlpha reads a lossy WebP that has transparency as premultiplied
// colours of the right range.
type studioAlpha struct{ *image.NYCbCrA }

func (s studioAlpha) RGBA64At(x, y int) color.RGBA64 {
	yy := byte(stretch(uint32(s.Y[s.YOffset(x, y)])*257) >> 8)
	ci := s.COffset(x, y)
	cb, cr := fromStudioChroma(uint32(s.Cb[ci])*257), fromStudioChroma(uint32(s.Cr[ci])*257)
	r, g, b := color.YCbCrToRGB(yy, cb, cr)
	a := s.A[s.AOffset(x, y)]
	return color.RGBA64Model.Convert(color.NRGBA{R: r, G: g, B: b, A: a}).(color.RGBA64)
}
