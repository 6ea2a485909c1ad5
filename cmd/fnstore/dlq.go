package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"

	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/wire"
	"fnstore/runtime/gateway"
)

type dlqCmd struct {
	List dlqListCmd `cmd:"" help:"List dead letters, newest first."`
	Show dlqShowCmd `cmd:"" help:"Show one, with its history and its body."`
}

type dlqListCmd struct {
	Function string `arg:"" optional:"" help:"Only this function's."`
	Limit    int    `short:"n" default:"50" help:"At most this many."`
}

func (cmd dlqListCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var list []deadletter.Letter
	q := url.Values{"function": {cmd.Function}, "limit": {strconv.Itoa(cmd.Limit)}}
	if err := c.get(ctx, "/system/dead-letters", q, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tFUNCTION\tDIED\tATTEMPTS\tCODE\tREASON")
	for _, l := range list {
		fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%s\t%s\n", l.ID, l.Function, l.DiedAt.Local().Format("2006-01-02 15:04:05"), l.Attempts, l.Code, l.Reason)
	}
	return t.Flush()
}

type dlqShowCmd struct {
	ID int64 `arg:"" help:"Its number."`
}

func (cmd dlqShowCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var l deadletter.Letter
	if err := c.get(ctx, "/system/dead-letters/"+strconv.FormatInt(cmd.ID, 10), nil, &l); err != nil {
		return err
	}
	body := l.Body
	l.Body = nil
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(l); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "body (%d bytes):\n%s\n", len(body), body)
	return err
}

// queueRoutes are what an operator may ask of the queue.
func queueRoutes(db queue.DB) []gateway.Route {
	number := func(text string, otherwise int64) (int64, error) {
		if text == "" {
			return otherwise, nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return 0, fault.New(fault.Invalid, "bad_number", "%q is not a positive number", text)
		}
		return n, nil
	}
	return []gateway.Route{
		{Pattern: "GET /system/dead-letters", Serve: func(w http.ResponseWriter, r *http.Request) error {
			limit, err := number(r.FormValue("limit"), 50)
			if err != nil {
				return err
			}
			list, err := deadletter.List(r.Context(), db, deadletter.Filter{Function: r.FormValue("function")}, 0, int(min(limit, deadletter.MaxList)))
			if err != nil {
				return err
			}
			return wire.JSON(w, http.StatusOK, list)
		}},
		{Pattern: "GET /system/dead-letters/{id}", Serve: func(w http.ResponseWriter, r *http.Request) error {
			id, err := number(r.PathValue("id"), 0)
			if err != nil {
				return err
			}
			letter, err := deadletter.Get(r.Context(), db, nil, id)
			if err != nil {
				return err
			}
			return wire.JSON(w, http.StatusOK, letter)
		}},
		{Pattern: "GET /system/calls/{id}", Serve: func(w http.ResponseWriter, r *http.Request) error {
			p, err := queue.Find(r.Context(), db, r.PathValue("id"))
			if err != nil {
				return err
			}
			return wire.JSON(w, http.StatusOK, p)
		}},
	}
}
