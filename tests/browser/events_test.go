package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Schedules are shown, paused, resumed and run; the picture has what the stack file
// says.
func TestEvents_SchedulesAndGraph(t *testing.T) {
	tab, _ := visit(t)
	do(t, tab, chromedp.Navigate(one.store.URL+"/ui/events"), chromedp.WaitVisible(chromedp.CSS("#schedules")))
	const row = `document.querySelector('#list tr[data-function="maintenance"]')`
	until(t, tab, row+` !== null`)
	until(t, tab, row+`.querySelector(".last").textContent !== "–"`) // the connector has begun with it
	until(t, tab, `!isNaN(Date.parse(`+row+`.querySelector(".next").textContent))`)

	act := func(label string) {
		t.Helper()
		do(t, tab, chromedp.Click(chromedp.CSS(`#list tr[data-function="maintenance"] button[data-act="`+label+`"]`)))
	}
	act("pause")
	until(t, tab, row+`.querySelector(".next").textContent === "paused"`)
	act("resume")
	until(t, tab, `!isNaN(Date.parse(`+row+`.querySelector(".next").textContent))`)
	act("run")
	until(t, tab, `/^maintenance is called now: call \S+\.$/.test(document.getElementById("said").textContent)`)

	until(t, tab, `document.querySelectorAll("#picture g[data-kind=function]").length >= 3`)
	for _, want := range []string{"bucket:uploads/ calls function:thumbnail", "function:thumbnail calls bucket:thumbnails/", "calls function:maintenance"} {
		if title := ask[string](t, tab, `document.querySelector("#picture > title").textContent`); !strings.Contains(title, want) {
			t.Errorf("the picture lacks %q: %s", want, title)
		}
	}
	shoot(t, tab, "events")
}
