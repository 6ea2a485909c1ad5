package photo

import (
	"image"

	"fnstore/kit/raster"
)

// layout says what an image's planes mean, and so how they are put together.
type layout int

const (
	gray layout = iota
	ycc         // Y at full size, Cb and Cr smaller; JPEG's full range
	rgb
	rgba // colours premultiplied: what is transparent must not bleed
)

// planes is an image taken apart.
type planes struct {
	layout layout
	studio bool // ycc in BT.601's studio range, as WebP has it
	png    bool // the thumbnails are PNG
	of     []plane
}

// unpack takes a decoded image apart. PNG and GIF stay PNG, since they are
// drawings more often than photos; so does whatever has transparency. The
// rest becomes JPEG.
func unpack(m image.Image, format raster.Format) planes {
	p := planes{png: format == raster.PNG || format == raster.GIF}
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	switch m := m.(type) {
	case *image.Gray:
		p.of = []plane{eight(m.Pix, m.Stride, 1, w, h)}
		return p
	case *image.Gray16:
		p.of = []plane{again(m)}
		return p
	case *image.YCbCr:
		return p.ycc(m, format)
	case *image.NYCbCrA:
		if m.Opaque() {
			return p.ycc(&m.YCbCr, format)
		}
	}
	p.layout = rgb
	if o, ok := m.(interface{ Opaque() bool }); ok && !o.Opaque() {
		p.layout, p.png = rgba, true
	}
	p.colours(m, w, h)
	return p
}

func (p planes) ycc(m *image.YCbCr, format raster.Format) planes {
	p.layout, p.studio = ycc, format == raster.WebP
	c := image.Pt(m.Rect.Dx(), m.Rect.Dy())
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		c.X = (c.X + 1) / 2
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		c.X = (c.X + 3) / 4
	}
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio420, image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio410:
		c.Y = (c.Y + 1) / 2
	}
	p.of = []plane{
		eight(m.Y, m.YStride, 1, m.Rect.Dx(), m.Rect.Dy()),
		eight(m.Cb, m.CStride, 1, c.X, c.Y),
		eight(m.Cr, m.CStride, 1, c.X, c.Y),
	}
	return p
}

// colours adds a plane for each of R, G, B and, if there is one, alpha. Only
// what is common has a quick way: 8 bit samples that need no arithmetic.
func (p *planes) colours(m image.Image, w, h int) {
	n := 3
	if p.layout == rgba {
		n = 4
	}
	for c := range n {
		switch m := m.(type) {
		case *image.RGBA: // already premultiplied
			p.of = append(p.of, eight(m.Pix[c:], m.Stride, 4, w, h))
			continue
		case *image.NRGBA:
			if p.layout == rgb || c == 3 {
				p.of = append(p.of, eight(m.Pix[c:], m.Stride, 4, w, h))
			} else {
				p.of = append(p.of, plane{w: w, h: h, row: premultiplied(m, c)})
			}
			continue
		}
		p.of = append(p.of, plane{w: w, h: h, row: channel(p.source(m), c)})
	}
}

// source is the image as everything that std makes can be read: premultiplied
// 16 bit colours.
func (p *planes) source(m image.Image) image.RGBA64Image {
	if a, ok := m.(*image.NYCbCrA); ok {
		return studioAlpha{a}
	}
	return m.(image.RGBA64Image)
}

func premultiplied(m *image.NRGBA, c int) func(int, []uint16) {
	return func(y int, dst []uint16) {
		row := m.Pix[y*m.Stride:]
		for x := range dst {
			v, a := uint32(row[4*x+c]), uint32(row[4*x+3])
			dst[x] = uint16((v*a*257 + 127) / 255)
		}
	}
}

func channel(m image.RGBA64Image, c int) func(int, []uint16) {
	return func(y int, dst []uint16) {
		for x := range dst {
			v := m.RGBA64At(x, y)
			dst[x] = [4]uint16{v.R, v.G, v.B, v.A}[c]
		}
	}
}
