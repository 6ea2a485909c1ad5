package topic

import (
	"net/http"
	"strings"
	"testing"

	"fnstore/kit/fault"
)

func TestAnswer_Message(t *testing.T) {
	whole := Answer{
		Sends:  "hello, topic:orders",
		Asked:  http.Header{"X-Fnstore-Hops": {"3"}},
		Header: http.Header{HeaderPublish: {"orders"}, HeaderAttributes: {`{"total":12345678901234567890}`}, "Content-Type": {"text/csv"}, "Set-Cookie": {"a=b"}},
		Body:   []byte("1,2"),
	}
	n, err := whole.Message()
	if err != nil || n.Function != "topic:orders" || string(n.Body) != "1,2" || !n.Trusted {
		t.Fatalf("%+v, %v", n, err)
	}
	want := http.Header{"X-Fnstore-Hops": {"4"}, HeaderAttributes: {`{"total":12345678901234567890}`}, "Content-Type": {"text/csv"}}
	if len(n.Headers) != len(want) {
		t.Errorf("headers %v", n.Headers)
	}
	for k, v := range want {
		if got := n.Headers[k]; len(got) != 1 || got[0] != v[0] {
			t.Errorf("%s: %v, want %v", k, got, v)
		}
	}
	for code, change := range map[string]func(*Answer){
		"bad_publication 1":     func(a *Answer) { a.Header[HeaderPublish] = []string{"no topic"} },
		"bad_publication 2":     func(a *Answer) { a.Header[HeaderPublish] = []string{"orders", "orders"} },
		"bad_publication 3":     func(a *Answer) { a.Header[HeaderAttributes] = []string{`{"a":{}}`} },
		"bad_publication 4":     func(a *Answer) { a.Header[HeaderAttributes] = []string{`{}`, `{}`} },
		"publish_not_allowed 1": func(a *Answer) { a.Header[HeaderPublish] = []string{"order"} },
		"publish_not_allowed 2": func(a *Answer) { a.Sends = "" },
		"publish_not_allowed 3": func(a *Answer) { a.Sends = "orders" },
		"publish_too_large":     func(a *Answer) { a.Body = make([]byte, MaxAnswer+1) },
		"too_many_hops":         func(a *Answer) { a.Asked = http.Header{"X-Fnstore-Hops": {"16"}} },
	} {
		a := whole
		a.Header = whole.Header.Clone()
		change(&a)
		if _, err := a.Message(); fault.Of(err).Code != strings.Fields(code)[0] || fault.Of(err).Kind != fault.BadGateway {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestAnswer_AsksAndStrip(t *testing.T) {
	h := http.Header{HeaderPublish: {"orders"}, HeaderAttributes: {"{}"}, "Content-Type": {"text/csv"}}
	if !Asks(201, h) || Asks(302, h) || Asks(500, h) || Asks(200, http.Header{}) {
		t.Error("a success with the header is published, and nothing else")
	}
	if Strip(h); len(h) != 1 {
		t.Errorf("left: %v", h)
	}
}
