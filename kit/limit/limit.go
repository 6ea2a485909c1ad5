// Package limit counts calls by identity in Redis and says when one has made
// too many. It counts by GCRA, the generic cell rate algorithm, in one script
// that uses the clock of Redis, so any number of processes agree. It does not
// know what a call does, or who an identity is.
package limit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"fnstore/kit/fault"
)

// The waits.
const (
	// DefaultBudget is for one decision of Redis. A process whose processor time
	// is limited may itself stand still for half of it.
	DefaultBudget = 200 * time.Millisecond
	dialTimeout   = time.Second
	pause         = time.Second // before Redis is asked again after it failed
	patience      = 3           // failures in a row after which it is left alone
	connections   = 2           // at once; calls that wait for one are asked about together
)

// script decides about one call. It uses GET, SET and TIME. A key is gone when
// it says nothing any more, so none outlives its use. A clock of Redis that was
// set back shortens a wait to what a full burst costs.
//
//	KEYS[1] the identity   ARGV[1] cost of a call   ARGV[2] how far ahead, in microseconds
//
// It returns whether the call is allowed, the wait until one is, the debt, and
// the time.
var script = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local cost, ahead = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = tonumber(redis.call('GET', KEYS[1]) or now)
due = math.min(math.max(due, now), now + ahead + cost)
if due - ahead > now then
  return {0, due - ahead - now, due - now, now}
end
due = due + cost
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
return {1, 0, due - now, now}
`)

// Limiter decides about calls. It is safe for any number of goroutines.
type Limiter struct {
	Budget time.Duration // 0 means DefaultBudget

	prefix string
	client *redis.Client
	local  local
	counts sync.Map // policy's name → *counts

	batch   batch
	failed  atomic.Int64 // in a row
	retryAt atomic.Int64 // when Redis is asked again, Unix nanoseconds; 0 while it answers
}

// Open makes a Limiter whose keys begin with prefix and a colon. It asks read
// for the login, a redis:// URL, at each connect, and dials nothing before the
// first call.
func Open(prefix string, read func() (string, error)) *Limiter {
	login := func() (*redis.Options, error) {
		url, err := read()
		if err != nil {
			return nil, err
		}
		o, err := redis.ParseURL(url)
		if err != nil {
			return nil, fmt.Errorf("the login of Redis is not a redis:// URL") // never with the URL
		}
		return o, nil
	}
	l := &Limiter{prefix: prefix}
	l.client = redis.NewClient(&redis.Options{
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			o, err := login()
			if err != nil {
				return nil, err
			}
			d := net.Dialer{Timeout: dialTimeout}
			return d.DialContext(ctx, o.Network, o.Addr)
		},
		CredentialsProviderContext: func(context.Context) (string, string, error) {
			o, err := login()
			if err != nil {
				return "", "", err
			}
			return o.Username, o.Password, nil
		},
		Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, PoolSize: connections, MaxIdleConns: 2,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	return l
}

// Close ends the connections.
func (l *Limiter) Close() error { return l.client.Close() }

// Take counts one call of identity and decides about it. A call that is refused
// costs nothing. When Redis does not answer in time, the policy says what
// becomes of it: Closed is fault.Unavailable, otherwise this process counts
// alone until Redis is back; Redis is asked again every second.
func (l *Limiter) Take(ctx context.Context, p Policy, identity string) (Decision, error) {
	if err := p.check(); err != nil {
		return Decision{}, err
	}
	sum := sha256.Sum256([]byte(identity))
	key := l.prefix + ":limit:" + p.Name + ":" + hex.EncodeToString(sum[:16])
	count := l.count(p)
	d, err := l.ask(ctx, p, key)
	if err != nil {
		if p.Closed {
			count.unavailable.Add(1)
			return Decision{Policy: p}, fault.New(fault.Unavailable, "limiter_unavailable", "calls cannot be counted at the moment").After(pause)
		}
		d = l.local.take(p, key, time.Now())
		d.Local = true
	}
	count.decided(d)
	return d, nil
}

// Refusal is the error of a decision that does not allow the call.
func (d Decision) Refusal() error {
	return fault.New(fault.TooMany, "rate_limited", "too many calls: %d in %s are allowed", d.Policy.Limit, d.Policy.Window).After(d.Retry)
}

// maxLocal bounds the identities that are counted without Redis. Those beyond
// share one count.
const maxLocal = 10_000

// local counts while Redis does not answer, in this process alone.
type local struct {
	mu  sync.Mutex
	due map[string]int64 // Unix microseconds
}

func (l *local) take(p Policy, key string, at time.Time) Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := at.UnixMicro()
	if _, known := l.due[key]; !known && len(l.due) >= maxLocal {
		for k, due := range l.due {
			if due <= now {
				delete(l.due, k)
			}
		}
		if len(l.due) >= maxLocal {
			key = p.Name
		}
	}
	if l.due == nil {
		l.due = map[string]int64{}
	}
	cost, ahead := p.pace()
	due := max(l.due[key], now)
	if due-ahead > now {
		return p.decide(false, due-ahead-now, due-now)
	}
	l.due[key] = due + cost
	return p.decide(true, 0, due+cost-now)
}
