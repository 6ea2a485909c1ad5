package function

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/invoke"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/retry"
	"fnstore/kit/signed"
)

const databaseSecret = "chain-pg"

// Bounds and defaults.
const (
	DefaultGateway = "http://127.0.0.1:8080"
	DefaultSteps   = "validate=chain?op=validate, process=chain?op=process, store=chain?op=store"
	DefaultBudget  = 30 * time.Second // of a run whose caller gives no deadline
	maxSteps       = 10
	maxBody        = 6 << 20                // bytes of a request, and of each step's answer
	answerReserve  = 200 * time.Millisecond // of the budget that is kept for the answer
)

// api is the function with its needs.
type api struct {
	db     *pg.DB
	client *invoke.Client
	steps  []step
	policy retry.Policy
	now    func() time.Time
}

// step is a function that gets the answer of the step before.
type step struct{ name, function, query string }

// Open makes the function from its environment and its secrets. It dials
// nothing; an error is one of the settings and stays.
func Open(getenv func(string) string, read func(name string) (string, error)) (http.Handler, error) {
	a := &api{db: pg.Open(func() (string, error) { return read(databaseSecret) }), now: time.Now}
	gateway, text := DefaultGateway, DefaultSteps
	if s := getenv("gateway_url"); s != "" {
		gateway = s
	}
	if s := getenv("chain_steps"); s != "" {
		text = s
	}
	var err error
	if a.client, err = invoke.Open(gateway, func() (string, error) { return read(caller.Secret) }); err != nil {
		return nil, fmt.Errorf("gateway_url: %w", err)
	}
	if a.steps, err = parseSteps(text); err != nil {
		return nil, err
	}
	return signed.Only(maxBody, &rest.API{Name: "chain", Default: "run", Routes: []rest.Route{
		{Method: "POST", Path: "/run", Op: "run", Public: true, MaxBody: maxBody, Serve: a.run},
		{Method: "POST", Path: "/validate", Op: "validate", Public: true, MaxBody: maxBody, Serve: a.validate},
		{Method: "POST", Path: "/process", Op: "process", Public: true, MaxBody: maxBody, Serve: a.process},
		{Method: "POST", Path: "/store", Op: "store", Public: true, MaxBody: maxBody, Serve: a.store},
		{Method: "GET", Path: "/records/{id}", Op: "get-record", Public: true, Serve: a.record},
	}}), nil
}

var (
	stepName     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	functionName = stepName
)

// parseSteps reads NAME=FUNCTION[?QUERY], with commas between them.
func parseSteps(text string) (list []step, err error) {
	seen := map[string]bool{}
	for item := range strings.SplitSeq(text, ",") {
		name, target, ok := strings.Cut(strings.TrimSpace(item), "=")
		function, query, _ := strings.Cut(target, "?")
		q, bad := url.ParseQuery(query)
		switch {
		case !ok || !stepName.MatchString(name) || !functionName.MatchString(function) || bad != nil:
			return nil, fmt.Errorf("chain_steps: %q is not NAME=FUNCTION or NAME=FUNCTION?QUERY", item)
		case seen[name]:
			return nil, fmt.Errorf("chain_steps: %s is there twice", name)
		case function == "chain" && (q.Get("op") == "" || q.Get("op") == "run"):
			return nil, fmt.Errorf("chain_steps: %s would run the chain within itself", name)
		}
		seen[name] = true
		list = append(list, step{name, function, q.Encode()})
	}
	if len(list) > maxSteps {
		return nil, fmt.Errorf("chain_steps: there are %d; %d are the most", len(list), maxSteps)
	}
	return list, nil
}
