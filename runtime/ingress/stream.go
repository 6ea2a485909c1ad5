package ingress

import (
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// MaxStreamsPerAddress is how many requests one address may have under way over
// HTTP/2, on all of its connections. HTTP/1.1 has one on each connection.
const MaxStreamsPerAddress = 128

// DefaultStreamStall is how long a stream of HTTP/2 may take nothing of its
// answer. It is longer than what a connection has: a client asks for more only
// when it has used half of what it was given, which may be megabytes.
const DefaultStreamStall = time.Minute

// maxPiece is how much of an answer must go within that time, in bytes.
const maxPiece = 16 << 10

// withStreams bounds the HTTP/2 streams of an address, and gives next streams
// whose deadlines are like a connection's: they count while somebody reads or
// writes, and not between. net/http ends a stream at its deadline whatever happens
// then, so a function that thinks for a while would lose its caller. A stream that
// takes nothing ends after stall.
func (in *Ingress) withStreams(next http.Handler, perAddress int, stall time.Duration) http.Handler {
	streams := newPlaces(maxConns*maxStreams, perAddress, in.proxies.contains)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			next.ServeHTTP(w, r)
			return
		}
		leave := streams.enter(addressOf(r.RemoteAddr))
		if leave == nil {
			r.Header.Del(wire.CallID) // it was not checked, and the answer would repeat it
			wire.Fail(w, r, fault.New(fault.Unavailable, "too_many_streams", "%d requests of this address are under way; send it again", perAddress))
			return
		}
		defer leave()
		s := &stream{ResponseWriter: w, control: http.NewResponseController(w), stall: stall}
		if r.ContentLength != 0 {
			r.Body = &streamBody{r.Body, s}
		}
		defer s.end()
		next.ServeHTTP(s, r)
	})
}

// stream is the answer of a stream, and holds the deadlines of both directions.
type stream struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration

	mu    sync.Mutex
	read  deadline
	write deadline
	over  bool // the handler has returned: net/http's writer must not be touched
}

// deadline is one that was set, and whether somebody waits for it.
type deadline struct {
	at      time.Time // zero for none
	waiting bool
}

// Unwrap lets http.ResponseController do everything else.
func (s *stream) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *stream) Write(b []byte) (n int, err error) {
	for {
		piece := b[n:min(len(b), n+maxPiece)]
		sent := 0
		if err := s.writing(func() (err error) { sent, err = s.ResponseWriter.Write(piece); return err }); err != nil {
			return n + sent, err
		}
		if n += sent; n == len(b) {
			return n, nil
		}
	}
}

// FlushError is how http.ResponseController flushes.
func (s *stream) FlushError() error { return s.writing(s.control.Flush) }

// Flush implements http.Flusher.
func (s *stream) Flush() { _ = s.FlushError() } // the next Write says the same

// writing does something that waits for the client to take what was written.
func (s *stream) writing(do func() error) error {
	s.mu.Lock()
	at := s.until()
	if s.over || !at.After(time.Now()) {
		s.mu.Unlock()
		return os.ErrDeadlineExceeded
	}
	s.write.waiting = true
	err := s.control.SetWriteDeadline(at)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	err = do()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write.waiting = false
	_ = s.control.SetWriteDeadline(time.Time{}) // it was supported above
	return err
}

// until is when a write that begins now has to end. The caller holds mu.
func (s *stream) until() time.Time {
	if stall := time.Now().Add(s.stall); s.write.at.IsZero() || stall.Before(s.write.at) {
		return stall
	}
	return s.write.at
}

// SetWriteDeadline is for a write that waits, and those that come.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.write.at = t; s.write.waiting && !s.over {
		return s.control.SetWriteDeadline(s.until())
	}
	return nil
}

// SetReadDeadline is for a Read that waits, and those that come.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read.at = t; s.read.waiting && !s.over {
		return s.control.SetReadDeadline(t)
	}
	return nil
}

// end leaves what is still to be sent the time that a piece has.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	_ = s.control.SetWriteDeadline(time.Now().Add(s.stall)) // supported: every stream has it
}

// streamBody is the body of a stream's request.
type streamBody struct {
	io.ReadCloser
	s *stream
}

func (b *streamBody) Read(p []byte) (int, error) {
	s := b.s
	s.mu.Lock()
	if at := s.read.at; !s.over && !at.IsZero() {
		if !at.After(time.Now()) {
			s.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		}
		_ = s.control.SetReadDeadline(at)
	}
	s.read.waiting = true
	s.mu.Unlock()
	n, err := b.ReadCloser.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read.waiting = false
	if !s.over && !s.read.at.IsZero() {
		_ = s.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
