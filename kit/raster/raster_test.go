package raster

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/image/tiff"

	"fnstore/kit/fault"
	"fnstore/kit/photo/phototest"
)

// files are photo's committed images, which hold what std cannot write.
func files(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../photo/testdata/*.*")
	if err != nil || len(paths) == 0 {
		t.Fatal("no images", err)
	}
	all := map[string][]byte{
		"phone.jpg": phototest.Phone(160, 120, 6),
		"gif":       phototest.GIF(phototest.Scene(160, 120)),
		"alpha.png": phototest.PNG(phototest.Glass(160, 120)),
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(p, ".md") {
			all[filepath.Base(p)] = b
		}
	}
	return all
}

// Seed: B30
func TestRaster_FormatIsWhatTheBytesSay(t *testing.T) {
	for name, file := range files(t) {
		want := map[string]Format{".jpg": JPEG, ".png": PNG, ".webp": WebP, ".bmp": BMP, ".tif": TIFF, "": GIF}[filepath.Ext(name)]
		if got, ok := Sniff(file); !ok || got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, b := range [][]byte{nil, phototest.HTML, []byte("RIFF\x04\x00\x00\x00WAVE"), []byte("<svg/>")} {
		if f, ok := Sniff(b); ok {
			t.Errorf("%.8q is %q", b, f)
		}
	}
}

// What Header.Memory promises is what the decoders keep to: everything that
// one decoding allocates, garbage included, fits, but for its fixed tables.
//
// Seed: B34
func TestRaster_MemoryIsKnownBeforehand(t *testing.T) {
	big := files(t)
	big["large.jpg"] = phototest.JPEG(phototest.Scene(1500, 1000))
	big["large.png"] = phototest.PNG(phototest.Glass(1500, 1000))
	big["large.gif"] = phototest.GIF(phototest.Scene(400, 300))
	const tables = 2 << 20
	for name, file := range big {
		if name == "animated.webp" {
			continue
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, h, err := Decode(context.Background(), file, DefaultLimits)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if spent := int64(after.TotalAlloc - before.TotalAlloc); spent > h.Memory+tables {
			t.Errorf("%s: %d bytes allocated, %d promised", name, spent, h.Memory)
		}
	}
}

// Seed: B34
func TestRaster_Limits(t *testing.T) {
	l := Limits{JPEGPixels: 1000, Pixels: 500, Side: 100, Memory: 4000}
	for name, c := range map[string]struct {
		h    Header
		size int
		ok   bool
	}{
		"fits":                 {Header{Format: PNG, Width: 20, Height: 25, Memory: 2000}, 100, true},
		"jpeg may have more":   {Header{Format: JPEG, Width: 40, Height: 25, Memory: 2000}, 100, true},
		"png may not":          {Header{Format: PNG, Width: 40, Height: 25, Memory: 2000}, 100, false},
		"side":                 {Header{Format: JPEG, Width: 1, Height: 101}, 1, false},
		"memory":               {Header{Format: JPEG, Width: 10, Height: 10, Memory: 4001}, 0, false},
		"memory with the file": {Header{Format: JPEG, Width: 10, Height: 10, Memory: 3000}, 1001, false},
	} {
		if err := l.Check(c.h, c.size); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := DefaultLimits.Check(Header{Format: GIF, Width: 65535, Height: 65535}, 1); err == nil {
		t.Error("65535x65535 passed")
	}
}

// Seed: B34
func TestRaster_ScansAreCounted(t *testing.T) {
	file := files(t)["progressive.jpg"]
	last := bytes.LastIndex(file, []byte("\xff\xda"))
	var many []byte
	many = append(many, file[:last]...)
	for range maxScans {
		many = append(many, file[last:len(file)-2]...)
	}
	_, err := Inspect(append(many, 0xff, eoi))
	if f := fault.Of(err); f.Code != "image_too_large" || !strings.Contains(f.Detail, "scans") {
		t.Errorf("%v", err)
	}
}

// webpFile wraps chunks; a lossless chunk of these 5 bytes is 16384x16384 and
// needs no more data: x/image/webp would spend 1 GiB on the 28 byte file.
func webpFile(chunks ...string) []byte {
	body := "WEBP" + strings.Join(chunks, "")
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// Seed: B34
func TestRaster_WebPBombs(t *testing.T) {
	const huge = "VP8L\x08\x00\x00\x00\x2f\xff\xff\xff\x0f\x00\x00\x00"
	const canvas = "VP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x0f\x00\x00\x0f\x00\x00"
	for name, c := range map[string]struct {
		file []byte
		code string
	}{
		"28 bytes":             {webpFile(huge), "image_too_large"},
		"small canvas":         {webpFile(canvas, huge), "image_damaged"},
		"chunk of 2 GiB":       {webpFile("VP8 \xff\xff\xff\x7f\x10\x00\x00\x9d\x01\x2a\x10\x00\x10\x00"), "image_damaged"},
		"no bitstream":         {webpFile(canvas), "image_damaged"},
		"animated":             {files(t)["animated.webp"], "unsupported_image"},
		"header and then none": {webpFile("VP8L\x05\x00\x00\x00\x2f\xff\x00\x00\x00\x00"), "image_damaged"},
	} {
		_, _, err := Decode(context.Background(), c.file, DefaultLimits)
		if f := fault.Of(err); f.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// The heap is watched while a decoder reads: a TIFF of one strip that unpacks
// to far more than its header says is cut off.
//
// Seed: B34
func TestRaster_TheFuseBlows(t *testing.T) {
	var b bytes.Buffer
	if err := tiff.Encode(&b, image.NewRGBA(image.Rect(0, 0, 2000, 2000)), &tiff.Options{Compression: tiff.Deflate}); err != nil {
		t.Fatal(err)
	}
	l := DefaultLimits
	if _, _, err := Decode(context.Background(), b.Bytes(), l); err != nil {
		t.Fatalf("with enough memory: %v", err)
	}
	l.Memory = 18 << 20 // the 15 MiB of pixels fit, the unpacked strip does not
	_, _, err := Decode(context.Background(), b.Bytes(), l)
	if f := fault.Of(err); f.Code != "image_too_large" {
		t.Errorf("%v", err)
	}
}

// Seed: B30
func TestRaster_AFirstFrameThatDoesNotFillTheScreen(t *testing.T) {
	part := image.NewRGBA(image.Rect(10, 10, 30, 20))
	for i := range part.Pix {
		part.Pix[i] = 255
	}
	file := phototest.GIF(part)
	file[6], file[8] = 40, 30 // the screen
	m, h, err := Decode(context.Background(), file, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if h.Width != 40 || h.Height != 30 || m.At(0, 0) != (color.RGBA{}) || m.At(15, 15) != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("%dx%d, corner %v, inside %v", h.Width, h.Height, m.At(0, 0), m.At(15, 15))
	}
}

// Seed: B36
func TestRaster_OrientationOfEveryContainer(t *testing.T) {
	exifBlock := "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x08\x00\x00\x00\x00\x00\x00"
	lossy := files(t)["lossy.webp"]
	png := phototest.PNG(phototest.Scene(20, 10))
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(exifBlock))), "eXIf"+exifBlock+"\x00\x00\x00\x00"...)
	for name, c := range map[string]struct {
		file []byte
		want int
	}{
		"jpeg": {phototest.Phone(20, 10, 5), 5},
		"tiff": {files(t)["turned.tif"], 6},
		"webp": {webpFile(string(lossy[12:]), "EXIF\x1a\x00\x00\x00"+exifBlock), 8},
		"png":  {append(append(bytes.Clone(png[:33]), chunk...), png[33:]...), 8},
		"none": {png, 1},
	} {
		if h, err := Inspect(c.file); err != nil || h.Orientation != c.want {
			t.Errorf("%s: %d, %v; want %d", name, h.Orientation, err, c.want)
		}
	}
}

func FuzzInspect(f *testing.F) {
	for _, file := range files(f) {
		f.Add(file[:min(len(file), 4096)])
	}
	f.Add(phototest.ClaimedPNG(1<<31-1, 1<<31-1))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := Inspect(file)
		if err == nil && (h.Width < 1 || h.Height < 1 || h.Memory < 1 || h.Orientation < 1 || h.Orientation > 8) {
			t.Errorf("%+v", h)
		}
	})
}
