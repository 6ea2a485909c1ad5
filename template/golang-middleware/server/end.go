package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// internalValue marks an answer as made by the server and not by the function;
// it is the value that clients of of-watchdog see.
const internalValue = "of-watchdog"

// Grace for a connection that is given up: how long the 504 may take to leave,
// and how long the client may take to read it before the connection closes.
const (
	lastWrite = 5 * time.Second
	linger    = 500 * time.Millisecond
)

// panicked is what is known about a handler that did not return by itself.
type panicked struct{ value, stack string }

// problem is the body of the answers that the server makes itself (RFC 9457).
func problem(status int, code, detail, callID string) []byte {
	return []byte(`{"type":"about:blank","title":"` + http.StatusText(status) + `","status":` + strconv.Itoa(status) +
		`,"detail":"` + detail + `","code":"` + code + `","call_id":"` + callID + `"}` + "\n")
}

// expire runs when the deadline has passed. Who decides that the call ends here
// ends its context too, and with it the connection's.
func (c *call) expire() {
	c.ending.Lock()
	defer c.ending.Unlock()
	switch {
	case c.state.CompareAndSwap(fresh, expired):
		c.link.life.end()
		c.status.Store(http.StatusGatewayTimeout)
		c.log("exec_timeout", nil)
		c.say504()
	case c.state.CompareAndSwap(begun, aborted):
		c.link.life.end()
		c.log("exec_timeout", nil)
		reset(c.link)
	}
}

// say504 answers on the connection itself and closes our half. The handler may
// still be reading or about to write: its reads fail at once, its writes are
// refused by begin.
func (c *call) say504() {
	conn := c.link
	body := problem(http.StatusGatewayTimeout, "exec_timeout", "the function did not answer within "+c.limit.String(), c.id)
	var buf [24]byte
	head := "HTTP/1.1 504 Gateway Timeout\r\nConnection: close\r\nContent-Type: application/problem+json\r\n" +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n" +
		internalHeader + ": " + internalValue + "\r\n" + callIDHeader + ": " + c.id + "\r\n" +
		durationHeader + ": " + string(appendSeconds(buf[:0], time.Since(c.start))) + "\r\n\r\n"
	if c.method == http.MethodHead {
		body = nil
	}
	conn.SetWriteDeadline(time.Now().Add(lastWrite))
	conn.Write(append([]byte(head), body...))
	conn.CloseWrite()
	conn.SetReadDeadline(time.Unix(1, 0))
	// Closed later: bytes of the request that nobody reads would turn the
	// close into a reset, and the client might never see the 504.
	time.AfterFunc(linger, func() { conn.Close() })
}

// reset ends a connection so that the client cannot take a part of an answer
// for the whole of it.
func reset(k *link) {
	if tcp, ok := k.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	k.Close()
}

// end decides how the call ended, from what recover gave. A handler that left
// by panic(nil) or runtime.Goexit gave nil and did not return.
func (c *call) end(value interface{}) {
	if !c.returned {
		c.broken(value)
		return
	}
	if c.state.Load() == fresh {
		c.WriteHeader(http.StatusOK) // or the 504, when the deadline has passed
	}
	if c.state.CompareAndSwap(begun, done) {
		c.log("", nil)
	}
}

// broken answers 500 for a handler that did not return, unless its answer had
// begun; then the connection is reset. The process lives on either way.
func (c *call) broken(value interface{}) {
	p := &panicked{value: fmt.Sprint(value), stack: string(debug.Stack())}
	switch {
	case value == nil:
		p.value = "the handler left by runtime.Goexit or panic(nil)"
	case value == http.ErrAbortHandler:
		p.stack = "" // meant, not a mistake
	}
	if c.state.Load() == begun && c.state.CompareAndSwap(begun, aborted) {
		c.log("panic", p)
		return
	}
	h := c.rw.Header()
	if c.late() {
		c.expire()
	}
	if !c.state.CompareAndSwap(fresh, begun) {
		return // the 504 is out
	}
	for k := range h {
		delete(h, k)
	}
	body := problem(http.StatusInternalServerError, "panic", "the function broke while it answered", c.id)
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Connection", "close") // a goroutine that exits takes its connection along
	h[internalHeader] = []string{internalValue}
	c.WriteHeader(http.StatusInternalServerError)
	c.Write(body)
	if value == nil { // net/http will not come back to it
		http.NewResponseController(c.rw).Flush()
	}
	if c.state.CompareAndSwap(begun, done) {
		c.log("panic", p)
	}
}

// endConnection hands the connection back: to net/http when the answer is whole, and
// else to nobody. It panics in the way net/http takes for "close this".
func (c *call) endConnection() {
	switch c.state.Load() {
	case expired:
		c.ending.Lock() // until the 504 has been written
		c.ending.Unlock()
		if c.body.ReadCloser != nil && !c.body.ended.Load() {
			// Take what the client is still sending, until it has read the 504
			// and hung up, or until the linger is over.
			c.link.SetReadDeadline(time.Time{})
			io.Copy(io.Discard, c.link)
		}
		panic(http.ErrAbortHandler)
	case aborted:
		reset(c.link)
		panic(http.ErrAbortHandler)
	}
}
