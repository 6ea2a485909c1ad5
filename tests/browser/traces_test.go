package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A photo that is none: its dead letter leads to its journey; the list of failed
// calls has it, and a search by call id finds it.
//
// Seed: R33
func TestTraces_Waterfall(t *testing.T) {
	tab, heard := visit(t)
	fail(t, tab, 1)
	messages(t, tab)
	until(t, tab, `document.querySelectorAll("#list tr").length >= 1`)
	do(t, tab, chromedp.Click(chromedp.CSS("#list tr:first-child button")))
	until(t, tab, `document.getElementById("one").open`)
	id := ask[string](t, tab, `document.querySelector('#facts a[href^="/ui/traces#"]').textContent`)
	do(t, tab, chromedp.Navigate(one.store.URL+"/ui/traces#"+id), chromedp.WaitVisible(chromedp.CSS("#shown")))
	until(t, tab, `document.querySelectorAll("#steps tr").length >= 5`)
	for _, want := range []string{"object store", "message (object)", "waited in the queue", "attempt 1", "gateway", "function", "unsupported_image"} {
		if shown := text(t, tab, "#steps"); !strings.Contains(shown, want) {
			t.Errorf("the waterfall lacks %q: %q", want, shown)
		}
	}
	until(t, tab, `document.querySelectorAll("#lines li").length >= 1`)
	if text(t, tab, "#summary"); ask[string](t, tab, `document.getElementById("summary").dataset.state`) != "failed" {
		t.Error("it is not shown as failed")
	}
	inside := `[...document.querySelectorAll("#steps rect")].every((r) => r.x.baseVal.value >= 0 && r.x.baseVal.value + r.width.baseVal.value <= 1000.5)`
	if !ask[bool](t, tab, inside) {
		t.Error("a bar lies outside of its track")
	}
	shoot(t, tab, "traces")

	do(t, tab, chromedp.Click(chromedp.CSS(`[data-which="failed"]`)))
	until(t, tab, `document.querySelector('#list tr[data-failed] a[href="#`+id+`"]') !== null`)
	do(t, tab, chromedp.SetValue(chromedp.CSS("#call"), "nobody-knows"), chromedp.Click(chromedp.CSS("#search button")))
	until(t, tab, `document.getElementById("said").textContent.includes("trace_not_found")`)
	for _, c := range heard.all() { // the browser mentions every 404
		if !strings.Contains(c, "404") || !strings.Contains(c, "nobody-knows") {
			t.Error(c)
		}
	}
	do(t, tab, chromedp.SetValue(chromedp.CSS("#call"), id), chromedp.Click(chromedp.CSS("#search button")))
	until(t, tab, `!document.getElementById("shown").hidden && document.querySelectorAll("#steps tr").length >= 5`)
}
