// Package browser looks at the store's page with the eyes of a person: in
// Chromium, at a store that was started as people start it.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"fnstore/tests/storetest"
)

// patience bounds every wait of a test.
const patience = 90 * time.Second

// one is the store and the browser that all tests here share.
var one struct {
	sync.Once
	store   *storetest.Store
	browser context.Context
	quit    []func() error
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	for i := len(one.quit) - 1; i >= 0; i-- {
		if err := one.quit[i](); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var errNoBrowser = errors.New("chromium is not installed; `sh scripts/deps.sh test` installs it")

func open() {
	chromium, err := lookPath("chromium", "chromium-browser", "google-chrome")
	if err != nil {
		one.err = err
		return
	}
	if one.store, one.err = storetest.Open(); one.err != nil {
		return
	}
	one.quit = append(one.quit, one.store.Close)
	profile, err := os.MkdirTemp("", "fnstore-browser-")
	if err != nil {
		one.err = err
		return
	}
	one.quit = append(one.quit, func() error { return os.RemoveAll(profile) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium),
		chromedp.UserDataDir(profile),
		chromedp.NoSandbox, // the one site it sees is ours, and root has no other way
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
	)
	allocator, closeAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	browser, closeBrowser := chromedp.NewContext(allocator)
	one.browser = browser
	one.quit = append(one.quit, func() error { closeBrowser(); closeAllocator(); return nil })
	one.err = chromedp.Do(browser) // starts it
}

func lookPath(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoBrowser
}

// visit opens the page in a tab of its own, as the operator, and gives a
// context that ends with the test. What the browser complains of fails the test.
func visit(t *testing.T, before ...step) (context.Context, *complaints) {
	t.Helper()
	tab, heard := openTab(t)
	logIn(t, tab, one.store.User, one.store.Password)
	do(t, tab, chromedp.EmulateViewport(1280, 900))
	do(t, tab, before...)
	do(t, tab, chromedp.Navigate(one.store.URL+"/ui/"), chromedp.WaitVisible(chromedp.CSS("#functions")))
	return tab, heard
}

// openTab opens an empty tab. What the browser complains of fails the test.
func openTab(t *testing.T) (context.Context, *complaints) {
	t.Helper()
	one.Do(open)
	if errors.Is(one.err, errNoBrowser) && os.Getenv("CI") != "true" {
		t.Skip(one.err)
	}
	if one.err != nil {
		storetest.Absent(t, one.err)
	}
	tab, cancel := chromedp.NewContext(one.browser)
	t.Cleanup(cancel)
	do(t, tab) // the tab lives as long as the context of the first call
	tab, stop := context.WithTimeout(tab, patience)
	t.Cleanup(stop)
	heard := &complaints{}
	if err := chromedp.Listen(tab, heard.hear); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range heard.all() {
			t.Errorf("the browser complains: %s", c)
		}
		if t.Failed() {
			shoot(t, tab, "failed-"+strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")))
		}
	})
	return tab, heard
}

// step is something that is done and gives nothing.
type step = chromedp.Action[chromedp.Void]

// logIn answers the browser when it asks for a password, as a person would.
func logIn(t *testing.T, tab context.Context, user, password string) {
	t.Helper()
	paused, asked := chromedp.Events(tab, fetch.RequestPaused), chromedp.Events(tab, fetch.AuthRequired)
	yes := true
	if _, err := chromedp.Call(tab, fetch.Enable, fetch.EnableParams{HandleAuthRequests: &yes}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for ev, err := range paused {
			if err != nil {
				return // the tab is gone
			}
			// An error means that the page has dropped the request.
			_, _ = chromedp.Call(tab, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: ev.RequestID})
		}
	}()
	go func() {
		for ev, err := range asked {
			if err != nil {
				return
			}
			_, _ = chromedp.Call(tab, fetch.ContinueWithAuth, fetch.ContinueWithAuthParams{
				RequestID: ev.RequestID,
				AuthChallengeResponse: &fetch.AuthChallengeResponse{
					Response: fetch.AuthChallengeResponseResponseProvideCredentials, Username: user, Password: password,
				},
			})
		}
	}()
}

// complaints is what the browser says at its console: errors and warnings of
// scripts, failed loads, violations of the content security policy.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) hear(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		c.add(ev.ExceptionDetails.Text + " " + ev.ExceptionDetails.Exception.Description)
	case *runtime.EventConsoleAPICalled:
		switch ev.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning, runtime.ConsoleAPICalledTypeAssert:
			for _, arg := range ev.Args {
				c.add(fmt.Sprintf("console %s: %s %s", ev.Type, arg.Value, arg.Description))
			}
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError || ev.Entry.Level == log.EntryLevelWarning {
			c.add(fmt.Sprintf("%s %s: %s %s", ev.Entry.Source, ev.Entry.Level, ev.Entry.Text, ev.Entry.URL))
		}
	}
}

func (c *complaints) add(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, s)
}

// all gives the complaints and forgets them.
func (c *complaints) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

func do(t *testing.T, tab context.Context, steps ...step) {
	t.Helper()
	if err := chromedp.Do(tab, steps...); err != nil {
		t.Fatal(err)
	}
}

// ask evaluates an expression in the page.
func ask[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression of the page's to be true.
func until(t *testing.T, tab context.Context, expression string) {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingTimeout(patience))); err != nil {
		t.Fatalf("waited for %s: %v", expression, err)
	}
}

// text is an element's text as it is seen.
func text(t *testing.T, tab context.Context, selector string) string {
	t.Helper()
	s, err := chromedp.Run(tab, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		t.Fatalf("text of %s: %v", selector, err)
	}
	return s
}

// shoot takes a picture of the whole page, for people to look at.
func shoot(t *testing.T, tab context.Context, name string) {
	t.Helper()
	png, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err != nil {
		t.Logf("no picture %s: %v", name, err)
		return
	}
	if err := os.MkdirAll("out", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("out", name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
