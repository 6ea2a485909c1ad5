package messages

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"fnstore/tests/chaos/messages/plan"
)

// ledger is what the senders know: what they sent, and what was promised to them.
type ledger struct {
	mu        sync.Mutex
	attempted int
	accepted  map[string]bool // answered with 202
	bad       map[string]bool // they can never succeed
}

// senders is how many send at once.
const senders = 16

// badShare is the share of messages that can never succeed.
const badShare = 0.02

// trickle is the pause of each sender between messages when it is ahead of its
// time: every fault finds some on their way.
const trickle = 200 * time.Millisecond

// send sends until n messages are accepted and share is 1. It is the part of n
// that should be sent by now. Whoever has no answer does not know whether the
// message is there, and goes on with the next one.
func (r *rig) send(ctx context.Context, n int, share func() float64) *ledger {
	l := &ledger{accepted: map[string]bool{}, bad: map[string]bool{}}
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	var all sync.WaitGroup
	for k := range senders {
		all.Go(func() {
			for seq := int64(1); ctx.Err() == nil; seq++ {
				l.mu.Lock()
				accepted := len(l.accepted)
				l.mu.Unlock()
				now := share()
				if accepted >= n && now >= 1 {
					return
				}
				if float64(accepted) > now*float64(n) {
					time.Sleep(trickle)
				}
				r.sendOne(ctx, client, l, k, seq)
			}
		})
	}
	all.Wait()
	return l
}

func (r *rig) sendOne(ctx context.Context, client *http.Client, l *ledger, k int, seq int64) {
	id := fmt.Sprintf("%d-%d", k, seq)
	m := message{Seq: seq, Bad: r.fns.chance() < badShare, Function: plan.Functions[k%len(plan.Functions)], Sent: time.Now()}
	if k%2 == 0 {
		m.Group = fmt.Sprintf("g%d", k)
	}
	l.mu.Lock()
	l.attempted++
	l.bad[id] = m.Bad
	l.mu.Unlock()
	body, _ := json.Marshal(m)
	n := r.nodes[int(seq)%len(r.nodes)]
	url := fmt.Sprintf("http://%s/async-function/%s", n.addr, m.Function)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(body)))
	if err != nil {
		panic(err) // a mistake here
	}
	req.Header.Set("X-Call-Id", id)
	if m.Group != "" {
		req.Header.Set(plan.Group, m.Group)
	}
	res, err := client.Do(req)
	if err != nil {
		time.Sleep(10 * time.Millisecond) // a node that is starting refuses at once
		return
	}
	_ = res.Body.Close()
	if res.StatusCode == http.StatusAccepted {
		l.mu.Lock()
		l.accepted[id] = true
		l.mu.Unlock()
	}
}
