package ingress

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fnstore/runtime/ingress/ingresstest"
)

// frame is an HTTP/2 frame (RFC 9113 section 4.1).
func frame(kind, flags byte, stream uint32, payload ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	b = binary.BigEndian.AppendUint32(append(b, flags), stream)
	return append(b, payload...)
}

// A client that opens streams and resets them at once (CVE-2023-44487) has no more
// handlers running than one that keeps its word, and its connection ends.
func TestReset_RapidResetsEndTheConnection(t *testing.T) {
	cert, key := ingresstest.Certificate(t, t.TempDir(), "127.0.0.1")
	var running, most atomic.Int64
	end := make(chan struct{})
	url, _ := serve(t, Config{CertFile: cert, KeyFile: key}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-end // as one that does not see that its client has gone
		running.Add(-1)
	}))
	defer close(end)
	c, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute)) // of a test that fails
	go func() {
		const headers, rst, settings, endStreamAndHeaders = 1, 3, 4, 5
		get := append([]byte{0x82, 0x84, 0x87, 0x41, 1}, 'h') // GET / https, and the authority h
		b := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settings, 0, 0)...)
		for id := uint32(1); id < 40*maxStreams; id += 2 {
			b = append(append(b, frame(headers, endStreamAndHeaders, id, get...)...), frame(rst, 0, id, 0, 0, 0, 8)...)
		}
		_, _ = c.Write(b) // the server may not take all of it
	}()
	const goAway, enhanceYourCalm = 7, 11
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(c, head); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection lives")
			}
			break // it ended before its last word was read
		}
		payload := make([]byte, binary.BigEndian.Uint32(head)>>8)
		if _, err := io.ReadFull(c, payload); err != nil {
			break
		}
		if head[3] == goAway {
			if code := binary.BigEndian.Uint32(payload[4:]); code != enhanceYourCalm {
				t.Errorf("it ends with code %d", code)
			}
			break
		}
	}
	if n := most.Load(); n > maxStreams {
		t.Errorf("%d handlers ran", n)
	}
}
