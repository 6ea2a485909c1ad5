package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	plogs "github.com/openfaas/faas-provider/logs"
)

type logsCmd struct {
	Function string        `arg:"" help:"Its name."`
	Follow   bool          `short:"t" help:"Go on with new lines until Ctrl-C."`
	Tail     int           `short:"n" aliases:"lines" default:"100" help:"At most this many of the newest lines."`
	Since    time.Duration `help:"Only what is younger, such as 10m."`
	Instance string        `help:"Only what this process wrote; the second column names it." placeholder:"NAME"`
}

// Run prints the function's lines: time, instance, text.
func (cmd logsCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	if cmd.Tail < 1 {
		return fmt.Errorf("--tail %d: at least one line must be asked for", cmd.Tail)
	}
	c, err := newClient(s)
	if err != nil {
		return err
	}
	q := url.Values{"name": {cmd.Function}, "tail": {fmt.Sprint(cmd.Tail)}, "follow": {fmt.Sprint(cmd.Follow)}}
	if cmd.Since > 0 {
		q.Set("since", time.Now().Add(-cmd.Since).Format(time.RFC3339))
	}
	if cmd.Instance != "" {
		q.Set("instance", cmd.Instance)
	}
	res, err := c.do(ctx, http.MethodGet, "/system/logs?"+q.Encode(), nil, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := json.NewDecoder(res.Body)
	for {
		var m plogs.Message
		switch err := lines.Decode(&m); {
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("read the log: %w", err)
		}
		fmt.Fprintf(out, "%s %s %s\n", m.Timestamp.Local().Format("15:04:05.000"), m.Instance, m.Text)
	}
}
