package golden

import (
	"io"
	"net/http"
	"testing"
)

func TestGolden_RunPlaysEveryFile(t *testing.T) {
	played := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		played++
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("X-Not-Compared", "1")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, r.Method+" "+r.Host+r.URL.RequestURI()+" "+r.Header.Get("X-A")+" "+string(body))
	})
	Run(t, h, "testdata")
	if played != 2 {
		t.Errorf("played %d cases, want 2", played)
	}
}

func TestGolden_ParseRefuses(t *testing.T) {
	for name, raw := range map[string]string{
		"no dashes":      "GET / HTTP/1.1\n\n",
		"no target":      "GET\n----\nHTTP/1.1 200 OK\n",
		"bad method":     "G(T / HTTP/1.1\n----\nHTTP/1.1 200 OK\n",
		"bad header":     "GET / HTTP/1.1\nnothing\n----\nHTTP/1.1 200 OK\n",
		"no status":      "GET / HTTP/1.1\n----\nHTTP/1.1 OK\n",
		"absurd status":  "GET / HTTP/1.1\n----\nHTTP/1.1 99999 OK\n",
		"relative path":  "GET a HTTP/1.1\n----\nHTTP/1.1 200 OK\n",
		"empty request":  "----\nHTTP/1.1 200 OK\n",
		"answer missing": "GET / HTTP/1.1\n----\n",
	} {
		if c, err := Parse([]byte(raw)); err == nil {
			t.Errorf("%s: parsed as %+v", name, c)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("GET /?a=b HTTP/1.1\nX-A: 1\n\nbody\n----\nHTTP/1.1 200 OK\nA: b\n\nanswer"))
	f.Add([]byte("\n----\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Parse(raw)
		if err == nil && (c.Method == "" || c.Status < 100) {
			t.Errorf("accepted %q as %+v", raw, c)
		}
	})
}
