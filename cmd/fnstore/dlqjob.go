package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"fnstore/kit/queue/deadletter"
	"fnstore/runtime/queueapi"
)

// dlqChange chooses the dead letters of a retry or purge.
type dlqChange struct {
	IDs      []int64 `arg:"" optional:"" name:"id" help:"These."`
	Function string  `help:"Those of this function." placeholder:"NAME"`
	dlqFilter
	All    bool `help:"All there are."`
	Rate   int  `help:"At most this many a second." placeholder:"N"`
	DryRun bool `help:"Only say how many there are."`
	Detach bool `short:"d" help:"Return at once; the job goes on."`
}

type (
	dlqRetryCmd struct{ dlqChange }
	dlqPurgeCmd struct{ dlqChange }
)

func (cmd dlqRetryCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	return cmd.run(ctx, s, out, deadletter.Retry)
}

func (cmd dlqPurgeCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	return cmd.run(ctx, s, out, deadletter.Purge)
}

// run starts a job on the server and follows it.
func (cmd dlqChange) run(ctx context.Context, s *settings, out io.Writer, kind deadletter.Kind) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	choice := queueapi.Choice{
		IDs: cmd.IDs, Function: cmd.Function, Code: cmd.Code, Older: cmd.Older, Newer: cmd.Newer,
		All: cmd.All, Rate: cmd.Rate, DryRun: cmd.DryRun,
	}
	path := "/system/dead-letters/" + string(kind)
	if cmd.DryRun {
		var n struct{ Count int64 }
		if err := c.post(ctx, path, choice, &n); err != nil {
			return err
		}
		fmt.Fprintf(out, "%d dead letters\n", n.Count)
		return nil
	}
	var job deadletter.Job
	if err := c.post(ctx, path, choice, &job); err != nil {
		return err
	}
	if cmd.Detach {
		fmt.Fprintf(out, "Job %d: %d dead letters, %d a second.\n", job.ID, job.Total, job.Rate)
		sayHow(out, job)
		return nil
	}
	return c.follow(ctx, out, job)
}

func sayHow(out io.Writer, job deadletter.Job) {
	fmt.Fprintf(out, "  fnstore dlq follow %d    shows how far it is\n  fnstore dlq cancel %d    ends it\n", job.ID, job.ID)
}

type dlqFollowCmd struct {
	Job int64 `arg:"" help:"Its number."`
}

func (cmd dlqFollowCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	job, err := c.job(ctx, cmd.Job)
	if err != nil {
		return err
	}
	return c.follow(ctx, out, job)
}

// How a job is followed.
const (
	askEvery   = 300 * time.Millisecond
	askPatient = time.Minute // the store may be restarted meanwhile: the job goes on after that
)

// follow shows how far a job is until it ends. When ctx ends first, the job goes
// on: it says so, and that the job was not seen to its end.
func (c *client) follow(ctx context.Context, out io.Writer, job deadletter.Job) error {
	bars := newProgress(out)
	t := bars.task(fmt.Sprintf("%s %d", job.Kind, job.Total), int(max(job.Total, 1)))
	seen := time.Now()
	for job.State == "running" && ctx.Err() == nil {
		t.reach(job.Done, jobStage(job))
		select {
		case <-ctx.Done():
			continue
		case <-time.After(askEvery):
		}
		next, err := c.job(ctx, job.ID)
		var said *statusError
		switch {
		case err == nil:
			job, seen = next, time.Now()
		case ctx.Err() != nil:
		case errors.As(err, &said) && said.code < 500, time.Since(seen) > askPatient:
			t.done("", err)
			bars.wait()
			return err
		}
	}
	if job.State == "running" {
		t.leave(jobStage(job))
		bars.wait()
		fmt.Fprintf(out, "\nJob %d goes on without this command.\n", job.ID)
		sayHow(out, job)
		return errQuiet
	}
	t.done(fmt.Sprintf("%s, %d of %d", job.State, job.Done, job.Total), nil)
	bars.wait()
	if job.State == "cancelled" {
		return fmt.Errorf("job %d was cancelled after %d of %d", job.ID, job.Done, job.Total)
	}
	return nil
}

func jobStage(job deadletter.Job) string {
	left := time.Duration(job.Total-job.Done) * time.Second / time.Duration(max(job.Rate, 1))
	return fmt.Sprintf("%d of %d, %d a second, about %s left", job.Done, job.Total, job.Rate, max(left, 0).Round(time.Second))
}

// reach says how much of the task is done.
func (t *task) reach(n int64, stage string) {
	t.mu.Lock()
	t.stage = stage
	t.mu.Unlock()
	if t.bar != nil {
		t.bar.SetCurrent(min(n, t.steps-1)) // done ends it
	}
}

// leave stops showing a task that goes on elsewhere.
func (t *task) leave(stage string) {
	t.mu.Lock()
	t.stage = stage
	t.mu.Unlock()
	if t.bar != nil {
		t.bar.Abort(false)
	}
}

type dlqJobsCmd struct{}

func (dlqJobsCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var list []deadletter.Job
	if err := c.get(ctx, "/system/dead-letters/jobs", nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "JOB\tKIND\tSTATE\tDONE\tOF\tSTARTED")
	for _, j := range list {
		fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%d\t%s\n", j.ID, j.Kind, j.State, j.Done, j.Total, localTime(j.CreatedAt))
	}
	return t.Flush()
}

type dlqCancelCmd struct {
	Job int64 `arg:"" help:"Its number."`
}

func (cmd dlqCancelCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	res, err := c.do(ctx, http.MethodDelete, "/system/dead-letters/jobs/"+strconv.FormatInt(cmd.Job, 10), nil, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var job deadletter.Job
	if err := json.NewDecoder(res.Body).Decode(&job); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	fmt.Fprintf(out, "Job %d is cancelled: %d of %d were done.\n", job.ID, job.Done, job.Total)
	return nil
}

func (c *client) job(ctx context.Context, id int64) (job deadletter.Job, err error) {
	return job, c.get(ctx, "/system/dead-letters/jobs/"+strconv.FormatInt(id, 10), nil, &job)
}

// post sends v as JSON and reads the answer into got.
func (c *client) post(ctx context.Context, path string, v, got any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	res, err := c.do(ctx, http.MethodPost, path, bytes.NewReader(b), http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(got); err != nil {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	return nil
}
