package ui

import (
	"bytes"
	"net/http"
)

// messages is the page of the queue: its numbers, and dead letters.
func (p *pages) messages(w http.ResponseWriter, _ *http.Request) error {
	return p.render(w, "messages.html")
}

// events is the page of schedules, and of which event calls which function.
func (p *pages) events(w http.ResponseWriter, _ *http.Request) error {
	return p.render(w, "events.html")
}

// traces is the page of calls and their journeys.
func (p *pages) traces(w http.ResponseWriter, _ *http.Request) error {
	return p.render(w, "traces.html")
}

// render answers with a page whose scripts ask for what it shows.
func (p *pages) render(w http.ResponseWriter, name string) error {
	var buf bytes.Buffer
	if err := p.assets.page.ExecuteTemplate(&buf, name, p.Config); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(buf.Bytes()) // the browser may be gone
	return nil
}
