package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fnstore/tests/chaos/actors"
	"fnstore/tests/chaos/load"
)

// hostile is what a function does that none should, and what its caller may be
// told then.
type hostile struct {
	mode string
	// want is a status and a code; "cut" for an answer that visibly ends too
	// early; "held" for none while the caller waits; or several of them with a
	// bar between. Beside 200 it is the body.
	want string
	// leaves is when the caller gives up on one that is held; 0 waits.
	leaves time.Duration
}

func hostiles() []hostile {
	give := of(time.Second, 0*time.Second)
	// Who ends before it is ready is started again, later each time: its callers
	// are held as long as that is soon.
	return []hostile{
		{"hang", of("held", "503 function_not_ready"), give},
		{"exit", of("held|503 function_not_ready", "503 function_not_ready"), give},
		{"crash", of("held|503 function_not_ready", "503 function_not_ready"), give},
		{"silent", of("held", "504 function_timeout"), give},
		{"deaf", "200 ok", 0},
		{"shout", "200 ok", 0},
		{"mute", "200 ok", 0},
		{"fork", "200 ok", 0},
		{"leave", "502 function_unreachable", 0},
		// A process that dies takes along whoever else was in it, and one that
		// dies again and again has no place for a while.
		{"die", "502 function_unreachable|503 function_not_ready", 0},
		{"garbage", "502 function_unreachable", 0},
		{"headers", "502 function_headers_too_large", 0},
		{"half", "cut", 0},
		{"twice", "200 ok", 0},
		{"endless", "cut", 0},
	}
}

// Whatever one function does, its callers are told what the contract names or
// see that the answer is cut off; the callers of others notice nothing; and
// when it is deleted nothing of it stays.
func TestHostile_FunctionsHurtNobody(t *testing.T) {
	before := settled(t, map[string]string{"warm-rogue": stage.Rogue, "warm-probe": stage.Probe})
	must(t, stage.Deploy(actors.Function("bystander", stage.Probe)))
	must(t, stage.Await("bystander", 1))
	bystander := stage.PIDs("bystander")

	var others []load.Call
	var callers sync.WaitGroup
	ctx, end := context.WithCancel(t.Context())
	callers.Go(func() {
		others = load.Run(ctx, load.Plan{Address: stage.Address(), Request: load.Post("/function/bystander", "{}"), Rate: 50}, time.Hour)
	})
	for _, h := range hostiles() {
		t.Run(h.mode, func(t *testing.T) { h.try(t) })
	}
	end()
	callers.Wait()
	tally := load.Count(others)
	t.Logf("the bystander: %s; longest %s", tally, load.Quantile(load.Times(others), 1))
	if tally.OK != tally.Calls || tally.Calls == 0 {
		t.Errorf("calls of the bystander: %s", tally)
	}
	if now := stage.PIDs("bystander"); len(now) != 1 || now[0] != bystander[0] {
		t.Errorf("the bystander was the process %v and is %v", bystander, now)
	}
	must(t, stage.Remove("bystander"))
	http.DefaultClient.CloseIdleConnections()
	untraced(t, before, len(hostiles())/2)
}

// try deploys the function, calls it some times, one after the other and at
// once, and deletes it.
func (h hostile) try(t *testing.T) {
	d := actors.Function("rogue", stage.Rogue, "FN_MODE", h.mode, "exec_timeout", "1s")
	must(t, stage.Deploy(d))
	told := map[string]int{}
	var mu sync.Mutex
	var callers sync.WaitGroup
	times := 2
	if full && h.want[:1] == "5" {
		times = 1 // each may be held for a minute
	}
	for range 5 {
		callers.Go(func() {
			for range times {
				got := h.call(t)
				mu.Lock()
				told[got]++
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	t.Logf("callers were told %v", told)
	for got, n := range told {
		if !slices.Contains(strings.Split(h.want, "|"), got) {
			t.Errorf("%d × %q, want %q", n, got, h.want)
		}
	}
	must(t, stage.Remove("rogue"))
	if left := stage.PIDs("rogue"); len(left) > 0 {
		t.Errorf("it leaves the processes %v", left)
	}
}

// call calls it and gives what the caller was told.
func (h hostile) call(t *testing.T) string {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if h.leaves > 0 {
		ctx, cancel = context.WithTimeout(ctx, h.leaves)
		defer cancel()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, stage.URL+"/function/rogue", strings.NewReader("{}"))
	if err != nil {
		return err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return "held"
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return "cut"
		}
		return err.Error()
	}
	defer res.Body.Close()
	const enough = 64 << 20
	body, err := io.ReadAll(io.LimitReader(res.Body, enough))
	switch {
	case err != nil || len(body) == enough:
		return "cut" // by the function, or by us of one that has no end
	case res.StatusCode == http.StatusOK:
		return "200 " + string(body)
	}
	var p struct {
		Code   string `json:"code"`
		CallID string `json:"call_id"`
	}
	if json.Unmarshal(body, &p) != nil || p.CallID == "" || res.Header.Get("X-OpenFaaS-Internal") != "proxy" {
		return res.Status + " " + string(body)
	}
	if res.StatusCode == 503 && res.Header.Get("Retry-After") == "" {
		return "503 without Retry-After"
	}
	return res.Status[:3] + " " + p.Code
}
