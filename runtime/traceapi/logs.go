package traceapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/openfaas/faas-provider/logs"

	"fnstore/runtime/gateway"
)

// Bounds of the lines beside a waterfall.
const (
	maxLines     = 200
	maxLineBytes = 2000
	maxFunctions = 16
	logMargin    = 2 * time.Second // clocks of a process and ours are one; lines come a little later
)

// Line is a line of a function's log that names the call.
type Line struct {
	At       time.Time `json:"at"`
	Offset   float64   `json:"offset_ms"`
	Function string    `json:"function"`
	Instance string    `json:"instance,omitempty"`
	CallID   string    `json:"call_id"`
	Text     string    `json:"text"`
}

// addLogs adds the lines that name one of the journey's calls.
func (a API) addLogs(ctx context.Context, t *Trace) error {
	ctx, cancel := context.WithCancel(ctx) // who reads no more lets the sender end
	defer cancel()
	var functions, calls []string
	for _, s := range t.Steps {
		if s.Function != "" && !strings.Contains(s.Function, ":") && !slices.Contains(functions, s.Function) && len(functions) < maxFunctions {
			functions = append(functions, s.Function)
		}
		if s.CallID != "" && !slices.Contains(calls, s.CallID) {
			calls = append(calls, s.CallID)
		}
	}
	since := t.Start.Add(-logMargin)
	for _, f := range functions {
		lines, err := a.Logs.Query(ctx, logs.Request{Name: f, Namespace: gateway.Namespace, Since: &since})
		if err != nil {
			return err
		}
		for m := range lines {
			for _, id := range calls {
				if len(t.Logs) < maxLines && strings.Contains(m.Text, id) {
					t.Logs = append(t.Logs, Line{m.Timestamp, ms(m.Timestamp.Sub(t.Start)), f, m.Instance, id, cut(m.Text)})
					break
				}
			}
		}
	}
	slices.SortStableFunc(t.Logs, func(x, y Line) int { return x.At.Compare(y.At) })
	return nil
}

func cut(s string) string {
	if len(s) <= maxLineBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxLineBytes], "") + " …"
}
