package gateway

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestACallsTimeEnds(t *testing.T) {
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
		if e.looking || len(e.calls) > 0 {
			t.Errorf("the clock runs for %d calls", len(e.calls))
		}
	})
}
