// Package phototest draws image files for tests: good ones, odd ones and ones
// that were made to hurt. It does not know who reads them. Everything is drawn
// here, so no photo of anyone's is in the repository.
package phototest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
)

// Scene is a picture that shows which way up it is: blue sky over green
// ground, a red sun at the top right, a white F at the left.
func Scene(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{uint8(60 + 80*y/h), uint8(120 + 100*y/h), 230, 255}
			if y > 2*h/3 {
				c = color.RGBA{uint8(40 + 60*x/w), 150, 50, 255}
			}
			if dx, dy := x-4*w/5, y-h/5; dx*dx+dy*dy < w*w/144 {
				c = color.RGBA{220, 30, 30, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	bar := func(x0, y0, x1, y1 int) { // in hundredths
		draw.Draw(m, image.Rect(x0*w/100, y0*h/100, x1*w/100, y1*h/100), image.White, image.Point{}, draw.Src)
	}
	bar(10, 20, 17, 80)
	bar(10, 20, 40, 30)
	bar(10, 45, 32, 55)
	return m
}

// Photo is Scene with the grain of a camera's sensor, the same at every call.
func Photo(w, h int) *image.RGBA {
	m := Scene(w, h)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		if i%4 != 3 {
			m.Pix[i] = uint8(min(max(int(m.Pix[i])+r.IntN(25)-12, 0), 255))
		}
	}
	return m
}

// Glass is Scene with its right half fading to nothing.
func Glass(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(m, m.Rect, Scene(w, h), image.Point{}, draw.Src)
	for y := range h {
		for x := w / 2; x < w; x++ {
			m.Pix[y*m.Stride+4*x+3] = uint8(255 - 255*(x-w/2)/(w-w/2))
		}
	}
	return m
}

// JPEG encodes at quality 90.
func JPEG(m image.Image) []byte {
	return encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 90}) })
}

// PNG encodes an image in the PNG type that fits it.
func PNG(m image.Image) []byte {
	return encoded(func(b *bytes.Buffer) error { return png.Encode(b, m) })
}

// GIF encodes frames that lie on a screen that reaches as far as the first one.
func GIF(frames ...image.Image) []byte {
	g := gif.GIF{Config: image.Config{Width: frames[0].Bounds().Max.X, Height: frames[0].Bounds().Max.Y}}
	for _, m := range frames {
		p := Paletted(m)
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, 10)
	}
	return encoded(func(b *bytes.Buffer) error { return gif.EncodeAll(b, &g) })
}

// Paletted reduces an image to 216 colours.
func Paletted(m image.Image) *image.Paletted {
	p := image.NewPaletted(m.Bounds(), palette.WebSafe)
	draw.Draw(p, p.Rect, m, m.Bounds().Min, draw.Src)
	return p
}

func encoded(write func(*bytes.Buffer) error) []byte {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		panic(err) // the input is drawn here; it is the drawing that is wrong
	}
	return b.Bytes()
}

// Phone is the JPEG a phone writes when it is held as the orientation says: the
// pixels lie as the sensor saw them, Exif says how to turn them, and Exif says
// where the phone was. Shown upright it is Scene(w, h).
func Phone(w, h, orientation int) []byte {
	return WithExif(JPEG(Stored(Scene(w, h), orientation)), orientation)
}

// Where is the text in Phone's Exif that must never reach a thumbnail.
const Where = "N52.5163 E13.3777"

// WithExif puts an Exif segment behind a JPEG's first marker.
func WithExif(jpeg []byte, orientation int) []byte {
	le := binary.LittleEndian
	tiff := le.AppendUint32([]byte("II*\x00"), 8)
	tiff = le.AppendUint16(tiff, 2)
	tiff = le.AppendUint16(le.AppendUint16(tiff, 0x010e), 2) // ImageDescription, ASCII
	tiff = le.AppendUint32(le.AppendUint32(tiff, uint32(len(Where)+1)), 38)
	tiff = le.AppendUint16(le.AppendUint16(tiff, 0x0112), 3) // Orientation, SHORT
	tiff = le.AppendUint32(le.AppendUint32(tiff, 1), uint32(orientation))
	tiff = le.AppendUint32(tiff, 0)
	tiff = append(tiff, Where+"\x00"...)
	seg := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, byte((len(seg)+2)>>8), byte(len(seg)+2))
	return append(append(out, seg...), jpeg[2:]...)
}

// Stored lays an upright image out as a camera of that orientation stores it.
// It is written the other way round than the code it tests: a list of turns
// and mirrors.
func Stored(m *image.RGBA, orientation int) *image.RGBA {
	left := func(m *image.RGBA) *image.RGBA { // a quarter turn, counter-clockwise
		w, h := m.Rect.Dx(), m.Rect.Dy()
		out := image.NewRGBA(image.Rect(0, 0, h, w))
		for y := range h {
			for x := range w {
				out.SetRGBA(y, w-1-x, m.RGBAAt(x, y))
			}
		}
		return out
	}
	mirror := func(m *image.RGBA) *image.RGBA {
		out := image.NewRGBA(m.Rect)
		for y := range m.Rect.Dy() {
			for x := range m.Rect.Dx() {
				out.SetRGBA(m.Rect.Dx()-1-x, y, m.RGBAAt(x, y))
			}
		}
		return out
	}
	switch orientation {
	case 2:
		return mirror(m)
	case 3:
		return left(left(m))
	case 4:
		return mirror(left(left(m)))
	case 5:
		return mirror(left(left(left(m))))
	case 6: // shown by a quarter turn to the right
		return left(m)
	case 7:
		return mirror(left(m))
	case 8:
		return left(left(left(m)))
	}
	return m
}

// HTML is a page under whatever name it likes.
var HTML = []byte("<!doctype html><html><body><script>alert(1)</script></body></html>")

// ClaimedPNG is the 72 bytes of a PNG with 16 bits in each of four channels
// that says it has w by h pixels; there is hardly any data behind it.
func ClaimedPNG(w, h uint32) []byte {
	be := binary.BigEndian
	chunk := func(b []byte, name string, data []byte) []byte {
		b = append(be.AppendUint32(b, uint32(len(data))), name...)
		b = append(b, data...)
		return be.AppendUint32(b, crc32.ChecksumIEEE(append([]byte(name), data...)))
	}
	b := []byte("\x89PNG\r\n\x1a\n")
	b = chunk(b, "IHDR", append(be.AppendUint32(be.AppendUint32(nil, w), h), 16, 6, 0, 0, 0))
	b = chunk(b, "IDAT", []byte("\x78\x9c\x62\x00\x00\x00\x00\xff\xff\x00\x00\x00\x01\x00\x01"))
	return chunk(b, "IEND", nil)
}
