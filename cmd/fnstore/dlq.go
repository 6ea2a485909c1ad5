package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"fnstore/kit/queue/deadletter"
	"fnstore/runtime/queueapi"
)

type dlqCmd struct {
	List   dlqListCmd   `cmd:"" help:"List dead letters, newest first."`
	Show   dlqShowCmd   `cmd:"" help:"Show one, with its history and its body."`
	Retry  dlqRetryCmd  `cmd:"" help:"Send dead letters again."`
	Purge  dlqPurgeCmd  `cmd:"" help:"Delete dead letters."`
	Jobs   dlqJobsCmd   `cmd:"" help:"List retries and purges, newest first."`
	Follow dlqFollowCmd `cmd:"" help:"Follow a retry or purge until it ends."`
	Cancel dlqCancelCmd `cmd:"" help:"End a retry or purge; what it has done stays done."`
}

// dlqFilter are the flags that choose dead letters.
type dlqFilter struct {
	Code  string `help:"Only those that died with this code." placeholder:"CODE"`
	Older string `help:"Only those that died longer ago, such as 90m, 36h or 3d." placeholder:"AGE"`
	Newer string `help:"Only those that died since." placeholder:"AGE"`
}

type dlqListCmd struct {
	Function string `arg:"" optional:"" help:"Only this function's."`
	dlqFilter
	Limit int   `short:"n" default:"50" help:"At most this many."`
	After int64 `help:"Go on after this one: the last of the list before." placeholder:"ID"`
	JSON  bool  `short:"j" name:"json" help:"Print the gateway's JSON."`
}

func (cmd dlqListCmd) query() url.Values {
	q := url.Values{"limit": {strconv.Itoa(cmd.Limit)}}
	for name, v := range map[string]string{"function": cmd.Function, "code": cmd.Code, "older": cmd.Older, "newer": cmd.Newer} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if cmd.After != 0 {
		q.Set("after", strconv.FormatInt(cmd.After, 10))
	}
	return q
}

func (cmd dlqListCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var list []deadletter.Letter
	if err := c.get(ctx, "/system/dead-letters", cmd.query(), &list); err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(out, list)
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tFUNCTION\tDIED\tATTEMPTS\tCODE\tREASON")
	for _, l := range list {
		fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%s\t%s\n", l.ID, l.Function, localTime(l.DiedAt), l.Attempts, l.Code, shorten(l.Reason, 80))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(list) == cmd.Limit {
		fmt.Fprintf(out, "There may be more: --after %d\n", list[len(list)-1].ID)
	}
	return nil
}

type dlqShowCmd struct {
	ID   int64 `arg:"" help:"Its number."`
	Raw  bool  `help:"Print the body alone, byte for byte."`
	JSON bool  `short:"j" name:"json" help:"Print the gateway's JSON."`
}

func (cmd dlqShowCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var l queueapi.Letter
	if err := c.get(ctx, "/system/dead-letters/"+strconv.FormatInt(cmd.ID, 10), nil, &l); err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(out, l)
	}
	body, err := l.Bytes()
	if err != nil {
		return err
	}
	if cmd.Raw {
		_, err := out.Write(body)
		return err
	}
	if err := printLetter(out, l); err != nil {
		return err
	}
	if l.Encoding == "text" {
		_, err = fmt.Fprintf(out, "\nbody, %d bytes:\n%s\n", len(body), body)
	} else {
		_, err = fmt.Fprintf(out, "\nThe body has %d bytes that are no text: fnstore dlq show --raw %d\n", len(body), cmd.ID)
	}
	return err
}

func printLetter(out io.Writer, l queueapi.Letter) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "ID\t%d\nFunction\t%s\nRequest\t%s %s\nCall\t%s\n", l.ID, l.Function, l.Method, l.Path, l.CallID)
	fmt.Fprintf(t, "Accepted\t%s\nDied\t%s\nCode\t%s\nReason\t%s\n", localTime(l.CreatedAt), localTime(l.DiedAt), l.Code, l.Reason)
	if l.Group != "" {
		fmt.Fprintf(t, "Group\t%s\n", l.Group)
	}
	if l.Retried > 0 {
		fmt.Fprintf(t, "Retried\t%d times before\n", l.Retried)
	}
	for name, values := range l.Headers {
		for _, v := range values {
			fmt.Fprintf(t, "Header\t%s: %s\n", name, v)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(l.History) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	fmt.Fprintln(t, "ATTEMPT\tAT\tSTATUS\tCODE\tREASON\tPROCESS\tVERSION")
	for _, a := range l.History {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Attempt, localTime(a.At), status(a.Status), a.Code, shorten(a.Reason, 80), a.Cause, a.Version)
	}
	return t.Flush()
}

func status(code int) string {
	if code == 0 {
		return "-"
	}
	return strconv.Itoa(code)
}

func localTime(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }

// shorten keeps a line a line, of at most n characters.
func shorten(s string, n int) string {
	r := []rune(s)
	for i, c := range r {
		if c < ' ' {
			r[i] = ' '
		}
	}
	if len(r) > n {
		r = append(r[:n-1], '…')
	}
	return string(r)
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
