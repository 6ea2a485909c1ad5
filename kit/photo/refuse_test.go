package photo

import (
	"bytes"
	"context"
	"errors"
	"image"
	"runtime"
	"strings"
	"testing"

	"fnstore/kit/fault"
	"fnstore/kit/photo/phototest"
	"fnstore/kit/raster"
)

// TestRefuse_RefusalsSayWhy holds the stable codes: each of these files
// is refused for good, with a sentence, and the next one is made.
//
// Seed: B30, B34, B35
func TestRefuse_RefusalsSayWhy(t *testing.T) {
	good := phototest.JPEG(phototest.Scene(300, 200))
	for name, c := range map[string]struct {
		file []byte
		code string
	}{
		"html named png":      {phototest.HTML, "unsupported_image"},
		"empty":               {nil, "unsupported_image"},
		"heic":                {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), "unsupported_image"},
		"animated webp":       {testdata(t, "animated.webp"), "unsupported_image"},
		"72 bytes of 2.5 Gpx": {phototest.ClaimedPNG(50_000, 50_000), "image_too_large"},
		"1x60000":             {phototest.ClaimedPNG(1, 60_000), "image_too_large"},
		"36 Mpx of 16 bits":   {phototest.ClaimedPNG(6000, 6000), "image_too_large"},
		"tall thumbnail":      {phototest.PNG(image.NewGray(image.Rect(0, 0, 400, 20_000))), "image_too_large"},
		"cut jpeg":            {good[:len(good)/2], "image_damaged"},
		"jpeg without end":    {good[:len(good)-2], "image_damaged"},
		"cut png":             {testdata(t, "adam7.png")[:900], "image_damaged"},
		"cut webp":            {testdata(t, "lossy.webp")[:500], "image_damaged"},
		"cut tiff":            {testdata(t, "scene.tif")[:1500], "image_damaged"},
		"cut bmp":             {testdata(t, "scene.bmp")[:1500], "image_damaged"},
		"claimed, no data":    {phototest.ClaimedPNG(1000, 1000), "image_damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Make(context.Background(), c.file, three, raster.DefaultLimits)
			var f *fault.Error
			if !errors.As(err, &f) || f.Code != c.code || f.Kind.Retriable() || f.Detail == "" {
				t.Fatalf("%v (%+v), want a permanent %s", err, f, c.code)
			}
			thumbs(t, good, three...)
		})
	}
}

// A strip is cheap to decode, and seed's Resize(400, 0) would make it 400 by
// 12 million. Never enlarged, it stays a strip.
//
// Seed: B33, B34
func TestRefuse_AStripStaysAStrip(t *testing.T) {
	for _, th := range thumbs(t, phototest.PNG(image.NewGray(image.Rect(0, 0, 1, 30_000))), three...) {
		if th.Size != image.Pt(1, 30_000) {
			t.Errorf("width %d: %v", th.Width, th.Size)
		}
	}
	for _, th := range thumbs(t, phototest.PNG(image.NewGray(image.Rect(0, 0, 30_000, 1))), three...) {
		if th.Size != image.Pt(th.Width, 1) {
			t.Errorf("width %d: %v", th.Width, th.Size)
		}
	}
}

// A page behind the image's end, as in a file that is an image and a page at
// once, does not come through.
//
// Seed: B36
func TestRefuse_WhatFollowsTheImageIsGone(t *testing.T) {
	for _, file := range [][]byte{phototest.JPEG(phototest.Scene(120, 90)), phototest.PNG(phototest.Scene(120, 90))} {
		for _, th := range thumbs(t, append(bytes.Clone(file), phototest.HTML...), 100) {
			if bytes.Contains(th.Bytes, []byte("script")) {
				t.Error("the page came through")
			}
		}
	}
}

func TestRefuse_ATimeLimitEndsTheWork(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Make(ctx, phototest.Phone(300, 200, 1), three, raster.DefaultLimits)
	if f := fault.Of(err); f.Code != "image_timeout" || !f.Kind.Retriable() {
		t.Errorf("%v, want a retriable image_timeout", err)
	}
}

// The refusal of a bomb must cost less than the bomb: the allocations of all
// tries together stay under what one pixel row of it would be.
//
// Seed: B34
func TestRefuse_RefusingABombIsCheap(t *testing.T) {
	var before, after runtime.MemStats
	bomb := phototest.ClaimedPNG(50_000, 50_000)
	runtime.ReadMemStats(&before)
	for range 10 {
		if _, err := Make(context.Background(), bomb, three, raster.DefaultLimits); err == nil ||
			!strings.Contains(err.Error(), "50000x50000") {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 50_000*8 {
		t.Errorf("%d bytes allocated to refuse 10 bombs", spent)
	}
}

func FuzzMake(f *testing.F) {
	for _, name := range []string{"progressive.jpg", "cmyk.jpg", "411.jpg", "gray.jpg", "rgba16.png", "adam7.png",
		"scene.bmp", "scene.tif", "turned.tif", "lossy.webp", "lossless.webp", "alpha.webp", "animated.webp"} {
		f.Add(testdata(f, name))
	}
	f.Add(phototest.Phone(64, 48, 6))
	f.Add(phototest.GIF(phototest.Scene(32, 24)))
	f.Add(phototest.ClaimedPNG(50_000, 50_000))
	limits := raster.Limits{JPEGPixels: 1 << 20, Pixels: 1 << 20, Side: 5000, Memory: 24 << 20}
	f.Fuzz(func(t *testing.T, file []byte) {
		made, err := Make(context.Background(), file, []int{40, 16}, limits)
		if err != nil {
			if fault.Of(err).Kind == fault.Internal {
				t.Errorf("an error without a kind: %v", err)
			}
			return
		}
		for _, th := range made {
			if m, _, err := image.Decode(bytes.NewReader(th.Bytes)); err != nil || m.Bounds().Size() != th.Size {
				t.Errorf("a thumbnail that cannot be read: %v", err)
			}
		}
	})
}
