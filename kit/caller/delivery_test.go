package caller

import (
	"net/http"
	"testing"
	"time"
)

func TestDelivery_IsOfOneCallAndKey(t *testing.T) {
	h := http.Header{callID: {"one"}}
	MarkDelivery(h, key+"\n"+other)
	if !IsDelivery(h, []string{other, key}) {
		t.Error("not known")
	}
	for name, change := range map[string]func(http.Header){
		"another call":  func(h http.Header) { h.Set(callID, "two") },
		"none":          func(h http.Header) { h.Del(HeaderDelivery) },
		"twice":         func(h http.Header) { h.Add(HeaderDelivery, h.Get(HeaderDelivery)) },
		"no hex":        func(h http.Header) { h.Set(HeaderDelivery, "x"+h.Get(HeaderDelivery)) },
		"another key":   func(h http.Header) { MarkDelivery(h, other) },
		"a short key":   func(h http.Header) { MarkDelivery(h, "short") },
		"empty":         func(h http.Header) { h.Set(HeaderDelivery, "") },
		"a signature's": func(h http.Header) { Sign(h, key, "POST", "/", nil, time.Now()); h.Set(HeaderDelivery, h.Get(Header)) },
	} {
		c := h.Clone()
		change(c)
		if IsDelivery(c, []string{key, "short"}) {
			t.Errorf("%s: taken for a delivery", name)
		}
	}
}
