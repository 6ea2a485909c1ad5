package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestExpire_ACallsTimeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := httptest.NewRequest("GET", "/", nil).WithContext(parent)
		var e expiry
		for _, c := range []struct {
			what string
			end  func(over func())
			want error
		}{
			{"its time", func(func()) { time.Sleep(time.Second + expiryTick) }, context.DeadlineExceeded},
			{"its end", func(over func()) { over() }, context.Canceled},
			{"its client", func(func()) { cancel(); time.Sleep(expiryTick) }, context.Canceled},
		} {
			ctx, over := e.begin(&call{r: r, start: time.Now(), timeout: time.Second})
			child, stop := context.WithCancel(ctx)
			called := make(chan struct{})
			context.AfterFunc(ctx, func() { close(called) })
			if !context.AfterFunc(ctx, func() { t.Error("what was stopped ran") })() {
				t.Error("it could not be stopped")
			}
			if until, ok := ctx.Deadline(); ctx.Err() != nil || !ok || !until.Equal(time.Now().Add(time.Second)) {
				t.Errorf("%s: begun with %v until %v", c.what, ctx.Err(), until)
			}
			c.end(over)
			<-ctx.Done()
			<-called
			<-child.Done()
			if !errors.Is(ctx.Err(), c.want) || !errors.Is(context.Cause(ctx), c.want) {
				t.Errorf("%s: %v, %v", c.what, ctx.Err(), context.Cause(ctx))
			}
			late := make(chan struct{})
			if context.AfterFunc(ctx, func() { close(late) })() {
				t.Error("what comes late could be stopped")
			}
			<-late
			over()
			stop()
		}
		time.Sleep(2 * expiryTick)
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.running || len(e.calls) > 0 {
			t.Errorf("the clock runs for %d calls", len(e.calls))
		}
	})
}

// exec_timeout 0 is no limit: the call ends with its client, and at no time.
func TestExpiry_NoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		defer cancel()
		var e expiry
		ctx, over := e.begin(&call{r: httptest.NewRequest("GET", "/", nil).WithContext(parent), start: time.Now()})
		time.Sleep(time.Hour)
		if until, ok := ctx.Deadline(); ok || ctx.Err() != nil {
			t.Errorf("%v, a deadline at %s", ctx.Err(), until)
		}
		cancel()
		<-ctx.Done()
		over()
		time.Sleep(2 * expiryTick)
	})
}

func TestGateway_ExecTimeoutZero(t *testing.T) {
	longer := make(chan struct{})
	r := open(t, func(w http.ResponseWriter, req *http.Request) {
		select {
		case <-longer:
		case <-req.Context().Done():
		}
		_, _ = w.Write([]byte("done"))
	})
	r.g.cfg.Timeout = time.Millisecond
	f := r.p.functions["echo"]
	f.EnvVars = map[string]string{"exec_timeout": "0"}
	r.p.functions["echo"] = f
	time.AfterFunc(3*expiryTick, func() { close(longer) })
	if res, body := r.do(t, "GET", "/function/echo", "", false); res.StatusCode != 200 || body != "done" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
