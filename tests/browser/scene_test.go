package browser

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// photograph writes a picture of hills at dusk, as large as a camera's.
func photograph(t *testing.T, name string) string {
	t.Helper()
	const w, h = 2400, 1600
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, dusk(float64(x)/w, float64(y)/h))
		}
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return save(t, name, buf.Bytes())
}

// save writes a file under the name it shall be sent with.
func save(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// dusk is the colour at a point, both ways from 0 to 1.
func dusk(x, y float64) color.RGBA {
	for i := range 4 { // hills, the nearest first
		f := float64(i)
		ridge := 0.92 - 0.13*f + 0.05*math.Sin(x*(5+2*f)+f*1.7) + 0.02*math.Sin(x*(17-3*f)+f)
		if y > ridge {
			return blend(color.RGBA{24, 48, 52, 255}, color.RGBA{196, 142, 138, 255}, f/3.6)
		}
	}
	sky := blend(color.RGBA{52, 84, 132, 255}, color.RGBA{250, 196, 140, 255}, y*1.9)
	if d := math.Hypot((x-0.68)*1.5, y-0.36); d < 0.3 {
		return blend(color.RGBA{255, 244, 214, 255}, sky, (d-0.07)/0.23)
	}
	return sky
}

func blend(a, b color.RGBA, part float64) color.RGBA {
	part = min(max(part, 0), 1)
	mix := func(p, q uint8) uint8 { return uint8(float64(p) + (float64(q)-float64(p))*part) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}
