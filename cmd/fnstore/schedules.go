package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"text/tabwriter"
	"time"

	"fnstore/connectors/topic"
	"fnstore/runtime/eventapi"
)

type schedulesCmd struct {
	List   schedulesListCmd   `cmd:"" default:"1" help:"List the schedules of deployed functions."`
	Next   schedulesNextCmd   `cmd:"" help:"List what runs next, soonest first."`
	Run    schedulesRunCmd    `cmd:"" help:"Run a schedule's function now, besides its ticks."`
	Pause  schedulesPauseCmd  `cmd:"" help:"Stop a schedule until it is resumed."`
	Resume schedulesResumeCmd `cmd:"" help:"Go on with a schedule. What it missed meanwhile is not made up for."`
}

// one names a schedule.
type oneSchedule struct {
	Function string `arg:"" help:"Its name."`
	Schedule string `arg:"" optional:"" help:"Which of its schedules, as list shows it; not needed when it has one."`
}

func (o oneSchedule) send(ctx context.Context, s *settings, verb string) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	return c.send(ctx, http.MethodPost, "/system/schedules/"+verb, map[string]string{"function": o.Function, "schedule": o.Schedule})
}

func schedules(ctx context.Context, s *settings) ([]eventapi.Schedule, error) {
	c, err := newClient(s)
	if err != nil {
		return nil, err
	}
	var list []eventapi.Schedule
	return list, c.get(ctx, "/system/schedules", nil, &list)
}

type schedulesListCmd struct{}

// Run prints a table.
func (schedulesListCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	list, err := schedules(ctx, s)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "FUNCTION\tSCHEDULE\tPATH\tMISSED\tOVERLAP\tNEXT")
	for _, e := range list {
		next := "paused"
		if e.Next != nil {
			next = e.Next.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Function, e.Schedule, e.Path, e.Missed, e.Overlap, next)
	}
	return t.Flush()
}

type schedulesNextCmd struct {
	N int `short:"n" default:"10" help:"How many ticks." placeholder:"N"`
}

type schedulesRunCmd struct{ oneSchedule }

// Run writes a message.
func (cmd schedulesRunCmd) Run(ctx context.Context, s *settings) error {
	return cmd.send(ctx, s, "run")
}

type schedulesPauseCmd struct{ oneSchedule }

// Run pauses it.
func (cmd schedulesPauseCmd) Run(ctx context.Context, s *settings) error {
	return cmd.send(ctx, s, "pause")
}

type schedulesResumeCmd struct{ oneSchedule }

// Run resumes it.
func (cmd schedulesResumeCmd) Run(ctx context.Context, s *settings) error {
	return cmd.send(ctx, s, "resume")
}

type publishCmd struct {
	Topic       string `arg:"" help:"The topic's name."`
	Attributes  string `short:"a" help:"JSON object that subscribers' filters look at." placeholder:"JSON"`
	ContentType string `name:"content-type" default:"application/json" help:"Type of the body."`
	Group       string `help:"Publications of one group reach each subscriber in order." placeholder:"NAME"`
}

// Run publishes what comes from standard input.
func (cmd publishCmd) Run(ctx context.Context, s *settings, in io.Reader, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	body, err := readBody(in)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {cmd.ContentType}}
	if cmd.Attributes != "" {
		header.Set(topic.HeaderAttributes, cmd.Attributes)
	}
	if cmd.Group != "" {
		header.Set("X-Fnstore-Group", cmd.Group)
	}
	res, err := c.do(ctx, http.MethodPost, "/system/topics/"+(&url.URL{Path: cmd.Topic}).EscapedPath(), bytes.NewReader(body), header)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = fmt.Fprintln(out, res.Header.Get("X-Call-Id"))
	return err
}

// Run prints the ticks to come of all schedules.
func (cmd schedulesNextCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	list, err := schedules(ctx, s)
	if err != nil {
		return err
	}
	type tick struct {
		at time.Time
		of eventapi.Schedule
	}
	var ticks []tick
	for _, e := range list {
		schedule, err := e.Parse()
		if err != nil || e.Paused {
			continue
		}
		at := time.Now()
		for range cmd.N {
			if at = schedule.Next(at); at.IsZero() {
				break
			}
			ticks = append(ticks, tick{at, e})
		}
	}
	slices.SortStableFunc(ticks, func(a, b tick) int { return a.at.Compare(b.at) })
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "TIME\tFUNCTION\tSCHEDULE\tPATH")
	for _, k := range ticks[:min(cmd.N, len(ticks))] {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", k.at.Format(time.RFC3339), k.of.Function, k.of.Schedule, k.of.Path)
	}
	return t.Flush()
}
