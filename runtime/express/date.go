package express

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock is the Date header of a second (RFC 9110 section 6.6.1).
type clock struct {
	second int64
	line   string
}

var date atomic.Pointer[clock]

// Date gives the line of a head that says what time it is.
func Date(t time.Time) string {
	if c := date.Load(); c != nil && c.second == t.Unix() {
		return c.line
	}
	c := &clock{t.Unix(), "Date: " + t.UTC().Format(http.TimeFormat) + "\r\n"}
	date.Store(c)
	return c.line
}
