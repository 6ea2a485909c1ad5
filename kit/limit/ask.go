package limit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// errDown is returned while Redis is left alone.
var errDown = errors.New("redis does not answer")

// question is one call that Redis decides about.
type question struct {
	key         string
	cost, ahead int64
	reply       []int64
	err         error
	done        chan struct{}
}

// batch gathers the questions that come while others are being asked: a round
// trip for all of them costs little more than one for each.
type batch struct {
	mu      sync.Mutex
	waiting []*question
	asking  int // goroutines that ask
}

// maxBatch bounds the questions of one round trip.
const maxBatch = 64

// ask gives Redis' decision. Whoever finds few that ask does so, for all that
// wait; the others wait for them.
func (l *Limiter) ask(ctx context.Context, p Policy, key string) (Decision, error) {
	cost, ahead := p.pace()
	q := &question{key: key, cost: cost, ahead: ahead, done: make(chan struct{})}
	l.batch.mu.Lock()
	l.batch.waiting = append(l.batch.waiting, q)
	asks := l.batch.asking < connections
	if asks {
		l.batch.asking++
	}
	l.batch.mu.Unlock()
	if asks {
		go l.askAll()
	}
	select {
	case <-q.done:
	case <-ctx.Done(): // what is asked already is counted all the same
		return Decision{}, context.Cause(ctx)
	}
	if q.err != nil {
		if q.err != errDown {
			l.count(p).failures.Add(1)
		}
		return Decision{}, q.err
	}
	d := p.decide(q.reply[0] == 1, q.reply[1], q.reply[2])
	d.at = q.reply[3]
	return d, nil
}

// askAll asks until nothing waits.
func (l *Limiter) askAll() {
	for {
		l.batch.mu.Lock()
		n := min(len(l.batch.waiting), maxBatch)
		if n == 0 {
			l.batch.asking--
			l.batch.mu.Unlock()
			return
		}
		list := l.batch.waiting[:n:n]
		l.batch.waiting = l.batch.waiting[n:]
		l.batch.mu.Unlock()
		l.askThese(list)
		for _, q := range list {
			close(q.done)
		}
	}
}

// askThese asks once for all of the list, unless Redis is left alone: then one
// of those that come together asks, every second.
func (l *Limiter) askThese(list []*question) {
	now := time.Now().UnixNano()
	at := l.retryAt.Load()
	if at != 0 && (now < at || !l.retryAt.CompareAndSwap(at, now+int64(pause))) {
		for _, q := range list {
			q.err = errDown
		}
		return
	}
	budget := l.Budget
	if budget == 0 {
		budget = DefaultBudget
	}
	// A caller who leaves says nothing about Redis.
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	l.send(ctx, list, script.EvalSha)
	if again := unknown(list); len(again) > 0 { // the script went with a restart, and nothing was counted
		l.send(ctx, again, script.Eval)
	}
	var failed error
	for _, q := range list {
		if q.err != nil {
			failed = q.err
		}
	}
	if failed != nil {
		if l.failed.Add(1) >= patience && l.retryAt.Swap(time.Now().Add(pause).UnixNano()) == 0 {
			slog.Error("the limiter counts without redis", "cause", failed.Error())
		}
		return
	}
	l.failed.Store(0)
	if l.retryAt.Swap(0) != 0 {
		slog.Info("the limiter counts in redis again")
	}
}

// send asks by one round trip.
func (l *Limiter) send(ctx context.Context, list []*question, run func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd) {
	commands := make([]*redis.Cmd, len(list))
	_, _ = l.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its own error
		for i, q := range list {
			commands[i] = run(ctx, p, []string{q.key}, q.cost, q.ahead)
		}
		return nil
	})
	for i, q := range list {
		if q.reply, q.err = commands[i].Int64Slice(); q.err == nil && len(q.reply) != 4 {
			q.err = fmt.Errorf("redis answered %d numbers", len(q.reply))
		}
	}
}

// unknown are the questions whose script Redis does not have.
func unknown(list []*question) (again []*question) {
	for _, q := range list {
		if q.err != nil && strings.HasPrefix(q.err.Error(), "NOSCRIPT") {
			again = append(again, q)
		}
	}
	return again
}
