package photo

import (
	"bytes"
	"context"
	"image"
	"image/color"
	_ "image/jpeg"
	_ "image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"fnstore/kit/photo/phototest"
	"fnstore/kit/raster"
)

var three = []int{100, 200, 400}

func thumbs(t *testing.T, file []byte, widths ...int) []Thumbnail {
	t.Helper()
	made, err := Make(context.Background(), file, widths, raster.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != len(widths) {
		t.Fatalf("%d thumbnails for %d widths", len(made), len(widths))
	}
	for i, m := range made {
		if m.Width != widths[i] {
			t.Errorf("thumbnail %d is for width %d, want %d", i, m.Width, widths[i])
		}
	}
	return made
}

// open decodes a thumbnail and checks that it is what it says.
func open(t *testing.T, th Thumbnail) image.Image {
	t.Helper()
	m, format, err := image.Decode(bytes.NewReader(th.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	if "image/"+format != th.ContentType {
		t.Errorf("%s, but the bytes are %s", th.ContentType, format)
	}
	if m.Bounds().Size() != th.Size {
		t.Errorf("size %v, but the bytes have %v", th.Size, m.Bounds().Size())
	}
	return m
}

// psnr compares the colours of two images of one size, in dB.
func psnr(t *testing.T, a, b image.Image) float64 {
	t.Helper()
	if a.Bounds().Size() != b.Bounds().Size() {
		t.Fatalf("%v against %v", a.Bounds(), b.Bounds())
	}
	var sum, n float64
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			p, q := color.RGBAModel.Convert(a.At(x, y)).(color.RGBA), color.RGBAModel.Convert(b.At(x, y)).(color.RGBA)
			for _, d := range []int{int(p.R) - int(q.R), int(p.G) - int(q.G), int(p.B) - int(q.B), int(p.A) - int(q.A)} {
				sum += float64(d * d)
			}
			n += 3
		}
	}
	if sum == 0 {
		return 99
	}
	return 10 * math.Log10(255*255*n/sum)
}

// small is the plain average of f by f pixels, the reference for pictures.
func small(m image.Image, f int) *image.RGBA {
	w, h := m.Bounds().Dx()/f, m.Bounds().Dy()/f
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var s [4]uint32
			for i := range f * f {
				r, g, b, a := m.At(x*f+i%f, y*f+i/f).RGBA()
				s[0], s[1], s[2], s[3] = s[0]+r, s[1]+g, s[2]+b, s[3]+a
			}
			n := uint32(f * f * 257)
			out.SetRGBA(x, y, color.RGBA{uint8(s[0] / n), uint8(s[1] / n), uint8(s[2] / n), uint8(s[3] / n)})
		}
	}
	return out
}

// TestPhoto_EveryFormatGivesItsPicture reads each committed file and
// compares its thumbnail with the drawing it was made of. The bounds are loose:
// JPEG at 85, twice, on hard edges gives about 30 dB, and CMYK without a
// profile shifts colours. A wrong channel, range or turn gives less than 15.
//
// Seed: R35, B30, B31
func TestPhoto_EveryFormatGivesItsPicture(t *testing.T) {
	scene, glass := small(phototest.Scene(160, 120), 2), small(phototest.Glass(160, 120), 2)
	for name, c := range map[string]struct {
		want image.Image
		typ  string
		dB   float64
	}{
		"progressive.jpg":     {scene, "image/jpeg", 25},
		"cmyk.jpg":            {scene, "image/jpeg", 20},
		"422.jpg":             {scene, "image/jpeg", 25},
		"411.jpg":             {scene, "image/jpeg", 22},
		"rgba16.png":          {scene, "image/png", 28},
		"adam7.png":           {scene, "image/png", 28},
		"scene.tif":           {scene, "image/jpeg", 25},
		"turned.tif":          {scene, "image/jpeg", 25},
		"lossy.webp":          {scene, "image/jpeg", 25},
		"lossless.webp":       {scene, "image/jpeg", 25},
		"alpha.webp":          {glass, "image/png", 25},
		"alpha-lossless.webp": {glass, "image/png", 28},
	} {
		t.Run(name, func(t *testing.T) {
			th := thumbs(t, testdata(t, name), 80)[0]
			if th.ContentType != c.typ {
				t.Errorf("%s, want %s", th.ContentType, c.typ)
			}
			if dB := psnr(t, open(t, th), c.want); dB < c.dB {
				t.Errorf("%.1f dB from the drawing, want %.0f", dB, c.dB)
			}
		})
	}
	t.Run("gray.jpg", func(t *testing.T) {
		if m := open(t, thumbs(t, testdata(t, "gray.jpg"), 80)[0]); m.ColorModel() != color.GrayModel {
			t.Errorf("a gray photo became %T", m)
		}
	})
	t.Run("scene.bmp", func(t *testing.T) {
		want := open(t, Thumbnail{ContentType: "image/png", Size: image.Pt(32, 24), Bytes: phototest.PNG(phototest.Scene(32, 24))})
		if dB := psnr(t, open(t, thumbs(t, testdata(t, "scene.bmp"), 32)[0]), want); dB < 18 {
			t.Errorf("%.1f dB from the drawing", dB)
		}
	})
	t.Run("gif", func(t *testing.T) {
		m := phototest.Scene(160, 120)
		th := thumbs(t, phototest.GIF(m, phototest.Glass(160, 120)), 80)[0]
		if dB := psnr(t, open(t, th), small(phototest.Paletted(m), 2)); th.ContentType != "image/png" || dB < 28 {
			t.Errorf("%s, %.1f dB", th.ContentType, dB)
		}
	})
	t.Run("palette png", func(t *testing.T) {
		m := phototest.Paletted(phototest.Scene(160, 120))
		if dB := psnr(t, open(t, thumbs(t, phototest.PNG(m), 80)[0]), small(m, 2)); dB < 28 {
			t.Errorf("%.1f dB", dB)
		}
	})
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Seed: R35
func TestPhoto_ThreeWidthsKeepTheRatio(t *testing.T) {
	made := thumbs(t, phototest.JPEG(phototest.Scene(801, 533)), three...)
	for i, want := range []image.Point{{100, 67}, {200, 133}, {400, 266}} {
		if open(t, made[i]); made[i].Size != want {
			t.Errorf("width %d: %v, want %v", made[i].Width, made[i].Size, want)
		}
	}
}

// All eight ways to hold a phone show the same picture, with the width counted
// as people see it, and nothing of the Exif block is left.
//
// Seed: B36
func TestPhotos_AreUprightAndSayNothingElse(t *testing.T) {
	want := small(phototest.Scene(160, 120), 2)
	for o := 1; o <= 8; o++ {
		th := thumbs(t, phototest.Phone(160, 120, o), 80)[0]
		if dB := psnr(t, open(t, th), want); dB < 25 {
			t.Errorf("orientation %d: %.1f dB from the upright picture", o, dB)
		}
		for _, left := range []string{"Exif", phototest.Where, "II*"} {
			if bytes.Contains(th.Bytes, []byte(left)) {
				t.Errorf("orientation %d: the thumbnail still says %q", o, left)
			}
		}
	}
}

// Seed: B33
func TestPhoto_SmallImagesAreNotEnlarged(t *testing.T) {
	for _, th := range thumbs(t, phototest.PNG(phototest.Scene(150, 90)), three...) {
		want := image.Pt(min(th.Width, 150), min(th.Width*90/150, 90))
		if open(t, th); th.Size != want {
			t.Errorf("width %d: %v, want %v", th.Width, th.Size, want)
		}
	}
}

// Seed: R35
func TestPhoto_TransparencyIsKeptAndDoesNotBleed(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 200, 200))
	for i := range m.Pix { // green, and a red that is wholly transparent
		m.Pix[i] = [8]byte{0, 200, 0, 255, 255, 0, 0, 0}[i%4+4*(i/4%200/100)]
	}
	got := open(t, thumbs(t, phototest.PNG(m), 50)[0]).(*image.NRGBA)
	for x := range 50 {
		c := got.NRGBAAt(x, 25)
		if x < 20 && c != (color.NRGBA{0, 200, 0, 255}) || x > 30 && c.A != 0 || c.A > 0 && c.R > 2 {
			t.Errorf("x=%d: %v", x, c)
		}
	}
}

// Seed: B38
func TestPhoto_SameFileSameBytes(t *testing.T) {
	for _, file := range [][]byte{phototest.Phone(300, 200, 6), phototest.PNG(phototest.Glass(300, 200))} {
		a, b := thumbs(t, file, three...), thumbs(t, file, three...)
		for i := range a {
			if !bytes.Equal(a[i].Bytes, b[i].Bytes) {
				t.Errorf("width %d differs from run to run", a[i].Width)
			}
		}
	}
}

// White stays white: nfnt/resize on 8 bit planes darkens each pass, and WebP's
// white is 235.
//
// Seed: B37
func TestPhoto_ColoursDoNotDrift(t *testing.T) {
	for _, c := range []color.RGBA{{255, 255, 255, 255}, {144, 145, 141, 255}, {200, 40, 90, 255}} {
		m := image.NewRGBA(image.Rect(0, 0, 1700, 1100))
		for i := range m.Pix {
			m.Pix[i] = [4]byte{c.R, c.G, c.B, c.A}[i%4]
		}
		for _, th := range thumbs(t, phototest.JPEG(m), three...) {
			got := color.RGBAModel.Convert(open(t, th).At(30, 30)).(color.RGBA)
			for _, d := range []int{int(got.R) - int(c.R), int(got.G) - int(c.G), int(got.B) - int(c.B)} {
				if d < -2 || d > 2 { // what JPEG's own rounding of YCbCr does, twice
					t.Errorf("width %d: %v became %v", th.Width, c, got)
					break
				}
			}
		}
	}
}
