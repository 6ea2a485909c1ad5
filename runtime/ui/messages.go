package ui

import (
	"bytes"
	"net/http"
)

// messages is the page of the queue: its numbers, and dead letters. Its scripts
// ask for what it shows.
func (p *pages) messages(w http.ResponseWriter, _ *http.Request) error {
	var buf bytes.Buffer
	if err := p.assets.page.ExecuteTemplate(&buf, "messages.html", map[string]any{"Version": p.Version}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(buf.Bytes()) // the browser may be gone
	return nil
}
