package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/openfaas/faas-provider/types"
	"github.com/redis/go-redis/v9"

	"fnstore/connectors/hook"
	"fnstore/connectors/topic"
	"fnstore/kit/queue/lease"
	"fnstore/kit/wire"
	"fnstore/runtime/gateway"
	"fnstore/runtime/queueapi"
)

// checkTime bounds the question to one part of the store.
const checkTime = 3 * time.Second

// overview is what runs and where it is.
type overview struct {
	OK        bool             `json:"ok"` // all parts answer
	Version   string           `json:"version"`
	Parts     []partStatus     `json:"parts"`
	Outputs   outputs          `json:"outputs"`
	Functions []functionStatus `json:"functions"`
}

// partStatus is one part of the store.
type partStatus struct {
	Part  string `json:"part"`
	OK    bool   `json:"ok"`
	URL   string `json:"url,omitempty"` // without a password
	Note  string `json:"note,omitempty"`
	Error string `json:"error,omitempty"`
}

// outputs are where things are, as a deployment of the seed's stack prints them.
type outputs struct {
	Endpoint    string            `json:"endpoint"`    // calls; NAME is the function
	Queue       string            `json:"queue"`       // calls that are queued
	DeadLetters string            `json:"deadletters"` // messages that were given up
	Topics      map[string]string `json:"topics"`      // URL to publish to
	S3          string            `json:"s3"`
	Buckets     map[string]string `json:"buckets"` // URL of each that a function watches, reads or writes
	Browser     string            `json:"browser"`
	Metrics     string            `json:"metrics"`
	User        string            `json:"user"`
	Credentials string            `json:"credentials"` // folder of the store's own passwords
	Env         string            `json:"env"`         // file with every URL and key, for a shell
}

// functionStatus is one function.
type functionStatus struct {
	Name     string  `json:"name"`
	State    string  `json:"state"` // ready, starting or asleep
	Ready    uint64  `json:"ready"`
	Replicas uint64  `json:"replicas"`
	Calls    float64 `json:"calls"` // since the gateway started
	Waiting  int64   `json:"waiting"`
	InFlight int64   `json:"in_flight"`
	Dead     int64   `json:"dead"`
	Queue    string  `json:"queue,omitempty"` // open or paused while messages do not flow
}

// lister gives every function with the number of its calls.
type lister func(context.Context) ([]types.FunctionStatus, error)

func (st *store) statusRoutes(numbers *queueapi.Numbers, functions lister) []gateway.Route {
	return []gateway.Route{{Pattern: "GET /system/status", Serve: func(w http.ResponseWriter, r *http.Request) error {
		return wire.JSON(w, http.StatusOK, st.status(r.Context(), numbers, functions))
	}}}
}

// status asks every part at once. A part that does not answer is part of the
// answer, not an error.
func (st *store) status(ctx context.Context, numbers *queueapi.Numbers, functions lister) overview {
	s := overview{OK: true, Version: version, Parts: st.partStatuses(ctx)}
	for _, p := range s.Parts {
		s.OK = s.OK && p.OK
	}
	s.Outputs = outputs{
		Endpoint: st.gatewayURL + "/function/NAME", Queue: st.gatewayURL + "/async-function/NAME", DeadLetters: st.gatewayURL + "/system/dead-letters",
		S3: "http://" + st.s3Addr, Buckets: map[string]string{}, Topics: map[string]string{}, Browser: st.gatewayURL + "/ui/",
		Metrics: "http://" + st.metricsAddr + "/metrics", User: adminUser, Credentials: st.creds.path(""), Env: st.set.path("env"),
	}
	list, err := functions(ctx)
	if err != nil {
		return s.broken("functions", err)
	}
	var queues []queueapi.Function
	if slices.ContainsFunc(s.Parts, func(p partStatus) bool { return p.Part == "postgres" && p.OK }) {
		if queues, _, err = numbers.Read(ctx); err != nil {
			s = s.broken("queue", err)
		}
	}
	for _, f := range list {
		s.Functions = append(s.Functions, statusOf(f, queues))
		s.Outputs.add(f, st.gatewayURL)
	}
	slices.SortFunc(s.Functions, func(a, b functionStatus) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

func (s overview) broken(part string, err error) overview {
	slog.Warn("a part of the store does not answer", "part", part, "cause", err)
	s.OK, s.Parts = false, append(s.Parts, partStatus{Part: part, Error: "it does not answer: see fnstore.log"})
	return s
}

func statusOf(f types.FunctionStatus, queues []queueapi.Function) functionStatus {
	s := functionStatus{Name: f.Name, State: "ready", Ready: f.AvailableReplicas, Replicas: f.Replicas, Calls: f.InvocationCount}
	switch {
	case f.Replicas == 0 && f.AvailableReplicas == 0:
		s.State = "asleep"
	case f.AvailableReplicas == 0:
		s.State = "starting"
	}
	for _, q := range queues {
		if q.Function == f.Name {
			s.Waiting, s.InFlight, s.Dead, s.Queue = q.Waiting, q.InFlight, q.Dead, q.State()
		}
	}
	return s
}

// add takes in the buckets and topics that a function names.
func (o *outputs) add(f types.FunctionStatus, base string) {
	if f.Annotations == nil {
		return
	}
	for _, name := range []string{hook.AnnotationWatch, hook.AnnotationRead, hook.AnnotationWrite} {
		places, _ := hook.Places((*f.Annotations)[name]) // refused when it was deployed
		for _, p := range places {
			o.Buckets[p.Bucket] = o.S3 + "/" + p.Bucket
		}
	}
	sub, _ := topic.SubscriberOf(hook.Function{Name: f.Name, Annotations: *f.Annotations})
	for _, name := range sub.Topics() {
		o.Topics[name] = base + "/system/topics/" + name
	}
}

func (st *store) partStatuses(ctx context.Context) []partStatus {
	checks := []struct {
		part, url string
		ask       func(context.Context) (note string, err error)
	}{
		{"gateway", st.gatewayURL, func(ctx context.Context) (string, error) { return "", answers(ctx, st.internalURL+"/healthz") }},
		{"postgres", redacted(st.pg.URL()), func(ctx context.Context) (string, error) { return "", st.pool.Ping(ctx) }},
		{"redis", redacted(st.redis.URL()), func(ctx context.Context) (string, error) { return "", pingRedis(ctx, st.redis.URL()) }},
		{"s3", "http://" + st.s3Addr, func(ctx context.Context) (string, error) { return "", answers(ctx, "http://"+st.s3Addr+"/") }},
		{"events", "", st.eventPlane},
		{"registry", "http://" + st.registryAddr, func(ctx context.Context) (string, error) { return "", answers(ctx, "http://"+st.registryAddr+"/v2/") }},
		{"metrics", "http://" + st.metricsAddr + "/metrics", func(ctx context.Context) (string, error) {
			return "", answers(ctx, "http://"+st.metricsAddr+"/healthz")
		}},
	}
	list := make([]partStatus, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, checkTime)
			defer cancel()
			p := partStatus{Part: c.part, URL: c.url, OK: true}
			note, err := c.ask(ctx)
			if p.Note = note; err != nil {
				// The cause may hold a URL with a password: it is for the log.
				slog.Warn("a part of the store does not answer", "part", c.part, "cause", err)
				p.OK, p.Error = false, "it does not answer: see fnstore.log"
			}
			list[i] = p
		})
	}
	all.Wait()
	return list
}

// answers reports an error unless an HTTP server answers; what it says is no
// matter, unless the trouble is its own.
func answers(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode >= 500 {
		return errors.New(res.Status)
	}
	return nil
}

func pingRedis(ctx context.Context, url string) error {
	o, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	c := redis.NewClient(o)
	defer c.Close()
	return c.Ping(ctx).Err()
}

// eventPlane asks whether somebody delivers messages.
func (st *store) eventPlane(ctx context.Context) (string, error) {
	if st.delivery.Load() == nil {
		return "", errors.New("delivery has not started")
	}
	workers, err := lease.Workers(ctx, st.pool)
	if err != nil {
		return "", err
	}
	if workers == 0 {
		return "", errors.New("no worker has joined the queue")
	}
	return fmt.Sprintf("workers: %d", workers), nil
}

type statusCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints what runs, and fails when a part does not.
func (cmd statusCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var now overview
	if err := c.get(ctx, "/system/status", nil, &now); err != nil {
		now = overview{Parts: []partStatus{{Part: "gateway", URL: redacted(c.base), Error: err.Error()}}}
	}
	if cmd.JSON {
		err = printJSON(out, now)
	} else {
		err = now.print(out)
	}
	if err == nil && !now.OK {
		err = errQuiet
	}
	return err
}

func (s overview) print(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PART\tSTATE\tWHERE")
	for _, p := range s.Parts {
		state := "up"
		if !p.OK {
			state = "DOWN"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", p.Part, state, strings.Join(slices.DeleteFunc([]string{p.URL, p.Note, p.Error}, func(s string) bool { return s == "" }), "  "))
	}
	if s.Outputs.Endpoint == "" {
		return t.Flush()
	}
	fmt.Fprintln(t, "\t\t\nFUNCTION\tSTATE\tREPLICAS\tCALLS\tWAITING\tIN FLIGHT\tDEAD\tQUEUE")
	for _, f := range s.Functions {
		fmt.Fprintf(t, "%s\t%s\t%d/%d\t%.0f\t%d\t%d\t%d\t%s\n", f.Name, f.State, f.Ready, f.Replicas, f.Calls, f.Waiting, f.InFlight, f.Dead, f.Queue)
	}
	fmt.Fprintln(t, "\t\t\nOUTPUT\tVALUE")
	o := s.Outputs
	for _, line := range [][2]string{
		{"endpoint", o.Endpoint}, {"queue", o.Queue}, {"dead letters", o.DeadLetters}, {"S3", o.S3}, {"browser", o.Browser}, {"metrics", o.Metrics},
	} {
		fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
	}
	for _, name := range sorted(o.Buckets) {
		fmt.Fprintf(t, "bucket %s\t%s\n", name, o.Buckets[name])
	}
	for _, name := range sorted(o.Topics) {
		fmt.Fprintf(t, "topic %s\t%s\n", name, o.Topics[name])
	}
	fmt.Fprintf(t, "user\t%s\ncredentials\t%s\nsettings\t%s\n", o.User, o.Credentials, o.Env)
	return t.Flush()
}

func sorted(m map[string]string) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
