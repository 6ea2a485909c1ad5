package browser

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The page works as well when it is opened with the password in its address, which
// fetch does not take.
func TestPage_OpenedWithPasswordInAddress(t *testing.T) {
	tab, _ := openTab(t)
	u, err := url.Parse(one.store.URL + "/ui/")
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(one.store.User, one.store.Password)
	do(t, tab, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(u.String()), chromedp.WaitVisible(chromedp.CSS("#functions")))
	until(t, tab, `document.querySelector('tr[data-name="hello"][data-state="ready"]') !== null`)
	do(t, tab,
		chromedp.Click(chromedp.CSS(`tr[data-name="hello"] [data-try]`)),
		chromedp.SetValue(chromedp.CSS("#body"), `{"name":"Ada"}`),
		chromedp.Click(chromedp.CSS("#send")),
	)
	until(t, tab, `document.getElementById("took").textContent !== "" || document.getElementById("status").textContent === "No answer"`)
	if status, answer := text(t, tab, "#status"), text(t, tab, "#text"); status != "200 OK" || !strings.Contains(answer, "Hello, Ada!") {
		t.Errorf("%s %s", status, answer)
	}
	until(t, tab, `Number(document.querySelector('tr[data-name="hello"] [data-is="calls"]').textContent) > 0`)
	do(t, tab, chromedp.SetUploadFiles(chromedp.CSS("#photo"), []string{photograph(t, "with password.jpg")}))
	until(t, tab, drawn+` === "100,200,400"`)
}
