package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"fnstore/runtime/queueapi"
)

type pauseCmd struct {
	Function string `arg:"" help:"Its name."`
	Reason   string `help:"Why, for those who see it paused." placeholder:"TEXT"`
}

func (cmd pauseCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	body := map[string]string{"function": cmd.Function, "reason": cmd.Reason}
	if err := c.send(ctx, http.MethodPost, "/system/queue/pause", body); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is paused: its messages wait until fnstore resume %s. Calls of /function/ go on.\n", cmd.Function, cmd.Function)
	return nil
}

type resumeCmd struct {
	Function string `arg:"" help:"Its name."`
}

func (cmd resumeCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	if err := c.send(ctx, http.MethodPost, "/system/queue/resume", map[string]string{"function": cmd.Function}); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is resumed: what waited is delivered.\n", cmd.Function)
	return nil
}

// queueNumbers gives the queue's numbers by function.
func (c *client) queueNumbers(ctx context.Context) (map[string]queueapi.Function, error) {
	var got struct{ Functions []queueapi.Function }
	if err := c.get(ctx, "/system/queue", nil, &got); err != nil {
		return nil, err
	}
	of := map[string]queueapi.Function{}
	for _, f := range got.Functions {
		of[f.Function] = f
	}
	return of, nil
}

// queueLine says in a few words how a function's messages do; "" when it has none.
func queueLine(f queueapi.Function) string {
	var text string
	if n := f.Waiting + f.InFlight; n > 0 {
		text = fmt.Sprintf("%d messages, the oldest %s old", n, time.Duration(f.AgeSeconds*float64(time.Second)).Round(time.Second))
	}
	if f.Dead > 0 {
		text = join(text, fmt.Sprintf("%d dead letters", f.Dead))
	}
	switch {
	case f.Circuit == nil:
	case f.Circuit.Operator:
		text = join("paused: "+f.Circuit.Reason, text)
	case f.Circuit.State == "paused":
		text = join("paused since it fails: "+f.Circuit.Code, text)
	default:
		text = join("waits since it fails: "+f.Circuit.Code, text)
	}
	return text
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}
