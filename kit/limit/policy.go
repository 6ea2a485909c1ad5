package limit

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Policy bounds what one identity may do: never more than Limit in any span of
// Window, and of these Burst at once.
type Policy struct {
	Name   string // lower case letters, digits and hyphens; part of the key
	Limit  int
	Window time.Duration
	Burst  int  // 1 to Limit; 0 means a fifth of Limit
	Closed bool // refuse when Redis does not answer; else count in this process
}

// Default is 100 calls a minute, 20 of them at once.
func Default() Policy { return Policy{Name: "default", Limit: 100, Window: time.Minute} }

// Bounds of a policy.
const (
	maxLimit  = 1_000_000
	maxWindow = 24 * time.Hour
)

var policyName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Parse reads LIMIT/WINDOW with the options burst=N and down=open or
// down=closed behind it, as in "10/1m burst=5 down=closed".
func Parse(name, text string) (Policy, error) {
	p := Policy{Name: name}
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return p, fmt.Errorf("limit %s: empty; want LIMIT/WINDOW, such as 100/1m", name)
	}
	count, window, _ := strings.Cut(fields[0], "/")
	var err error
	if p.Limit, err = strconv.Atoi(count); err != nil {
		return p, fmt.Errorf("limit %s: %q is not LIMIT/WINDOW, such as 100/1m", name, fields[0])
	}
	if p.Window, err = time.ParseDuration(window); err != nil {
		return p, fmt.Errorf("limit %s: %q is not LIMIT/WINDOW, such as 100/1m", name, fields[0])
	}
	for _, f := range fields[1:] {
		switch key, value, _ := strings.Cut(f, "="); {
		case key == "burst":
			if p.Burst, err = strconv.Atoi(value); err != nil || p.Burst < 1 {
				return p, fmt.Errorf("limit %s: %q is not burst=N", name, f)
			}
		case f == "down=open":
			p.Closed = false
		case f == "down=closed":
			p.Closed = true
		default:
			return p, fmt.Errorf("limit %s: %q is none of burst=N, down=open, down=closed", name, f)
		}
	}
	return p, p.check()
}

func (p Policy) check() error {
	switch {
	case !policyName.MatchString(p.Name):
		return fmt.Errorf("limit %q: a name has lower case letters, digits and hyphens", p.Name)
	case p.Limit < 1 || p.Limit > maxLimit:
		return fmt.Errorf("limit %s: %d is not between 1 and %d", p.Name, p.Limit, maxLimit)
	case p.Window < time.Millisecond || p.Window > maxWindow:
		return fmt.Errorf("limit %s: a window lasts from a millisecond to a day", p.Name)
	case p.Burst < 0 || p.Burst > p.Limit:
		return fmt.Errorf("limit %s: a burst of %d is not between 1 and the limit", p.Name, p.Burst)
	}
	return nil
}

func (p Policy) burst() int {
	if p.Burst > 0 {
		return p.Burst
	}
	return (p.Limit + 4) / 5
}

// pace gives GCRA's two numbers in microseconds: the time that one call costs,
// and how far ahead of the clock a caller may get. In a span S it admits at most
// S/cost + burst calls; the cost is such that this is Limit for one of Window.
func (p Policy) pace() (cost, ahead int64) {
	steady := int64(p.Limit - p.burst() + 1)
	window := p.Window.Microseconds()
	cost = (window + steady - 1) / steady
	return cost, cost * int64(p.burst()-1)
}

// Decision is what became of one call.
type Decision struct {
	Policy    Policy
	Allowed   bool
	Remaining int           // calls that would be allowed at once, now
	Retry     time.Duration // until one is allowed again; 0 when it was
	Reset     time.Duration // until the whole burst is
	Local     bool          // counted in this process, since Redis did not answer
	at        int64         // by the clock of Redis, Unix microseconds
}

func (p Policy) decide(allowed bool, wait, debt int64) Decision {
	cost, ahead := p.pace()
	d := Decision{Policy: p, Allowed: allowed, Retry: micro(wait), Reset: micro(debt)}
	if debt <= ahead {
		d.Remaining = min(int((ahead-debt)/cost)+1, p.burst())
	}
	return d
}

func micro(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// Write says the decision in an answer's headers: the draft of the IETF
// (draft-ietf-httpapi-ratelimit-headers-10), what came before it, and
// Retry-After when the call is refused.
func (d Decision) Write(h http.Header) {
	reset := strconv.Itoa(seconds(d.Reset))
	h.Set("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=%d`, d.Policy.Name, d.Policy.Limit, max(1, seconds(d.Policy.Window))))
	h.Set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%s`, d.Policy.Name, d.Remaining, reset))
	h.Set("X-RateLimit-Limit", strconv.Itoa(d.Policy.Limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(d.Remaining))
	h.Set("X-RateLimit-Reset", reset)
	if !d.Allowed {
		h.Set("Retry-After", strconv.Itoa(max(1, seconds(d.Retry))))
	}
}

// seconds rounds up: whoever waits that long has waited long enough.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
