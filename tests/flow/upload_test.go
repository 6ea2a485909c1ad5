package flow

import (
	"bytes"
	"image"
	"image/color"
	_ "image/jpeg"
	_ "image/png"
	"testing"

	"fnstore/kit/photo/phototest"
	"fnstore/kit/queue"
	"fnstore/kit/queue/deadletter"
)

// decode reads a thumbnail back.
func decode(t *testing.T, b []byte) (image.Image, string) {
	t.Helper()
	m, format, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return m, format
}

// near compares colours as eyes would.
func near(a, b color.Color) bool {
	ar, ag, ab, aa := a.RGBA()
	br, bg, bb, ba := b.RGBA()
	far := func(x, y uint32) bool { return max(x, y)-min(x, y) > 0x3000 }
	return !far(ar, br) && !far(ag, bg) && !far(ab, bb) && !far(aa, ba)
}

// The demo: a photo is uploaded, and its three thumbnails are there. It is a
// phone's photo, so it lies on its side and says how to turn it.
//
// Seed: R1, R2, R14, R35, B11, B32, B36
func TestUpload_APhotoBecomesThreeThumbnails(t *testing.T) {
	fits(t)
	const key = "trip to Köln/my photo é+.jpg"
	id := upload(t, shared, key, phototest.Phone(1200, 900, 6))
	if p := await(t, shared, id); p.State != queue.Succeeded || p.Attempts != 1 {
		t.Fatalf("%+v\n%s", p, shared.Logs())
	}
	want := phototest.Photo(1200, 900)
	for _, width := range []int{100, 200, 400} {
		b, info := thumbnail(t, shared, width, key)
		m, format := decode(t, b)
		if size := m.Bounds().Size(); size.X != width || size.Y != width*3/4 || format != "jpeg" || info.ContentType != "image/jpeg" {
			t.Errorf("%d wide: %v %s as %s", width, size, format, info.ContentType)
		}
		if bytes.Contains(b, []byte("Exif")) {
			t.Errorf("%d wide: the metadata came along", width)
		}
		for _, at := range [][2]int{{8, 8}, {92, 8}, {8, 92}, {92, 92}, {80, 20}} { // per cent of each side
			got := m.At(width*at[0]/100, width*3/4*at[1]/100)
			if expect := want.At(1200*at[0]/100, 900*at[1]/100); !near(got, expect) {
				t.Errorf("%d wide, at %v per cent: %v, want %v", width, at, got, expect)
			}
		}
	}
	if n := thumbnails(t, shared, key); n != 3 {
		t.Errorf("%d objects for one photo", n)
	}
}

// Seed: B30, B31
func TestUpload_OtherFormats(t *testing.T) {
	fits(t)
	glass := phototest.PNG(phototest.Glass(500, 300))
	id := upload(t, shared, "glass.png", glass)
	if p := await(t, shared, id); p.State != queue.Succeeded {
		t.Fatalf("%+v", p)
	}
	b, info := thumbnail(t, shared, 200, "glass.png")
	m, format := decode(t, b)
	if format != "png" || info.ContentType != "image/png" || m.Bounds().Dx() != 200 {
		t.Errorf("%s as %s, %v", format, info.ContentType, m.Bounds())
	}
	clear := false
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if _, _, _, a := m.At(x, y).RGBA(); a < 0xf000 {
				clear = true
			}
		}
	}
	if !clear {
		t.Error("what was transparent is not any more")
	}

	id = upload(t, shared, "moving.gif", phototest.GIF(phototest.Photo(300, 200), phototest.Photo(300, 200)))
	if p := await(t, shared, id); p.State != queue.Succeeded {
		t.Fatalf("%+v", p)
	}
	if b, _ := thumbnail(t, shared, 100, "moving.gif"); len(b) == 0 {
		t.Error("an empty object")
	}
}

// What cannot become thumbnails is refused at once, for a reason that can be
// found, and the function lives on.
//
// Seed: B34
func TestUpload_WhatIsNoPhotoIsRefused(t *testing.T) {
	fits(t)
	photo := phototest.Phone(640, 480, 1)
	for key, c := range map[string]struct {
		body []byte
		code string
	}{
		"bomb.png":      {phototest.ClaimedPNG(50000, 50000), "image_too_large"},
		"cut.jpg":       {photo[:len(photo)/2], "image_damaged"},
		"page.png":      {[]byte(phototest.HTML), "unsupported_image"},
		"nothing.jpg":   {nil, "unsupported_image"},
		"header.jpg":    {photo[:20], "image_damaged"},
		"polyglot.html": {append([]byte("<script>"), photo...), "unsupported_image"},
	} {
		id := upload(t, shared, key, c.body)
		p := await(t, shared, id)
		if p.State != queue.Failed || p.Code != c.code || p.Reason == "" || p.Attempts != 1 {
			t.Errorf("%s: %+v, want %s at the first attempt", key, p, c.code)
		}
		if n := thumbnails(t, shared, key); n != 0 {
			t.Errorf("%s: %d objects were made all the same", key, n)
		}
		var letters []deadletter.Letter
		system(t.Context(), t, shared, "GET", "/system/dead-letters?function=thumbnail&limit=20", "", &letters)
		found := false
		for _, l := range letters {
			found = found || l.CallID == id && l.Code == c.code
		}
		if !found {
			t.Errorf("%s: no dead letter says why", key)
		}
	}
	id := upload(t, shared, "after.jpg", photo)
	if p := await(t, shared, id); p.State != queue.Succeeded {
		t.Errorf("a good photo afterwards: %+v", p)
	}
}

// The same photo again changes nothing; another one under the same key does.
//
// Seed: B38
func TestUpload_UploadingAgain(t *testing.T) {
	fits(t)
	first, second := phototest.Phone(400, 300, 1), phototest.JPEG(phototest.Scene(400, 300))
	for i, body := range [][]byte{first, first, second} {
		if p := await(t, shared, upload(t, shared, "again.jpg", body)); p.State != queue.Succeeded {
			t.Fatalf("upload %d: %+v", i, p)
		}
	}
	b, _ := thumbnail(t, shared, 100, "again.jpg")
	m, _ := decode(t, b)
	if want := phototest.Scene(400, 300); !near(m.At(50, 10), want.At(200, 40)) {
		t.Errorf("the thumbnail is not of the newest photo: %v", m.At(50, 10))
	}
	if n := thumbnails(t, shared, "again.jpg"); n != 3 {
		t.Errorf("%d objects", n)
	}
}
