package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// drawn are the natural widths of the thumbnails of the newest photo.
const drawn = `[...document.querySelectorAll("#shots li:first-child .strip img")].filter((i) => i.complete).map((i) => i.naturalWidth).join()`

// Seed: R35
func TestPhoto_BecomesThumbnails(t *testing.T) {
	tab, _ := visit(t)
	const name = "my photo é+.jpg"
	do(t, tab, chromedp.SetUploadFiles(chromedp.CSS("#photo"), []string{photograph(t, name)}))
	until(t, tab, drawn+` === "100,200,400"`)
	if shot := text(t, tab, "#shots li:first-child"); !strings.Contains(shot, name) || !strings.Contains(shot, "3 thumbnails") {
		t.Errorf("shown: %q", shot)
	}
}

// Seed: R35
func TestPhoto_CanBeDropped(t *testing.T) {
	tab, _ := visit(t)
	const name = "dropped <b> & 日本.jpg"
	at := ask[[]float64](t, tab, `{
		const drop = document.getElementById("drop");
		drop.scrollIntoView({ block: "center" }); // below many functions it is out of sight
		const r = drop.getBoundingClientRect();
		[r.x + r.width / 2, r.y + r.height / 2];
	}`)
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: []string{photograph(t, name)}, DragOperationsMask: 1} // copy
	for _, kind := range []input.DispatchDragEventType{
		input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop,
	} {
		event := input.DispatchDragEventParams{Type: kind, X: at[0], Y: at[1], Data: data}
		if _, err := chromedp.Call(tab, input.DispatchDragEvent, event); err != nil {
			t.Fatal(err)
		}
	}
	until(t, tab, drawn+` === "100,200,400"`)
	if shot := text(t, tab, "#shots li:first-child .file"); shot != name {
		t.Errorf("shown: %q", shot)
	}
}

// Seed: R35
func TestPhotos_RefusedPhotoHasItsReason(t *testing.T) {
	tab, _ := visit(t)
	page := save(t, "holiday.png", []byte("<!doctype html><script>alert(1)</script>"))
	do(t, tab, chromedp.SetUploadFiles(chromedp.CSS("#photo"), []string{page}))
	until(t, tab, `document.querySelector("#shots li.refused") !== null`)
	shot := text(t, tab, "#shots li:first-child")
	if !strings.Contains(shot, "holiday.png") || !strings.Contains(shot, "unsupported_image") {
		t.Errorf("shown: %q", shot)
	}
}

func TestPhotos_ManyPhotosAtOnce(t *testing.T) {
	tab, _ := visit(t)
	var files []string
	for i := range 5 {
		files = append(files, photograph(t, fmt.Sprintf("many-%d.jpg", i)))
	}
	do(t, tab, chromedp.SetUploadFiles(chromedp.CSS("#photo"), files))
	until(t, tab, `document.querySelectorAll("#shots li.made").length === 5`)
}

// The pictures in out/ are for people: what a test cannot see.
func TestPhotos_PageIsPictured(t *testing.T) {
	for _, look := range []struct {
		name   string
		width  int64
		scheme string
	}{{"desktop-light", 1280, "light"}, {"desktop-dark", 1280, "dark"}, {"phone-light", 400, "light"}, {"phone-dark", 400, "dark"}} {
		t.Run(look.name, func(t *testing.T) {
			tab, _ := visit(t, chromedp.EmulateViewport(look.width, 900), scheme(look.scheme))
			shoot(t, tab, look.name+"-first")
			page := save(t, "holiday.png", []byte("<!doctype html><p>no photo"))
			do(t, tab,
				chromedp.Click(chromedp.CSS("#send")),
				chromedp.SetUploadFiles(chromedp.CSS("#photo"), []string{page}),
			)
			until(t, tab, `document.querySelector("#shots li.refused") !== null`)
			do(t, tab, chromedp.SetUploadFiles(chromedp.CSS("#photo"), []string{photograph(t, "my photo é+.jpg")}))
			until(t, tab, drawn+` === "100,200,400"`)
			until(t, tab, `document.getElementById("took").textContent !== ""`)
			shoot(t, tab, look.name)
		})
	}
}

// scheme is light or dark, as a person has chosen for all pages.
func scheme(name string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	})
}
