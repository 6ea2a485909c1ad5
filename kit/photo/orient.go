package photo

import "image"

// turned reports whether an orientation swaps width and height.
func turned(orientation int) bool { return orientation >= 5 }

// upright turns a plane the way Exif's orientation says (Exif 2.32 section
// 4.6.4 A). It runs on thumbnails, where it costs next to nothing.
//
//	1 as it is    2 mirrored      3 upside down     4 flipped
//	5 transposed  6 turn right    7 transversed     8 turn left
func upright(g *image.Gray16, orientation int) *image.Gray16 {
	if orientation == 1 {
		return g
	}
	w, h := g.Rect.Dx(), g.Rect.Dy()
	ow, oh := w, h
	if turned(orientation) {
		ow, oh = h, w
	}
	out := image.NewGray16(image.Rect(0, 0, ow, oh))
	for y := range oh {
		for x := range ow {
			sx, sy := from(orientation, x, y, w, h)
			s, d := sy*g.Stride+2*sx, y*out.Stride+2*x
			out.Pix[d], out.Pix[d+1] = g.Pix[s], g.Pix[s+1]
		}
	}
	return out
}

// from says which stored pixel, in an image of w by h, is shown at x, y.
func from(orientation, x, y, w, h int) (int, int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	}
	return x, y
}
