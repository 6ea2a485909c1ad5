package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// fail makes dead letters: photos that are none.
func fail(t *testing.T, tab context.Context, n int) {
	t.Helper()
	var files []string
	for i := range n {
		files = append(files, save(t, fmt.Sprintf("none-%d.png", i), []byte("<p>no photo, the key is a secret")))
	}
	do(t, tab, chromedp.SetUploadFiles(chromedp.CSS("#photo"), files))
	until(t, tab, fmt.Sprintf(`document.querySelectorAll("#shots li.refused").length === %d`, n))
}

func messages(t *testing.T, tab context.Context) {
	t.Helper()
	do(t, tab, chromedp.Navigate(one.store.URL+"/ui/messages"), chromedp.WaitVisible(chromedp.CSS("#letters")))
}

// confirm says yes to how many a retry or purge is of.
func confirm(t *testing.T, tab context.Context, want string) {
	t.Helper()
	until(t, tab, `document.getElementById("sure").open`)
	if got := text(t, tab, "#sure-text"); got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	do(t, tab, chromedp.Click(chromedp.CSS("#yes")))
}

// jobDone waits for the newest job to end well.
func jobDone(t *testing.T, tab context.Context, kind string) {
	t.Helper()
	until(t, tab, fmt.Sprintf(`/^%s \d+: \d+ of \d+, done$/.test(document.querySelector("#jobs li .what")?.textContent ?? "")`, kind))
}

// Seed: R42
func TestDeadLetters_ShownRetriedPurged(t *testing.T) {
	tab, _ := visit(t)
	fail(t, tab, 3)
	messages(t, tab)
	until(t, tab, `document.querySelectorAll("#list tr").length >= 3`)
	if row := text(t, tab, "#list tr:first-child"); !strings.Contains(row, "thumbnail") || !strings.Contains(row, "unsupported_image") {
		t.Errorf("shown: %q", row)
	}
	until(t, tab, `Number(document.querySelector('#numbers tr[data-name="thumbnail"] .dead .value')?.textContent) >= 3`)

	do(t, tab, chromedp.Click(chromedp.CSS("#list tr:first-child button")))
	until(t, tab, `document.getElementById("one").open`)
	for _, want := range []string{"unsupported_image", "POST /", "fnstore/thumbnail"} {
		if shown := text(t, tab, "#one"); !strings.Contains(shown, want) {
			t.Errorf("the letter lacks %s: %q", want, shown)
		}
	}
	if body := text(t, tab, "#body"); !strings.Contains(body, "none-") {
		t.Errorf("body: %q", body)
	}
	shoot(t, tab, "messages-letter")
	do(t, tab, chromedp.Click(chromedp.CSS("#one-retry")))
	confirm(t, tab, "Send 1 dead letter again?")
	jobDone(t, tab, "Retry")

	do(t, tab, chromedp.SetValue(chromedp.CSS("#function"), "hello"), chromedp.Click(chromedp.CSS("#show")))
	until(t, tab, `!document.getElementById("nothing").hidden`)
	do(t, tab, chromedp.SetValue(chromedp.CSS("#function"), "thumbnail"), chromedp.SetValue(chromedp.CSS("#code"), "unsupported_image"), chromedp.Click(chromedp.CSS("#show")))
	until(t, tab, `document.querySelectorAll("#list tr").length >= 3`) // what was retried has failed again
	do(t, tab, chromedp.Click(chromedp.CSS("#list tr:first-child input")))
	until(t, tab, `document.getElementById("scope").textContent === "1 is chosen."`)
	until(t, tab, `document.querySelector('tr[data-name="thumbnail"] .dead polyline').getAttribute("points").split(" ").length > 3`) // the numbers come anew by themselves
	shoot(t, tab, "messages")
	do(t, tab, chromedp.Click(chromedp.CSS("#purge")))
	confirm(t, tab, "Delete 1 dead letter for ever?")
	jobDone(t, tab, "Purge")
	until(t, tab, `document.getElementById("scope").textContent.startsWith("None")`)
	do(t, tab, chromedp.Click(chromedp.CSS("#purge")))
	until(t, tab, `document.getElementById("sure").open`)
	do(t, tab, chromedp.Click(chromedp.CSS("#yes")))
	until(t, tab, `!document.getElementById("nothing").hidden`)
}

func TestPausedFunction_SaidAndResumed(t *testing.T) {
	tab, _ := visit(t)
	fail(t, tab, 1)
	messages(t, tab)
	const row = `#numbers tr[data-name="thumbnail"]`
	until(t, tab, `document.querySelector('`+row+` [data-act="pause"]') !== null`)
	do(t, tab, chromedp.Click(chromedp.CSS(row+" [data-act]")))
	until(t, tab, `document.querySelector('`+row+`')?.dataset.state === "paused"`)
	if shown := text(t, tab, row); !strings.Contains(shown, "Paused since") {
		t.Errorf("shown: %q", shown)
	}
	shoot(t, tab, "messages-paused")
	do(t, tab, chromedp.Navigate(one.store.URL+"/ui/"), chromedp.WaitVisible(chromedp.CSS("#functions")))
	until(t, tab, `document.querySelector('tr[data-name="thumbnail"] [data-is="queue"]').textContent === "Messages are paused"`)
	if out, err := one.store.Command("list").CombinedOutput(); err != nil || !strings.Contains(string(out), "paused") {
		t.Errorf("fnstore list: %s %v", out, err)
	}
	messages(t, tab)
	until(t, tab, `document.querySelector('`+row+` [data-act="resume"]') !== null`)
	do(t, tab, chromedp.Click(chromedp.CSS(row+" [data-act]")))
	until(t, tab, `(document.querySelector('`+row+`')?.dataset.state ?? "") === ""`)
}

func TestMessages_EveryControlHasANameAndNothingSticksOut(t *testing.T) {
	tab, _ := visit(t)
	fail(t, tab, 1)
	messages(t, tab)
	until(t, tab, `document.querySelectorAll("#list tr").length > 0`)
	nameless := ask[[]string](t, tab, `[...document.querySelectorAll("input, select, textarea, button")]
		.filter((e) => !(e.labels?.length || e.ariaLabel || e.id === "yes" || e.textContent.trim() && e.tagName === "BUTTON"))
		.map((e) => e.outerHTML)`)
	if len(nameless) > 0 {
		t.Errorf("without a label: %v", nameless)
	}
	for _, width := range []int64{320, 768, 400} {
		do(t, tab, chromedp.EmulateViewport(width, 800, chromedp.EmulateMobile))
		if wide := ask[int64](t, tab, `document.documentElement.scrollWidth`); wide > width {
			t.Errorf("the page is %d wide at %d", wide, width)
		}
	}
	shoot(t, tab, "messages-phone")
}
