package delivery

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Defaults of the retry policy. A message that fails at each delivery is tried
// after pauses of 1 s, 2 s, 4 s … 5 min, of each half at random, until it was
// delivered 5 times and 15 minutes have passed since the first delivery began:
// an outage or a bad deploy of some minutes makes no dead letters. That is 10 to
// 14 deliveries when nothing else intervenes:
//
//	delivery   2      3      4      5      6      7      8      9      10     11
//	pause      0.5–1  1–2    2–4    4–8    8–16   16–32  32–64  64–128 128–256 150–300 s
//	after, at most  1 3      7      15     31     63     127    255    511    811 s
//
// An open circuit (see kit/queue/circuit) stops all of this: what waits for it
// spends no attempt, and its time does not count against the message alone.
const (
	DefaultAttempts = 5
	DefaultPatience = 15 * time.Minute
	DefaultMinWait  = time.Second
	DefaultMaxWait  = 5 * time.Minute
	// MaxRetryAfter bounds what a function may ask for with Retry-After.
	MaxRetryAfter = time.Hour
	// maxWait bounds the annotations, and maxAttempts the count.
	maxWait     = 24 * time.Hour
	maxAttempts = 1000
)

// Annotations of a function that change its policy, as OpenFaaS Pro names them.
// One that cannot be read leaves the default.
const (
	annotationAttempts = "com.openfaas.retry.attempts" // deliveries in all; the time since the first then counts no more
	annotationCodes    = "com.openfaas.retry.codes"    // statuses that are tried again, with commas; in place of 408, 429 and 5xx
	annotationMinWait  = "com.openfaas.retry.min_wait" // the first pause, a Go duration
	annotationMaxWait  = "com.openfaas.retry.max_wait" // the longest
)

// Policy says how often and when a message is tried. The zero Policy is the
// default one. It is read at each delivery, so a changed annotation counts for
// messages that wait already.
type Policy struct {
	Attempts int           // deliveries in all; 0 means DefaultAttempts and DefaultPatience
	Codes    []int         // statuses that are tried again; nil means 408, 429 and 5xx
	MinWait  time.Duration // 0 means DefaultMinWait
	MaxWait  time.Duration // 0 means DefaultMaxWait
}

func parsePolicy(annotations map[string]string) (p Policy) {
	if n, err := strconv.Atoi(annotations[annotationAttempts]); err == nil && n > 0 {
		p.Attempts = min(n, maxAttempts)
	}
	p.MinWait = parseWait(annotations[annotationMinWait])
	p.MaxWait = parseWait(annotations[annotationMaxWait])
	var codes []int
	for item := range strings.SplitSeq(annotations[annotationCodes], ",") {
		n, err := strconv.Atoi(strings.TrimSpace(item))
		if err != nil || n < 100 || n > 599 {
			return p
		}
		codes = append(codes, n)
	}
	p.Codes = codes
	return p
}

// parseWait reads a Go duration, or seconds; 0 when it is neither.
func parseWait(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			return 0
		}
		d = time.Duration(n) * time.Second
	}
	return max(min(d, maxWait), 0)
}

// again reports whether an answer with this status may be another one later.
func (p Policy) again(status int) bool {
	if p.Codes == nil {
		return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
	}
	for _, c := range p.Codes {
		if c == status {
			return true
		}
	}
	return false
}

// spent reports whether a message that has failed so often, and whose first
// delivery was so long ago, is dead.
func (p Policy) spent(attempts int, age time.Duration) bool {
	if p.Attempts > 0 {
		return attempts >= p.Attempts
	}
	return attempts >= DefaultAttempts && age >= DefaultPatience
}

// pause is how long to wait after the failure of this attempt, from 1: half of
// it is random, so that what failed together does not come back together.
func (p Policy) pause(attempt int) time.Duration {
	first, last := p.MinWait, p.MaxWait
	if first == 0 {
		first = DefaultMinWait
	}
	if last == 0 {
		last = DefaultMaxWait
	}
	bound := min(first, last)
	for range max(attempt, 1) - 1 {
		if bound *= 2; bound >= last {
			bound = last
			break
		}
	}
	return bound/2 + rand.N(bound/2+1)
}
