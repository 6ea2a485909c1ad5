package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"fnstore/runtime/gateway"
)

// What changed is told, once to each; what was only asked for, or refused, is not.
func TestChanges_AreTold(t *testing.T) {
	var c changes
	heard := 0
	c.subscribe(func() { heard++ })
	c.subscribe(func() { heard++ })
	var answer error
	routes := c.withNotify([]gateway.Route{
		{Pattern: "GET /a", Serve: func(http.ResponseWriter, *http.Request) error { return answer }},
		{Pattern: "POST /b", Serve: func(http.ResponseWriter, *http.Request) error { return answer }},
	})
	call := func(i int, method string) int {
		heard = 0
		_ = routes[i].Serve(httptest.NewRecorder(), httptest.NewRequest(method, "/", nil))
		return heard
	}
	if call(0, "GET") != 0 || call(1, "POST") != 2 {
		t.Error("a change is told to both, a question to nobody")
	}
	answer = errors.New("refused")
	if call(1, "POST") != 0 {
		t.Error("what was refused has not changed anything")
	}
	heard = 0
	p := notifyingProvider{changes: &c}
	if p.notifyUnless(answer) != answer || heard != 0 || p.notifyUnless(nil) != nil || heard != 2 {
		t.Errorf("heard %d", heard)
	}
}
