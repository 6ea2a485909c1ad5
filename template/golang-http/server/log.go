package server

import (
	"io"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// Caps on what a request can make us log, in bytes.
const (
	maxMethod = 32
	maxPath   = 1024
	maxPanic  = 1024
	maxStack  = 8192
)

// lines writes one JSON object per request with slog's own keys. It is written
// by hand because it runs for every request: nothing is allocated. Query,
// headers and body are never logged; secrets travel there.
//
// Lines of calls that went well wait for company, at most maxWait and until
// a batch is full: a write for each of them cost a third of the requests/s of
// an echo. What goes wrong is written at once, with all that waits. A process
// that ends in a way nobody can see coming (SIGKILL, os.Exit in a handler)
// takes the lines of its last maxWait along.
//
// One call at a time writes, and the others go on meanwhile: who reads the pipe
// may be late, and a pipe is full after some 400 lines. (Waiting for each other
// cost an echo 8 % of its requests/s on a busy machine.) When maxHeld wait, so
// do the calls, since no line is thrown away.
type lines struct {
	out io.Writer

	mu       sync.Mutex
	batch    []byte
	unused   []byte     // takes the place of batch while that is written
	writing  bool       // somebody writes
	flushing bool       // until nothing waits
	written  *sync.Cond // a write has ended; nil until somebody waits
	timer    *time.Timer
	armed    bool

	second     int64  // since 1970, of the last line
	date, zone string // what that line's time begins and ends with
}

const (
	maxWait     = 10 * time.Millisecond
	maxBatch    = 16 << 10  // bytes; a pipe holds 64 KiB
	maxHeld     = 256 << 10 // bytes
	typicalLine = 512       // bytes of a line, at most as a rule
)

// late is what the timer does: it writes what waits.
func (l *lines) late() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	l.send()
}

// flush returns when everything is written.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.send(); l.writing; {
		l.wait()
	}
}

// send writes what waits, or leaves that to the one who is writing.
func (l *lines) send() {
	if l.writing {
		l.flushing = true
		return
	}
	l.writing = true
	for first := true; len(l.batch) > 0 && (first || l.flushing || l.full()); first = false {
		b := l.batch
		l.batch, l.unused, l.flushing = l.unused[:0], nil, false
		l.mu.Unlock()
		l.out.Write(b) // a log that cannot be written must not fail the request
		l.mu.Lock()
		if cap(b) <= 4*maxBatch {
			l.unused = b
		}
		if l.written != nil {
			l.written.Broadcast()
		}
	}
	l.writing, l.flushing = false, false
}

func (l *lines) full() bool { return len(l.batch) > maxBatch-typicalLine }

func (l *lines) wait() {
	if l.written == nil {
		l.written = sync.NewCond(&l.mu)
	}
	l.written.Wait()
}

// line is what is said about one request.
type line struct {
	at              time.Time
	method, path    string
	status          int
	bytes           int64
	took            time.Duration
	callID, trace   string // left out when empty
	trouble         string // why it ended badly; empty when it did not
	panicked, stack string
}

// write adds the call's line to the batch.
func (l *lines) write(n line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing && len(l.batch) > maxHeld {
		l.wait()
	}
	b := append(l.batch, `{"time":"`...)
	b = l.appendTime(b, n.at)
	b = append(b, `","level":"`...)
	if n.status >= 500 || n.trouble != "" {
		b = append(b, "ERROR"...)
	} else {
		b = append(b, "INFO"...)
	}
	b = append(b, `","msg":"request"`...)
	b = text(b, "method", n.method, maxMethod)
	b = text(b, "path", n.path, maxPath)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(n.status), 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, n.bytes, 10)
	b = append(b, `,"duration":`...)
	b = appendSeconds(b, n.took)
	if n.callID != "" {
		b = text(b, "call_id", n.callID, maxCallID)
	}
	if n.trace != "" {
		b = text(b, "trace_id", n.trace, 32)
	}
	if n.trouble != "" {
		b = text(b, "error", n.trouble, maxPanic)
	}
	if n.panicked != "" {
		b = text(b, "panic", n.panicked, maxPanic)
		b = text(b, "stack", n.stack, maxStack)
	}
	l.batch = append(b, '}', '\n')
	switch {
	case n.trouble != "" || n.status >= 500 || l.full() && !l.writing:
		l.send()
	case l.armed:
	case l.timer == nil:
		l.armed = true
		l.timer = time.AfterFunc(maxWait, l.late)
	default:
		l.armed = true
		l.timer.Reset(maxWait)
	}
}

// appendTime writes t as RFC 3339 has it, to the microsecond. What two lines of
// one second have in common is made once.
func (l *lines) appendTime(b []byte, t time.Time) []byte {
	if s := t.Unix(); s != l.second || l.date == "" {
		l.second, l.date, l.zone = s, t.Format("2006-01-02T15:04:05."), t.Format("Z07:00")
	}
	b = appendMicros(append(b, l.date...), int64(t.Nanosecond()/1e3))
	return append(b, l.zone...)
}

// appendSeconds writes d as seconds with six digits, of-watchdog's form.
func appendSeconds(b []byte, d time.Duration) []byte {
	us := d.Microseconds()
	if us < 0 {
		us = 0
	}
	b = strconv.AppendInt(b, us/1e6, 10)
	return appendMicros(append(b, '.'), us%1e6)
}

// appendMicros writes a number below a million with six digits.
func appendMicros(b []byte, n int64) []byte {
	var digits [6]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, digits[:]...)
}

func text(b []byte, key, value string, max int) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	b = append(b, `":"`...)
	b = appendSafe(b, value, max)
	return append(b, '"')
}

const hexDigits = "0123456789abcdef"

// appendSafe writes at most max bytes of s as the inside of a JSON string
// (RFC 8259 section 7). Whatever a terminal or a line reader could act on is
// escaped: control characters of both sets, U+2028, U+2029, bidirectional
// marks. Bytes that are not UTF-8 become U+FFFD.
func appendSafe(b []byte, s string, max int) []byte {
	cut := len(s) > max
	if cut {
		s = s[:max]
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f {
			if c == '"' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case strconv.IsPrint(r):
			b = append(b, s[i:i+n]...)
		case r > 0xffff:
			r -= 0x10000
			b = appendUnit(b, 0xd800+r>>10)
			b = appendUnit(b, 0xdc00+r&0x3ff)
		default:
			b = appendUnit(b, r)
		}
		i += n
	}
	if cut {
		b = append(b, "..."...)
	}
	return b
}

func appendUnit(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
