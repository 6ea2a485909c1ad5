package browser

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Seed: R28
func TestPage_FunctionsAreSeenReady(t *testing.T) {
	tab, _ := visit(t)
	for _, name := range []string{"hello", "thumbnail"} {
		until(t, tab, fmt.Sprintf(`document.querySelector('tr[data-name="%s"][data-state="ready"]') !== null`, name))
		if row := text(t, tab, fmt.Sprintf(`tr[data-name="%s"]`, name)); !strings.Contains(row, "1/1") || !strings.Contains(row, "fnstore/"+name+":") {
			t.Errorf("%s: %q", name, row)
		}
	}
}

// Seed: R28
func TestPage_HelloAnswers(t *testing.T) {
	tab, _ := visit(t)
	do(t, tab,
		chromedp.Click(chromedp.CSS(`tr[data-name="hello"] [data-try]`)),
		chromedp.SetValue(chromedp.CSS("#body"), `{"name":"Ada"}`),
		chromedp.Click(chromedp.CSS("#send")),
	)
	until(t, tab, `document.getElementById("took").textContent !== ""`)
	if status := text(t, tab, "#status"); status != "200 OK" {
		t.Errorf("status: %s", status)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(text(t, tab, "#text")), &got); err != nil || got["message"] != "Hello, Ada!" {
		t.Errorf("answer: %v %v", got, err)
	}
	for _, header := range []string{"X-Call-Id", "X-Duration-Seconds"} {
		if worth := text(t, tab, "#worth"); !strings.Contains(worth, header) {
			t.Errorf("%s is not shown: %s", header, worth)
		}
	}
	until(t, tab, `Number(document.querySelector('tr[data-name="hello"] [data-is="calls"]').textContent) > 0`)
}

func TestPage_CallsWorkFromTheKeyboard(t *testing.T) {
	tab, _ := visit(t)
	do(t, tab,
		chromedp.Click(chromedp.CSS(`tr[data-name="hello"] [data-try]`)),
		chromedp.Focus(chromedp.CSS("#path")),
		chromedp.SendKeys(chromedp.CSS("#path"), "?name=Grace"),
		chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), // over the content type, into the body
		chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierCtrl)),
	)
	until(t, tab, `document.getElementById("took").textContent !== ""`)
	if status := text(t, tab, "#status"); status != "200 OK" {
		t.Errorf("status: %s %s", status, text(t, tab, "#text"))
	}
}

func TestPage_AnswersAreTextWhateverTheyAre(t *testing.T) {
	tab, _ := visit(t)
	do(t, tab,
		chromedp.Click(chromedp.CSS(`tr[data-name="hello"] [data-try]`)),
		chromedp.SetValue(chromedp.CSS("#body"), `{"name":"<img src=x onerror=alert(1)>"}`),
		chromedp.Click(chromedp.CSS("#send")),
	)
	until(t, tab, `document.getElementById("took").textContent !== ""`)
	children := ask[int](t, tab, `document.getElementById("text").childElementCount`)
	if got := text(t, tab, "#text"); children != 0 || !strings.Contains(got, "onerror") {
		t.Errorf("%d elements in %s", children, got)
	}
}

func TestPage_MistakesAreSaid(t *testing.T) {
	tab, heard := visit(t)
	do(t, tab, chromedp.SetValue(chromedp.CSS("#path"), "/%zz"), chromedp.Click(chromedp.CSS("#send")))
	until(t, tab, `document.getElementById("took").textContent.includes("bad_path")`)
	for _, c := range heard.all() { // the browser mentions every 400
		if !strings.Contains(c, "status of 400") {
			t.Error(c)
		}
	}
}

// A page without inline code has a policy that says so; this shows that the
// browser holds it, and that the tests here would hear of a breach.
func TestPage_InlineCodeDoesNotRun(t *testing.T) {
	tab, heard := visit(t)
	ask[chromedp.Void](t, tab, `{
		const s = document.createElement("script");
		s.textContent = "window.ran = true";
		document.body.append(s);
	}`)
	ran := ask[bool](t, tab, `window.ran === true`)
	if found := heard.all(); ran || len(found) == 0 || !strings.Contains(found[0], "Content Security Policy") {
		t.Errorf("ran: %v, heard: %v", ran, found)
	}
}

func TestPage_EveryControlHasAName(t *testing.T) {
	tab, _ := visit(t)
	nameless := ask[[]string](t, tab, `[...document.querySelectorAll("input, select, textarea, button")]
		.filter((e) => !(e.labels?.length || e.textContent.trim() && e.tagName === "BUTTON"))
		.map((e) => e.outerHTML)`)
	if len(nameless) > 0 {
		t.Errorf("without a label: %v", nameless)
	}
}

func TestPage_NothingSticksOutOnSmallScreens(t *testing.T) {
	for _, width := range []int64{320, 400, 768} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			tab, _ := visit(t, chromedp.EmulateViewport(width, 800, chromedp.EmulateMobile))
			if wide := ask[int64](t, tab, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("the page is %d wide", wide)
			}
		})
	}
}
