package ingress

import (
	"bytes"
	"log"
	"strings"
	"testing"
	"time"
)

func TestQuiet_BrokenConnectionsDoNotFillTheLog(t *testing.T) {
	var written bytes.Buffer
	now := time.Unix(0, 0)
	l := log.New(&quiet{to: log.New(&written, "", 0), now: func() time.Time { return now }}, "", 0)
	for range 3 {
		l.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
		l.Print("http2: server connection error from 192.0.2.1:1: EOF")
		l.Print("http: panic serving 192.0.2.1:1: nil")
	}
	now = now.Add(quietFor)
	l.Print("http2: later")
	got := written.String()
	if strings.Count(got, "handshake") != 1 || strings.Count(got, "panic") != 3 || strings.Count(got, "http2: later\n") != 1 || strings.Count(got, "\n") != 5 {
		t.Errorf("%s", got)
	}
}
