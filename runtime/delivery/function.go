package delivery

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"fnstore/kit/queue/lease"
)

// Defaults of what a function says about its messages.
const (
	DefaultConcurrency = 10                // calls at once
	DefaultVisibility  = 900 * time.Second // of one attempt
	MaxBatch           = 10                // messages in one call, as of SQS
	maxWindow          = time.Minute       // that a batch may wait for more messages
	maxVisibility      = 12 * time.Hour    // as of SQS
	maxConcurrency     = 1000
)

// Annotations of a function about its messages, beside those of Policy. One that
// cannot be read leaves the default.
const (
	annotationSends       = "fnstore.sends"        // read by provision too
	annotationConcurrency = "fnstore.concurrency"  // calls at once; the environment's max_inflight where it is not set
	annotationVisibility  = "fnstore.visibility"   // the longest that one attempt may take, a Go duration
	annotationBatchSize   = "fnstore.batch.size"   // messages in one call, 1 to 10; more than 1 changes what the function gets
	annotationBatchWindow = "fnstore.batch.window" // how long a batch waits to be full, a Go duration
)

// Function says how messages of a function are delivered.
type Function struct {
	Name        string
	Concurrency int           // calls at once, in this worker
	Visibility  time.Duration // bounds one attempt, from the call to the answer; 0 means DefaultVisibility
	BatchSize   int           // messages in one call; below 2 each message is a call of its own
	BatchWindow time.Duration // that the first message of a batch waits for others
	Retry       Policy
	Sends       string // the annotation fnstore.sends: to whom it may send and publish
	// Call makes the call of a message in the gateway's place; nil for functions.
	// An error that is not retriable (see fault) makes a dead letter.
	Call func(ctx context.Context, m lease.Message, body []byte) (*http.Response, error)
}

// Describe reads a function's annotations and environment.
func Describe(name string, annotations, env map[string]string) Function {
	f := Function{Name: name, Concurrency: DefaultConcurrency, Visibility: DefaultVisibility, Retry: parsePolicy(annotations), Sends: annotations[annotationSends]}
	if n, err := strconv.Atoi(env["max_inflight"]); err == nil && n > 0 {
		f.Concurrency = min(n, maxConcurrency)
	}
	if n, err := strconv.Atoi(annotations[annotationConcurrency]); err == nil && n > 0 {
		f.Concurrency = min(n, maxConcurrency)
	}
	if d := parseWait(annotations[annotationVisibility]); d > 0 {
		f.Visibility = min(d, maxVisibility)
	}
	if n, err := strconv.Atoi(annotations[annotationBatchSize]); err == nil && n > 0 {
		f.BatchSize = min(n, MaxBatch)
	}
	f.BatchWindow = min(parseWait(annotations[annotationBatchWindow]), maxWindow)
	return f
}

// batch is how many messages one call takes.
func (f Function) batch() int { return max(f.BatchSize, 1) }

func (f Function) visibility() time.Duration {
	if f.Visibility <= 0 {
		return DefaultVisibility
	}
	return f.Visibility
}
