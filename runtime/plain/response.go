package plain

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"fnstore/runtime/express"
)

// response is an http.ResponseWriter. As net/http's it finds the length of a
// short answer by itself and sends a long one in chunks, unless the handler has
// said how long it is; it guesses no content type.
type response struct {
	c      *conn
	r      *http.Request
	header http.Header
	said   http.Header   // the headers when the status was said, where the head has to wait
	out    *bufio.Writer // nil until the head is written
	code   int
	held   []byte // of a body whose length is not known yet
	length int64  // that was said; -1 for none
	sent   int64
	chunks bool
	mute   bool // an answer that has no body
	last   bool // no request comes after this one
	broken error
}

// hold is how much of a body is held to learn its length, in bytes.
const hold = 2 << 10

var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, size) }}

func (w *response) Header() http.Header { return w.header }

// WriteHeader says the status, and that the headers are as they are. 1xx answers
// are not sent.
func (w *response) WriteHeader(code int) {
	if w.code != 0 || code < 200 {
		return
	}
	w.code = code
	if _, said := w.header["Content-Length"]; said || bodiless(code) {
		w.begin(w.header)
	} else {
		w.said = w.header.Clone()
	}
}

// bodiless answers end with their head (RFC 9110 section 6.4.1).
func bodiless(code int) bool { return code == http.StatusNoContent || code == http.StatusNotModified }

func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.out == nil {
		if len(w.held)+len(b) <= hold {
			w.held = append(w.held, b...)
			return len(b), nil
		}
		w.begin(w.said)
	}
	return w.write(b)
}

func (w *response) write(b []byte) (int, error) {
	switch {
	case w.broken != nil:
		return 0, w.broken
	case w.mute && w.r.Method == http.MethodHead:
		return len(b), nil
	case w.mute:
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.sent+int64(len(b)) > w.length:
		return 0, http.ErrContentLength
	case len(b) == 0:
		return 0, nil
	}
	w.sent += int64(len(b))
	if w.chunks {
		var digits [16]byte
		_, _ = w.out.Write(strconv.AppendInt(digits[:0], int64(len(b)), 16))
		_, _ = w.out.WriteString("\r\n")
	}
	n, err := w.out.Write(b)
	if w.chunks && err == nil {
		_, err = w.out.WriteString("\r\n")
	}
	w.broken = err
	return n, err
}

// begin writes the head, and what was held after it.
func (w *response) begin(h http.Header) {
	w.out = writers.Get().(*bufio.Writer)
	w.out.Reset(w.c)
	w.mute = w.r.Method == http.MethodHead || bodiless(w.code)
	w.length = -1
	if v := h["Content-Length"]; len(v) > 0 {
		n, err := strconv.ParseInt(v[0], 10, 64)
		if len(v) > 1 || err != nil || n < 0 {
			delete(h, "Content-Length")
		} else {
			w.length = n
		}
	}
	if bodiless(w.code) {
		delete(h, "Content-Length")
	}
	if w.code == http.StatusNotModified {
		delete(h, "Content-Type")
	}
	w.chunks = !w.mute && w.length < 0
	for _, v := range h["Connection"] {
		w.last = w.last || strings.EqualFold(v, "close")
	}
	_, _ = w.out.WriteString("HTTP/1.1 ")
	_, _ = w.out.WriteString(strconv.Itoa(w.code))
	_, _ = w.out.WriteString(" ")
	_, _ = w.out.WriteString(http.StatusText(w.code))
	_, _ = w.out.WriteString("\r\n")
	writeHeader(w.out, h)
	if w.chunks {
		_, _ = w.out.WriteString("Transfer-Encoding: chunked\r\n")
	}
	if w.last {
		_, _ = w.out.WriteString("Connection: close\r\n")
	}
	if _, ok := h["Date"]; !ok {
		_, _ = w.out.WriteString(express.Date(time.Now()))
	}
	_, _ = w.out.WriteString("\r\n")
	if held := w.held; len(held) > 0 {
		w.held = nil
		_, _ = w.write(held)
	}
}

// finish completes the answer and tells whether it is whole.
func (w *response) finish() bool {
	w.WriteHeader(http.StatusOK)
	if w.out == nil {
		if w.r.Method != http.MethodHead || len(w.held) > 0 {
			w.said["Content-Length"] = []string{strconv.Itoa(len(w.held))}
		}
		w.begin(w.said)
	}
	if w.chunks && w.broken == nil {
		_, _ = w.out.WriteString("0\r\n")
		writeHeader(w.out, w.trailers())
		_, _ = w.out.WriteString("\r\n")
	}
	if err := w.out.Flush(); err != nil || w.broken != nil || !w.mute && w.length >= 0 && w.sent != w.length {
		return false
	}
	return true
}

// trailers are the headers that the head announced as such.
func (w *response) trailers() http.Header {
	t := http.Header{}
	for _, list := range w.header["Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if v, ok := w.header[name]; ok {
				t[name] = v
			}
		}
	}
	return t
}

func (w *response) release() {
	if w.out != nil {
		w.out.Reset(nil)
		writers.Put(w.out)
		w.out = nil
	}
}

// FlushError implements what http.ResponseController asks for.
func (w *response) FlushError() error {
	w.WriteHeader(http.StatusOK)
	if w.out == nil {
		w.begin(w.said)
	}
	if w.broken == nil {
		w.broken = w.out.Flush()
	}
	return w.broken
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// SetWriteDeadline bounds the writes that follow, to a tick.
func (w *response) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		w.c.writeUntil.Store(0)
	} else {
		w.c.writeUntil.Store(t.UnixNano())
	}
	return nil
}

// SetReadDeadline has nothing to do: a plain request has been read.
func (w *response) SetReadDeadline(time.Time) error { return nil }

// EnableFullDuplex has nothing to do either.
func (w *response) EnableFullDuplex() error { return nil }
