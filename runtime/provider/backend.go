package provider

import (
	"context"
	"net/http"
	"time"

	"github.com/openfaas/faas-provider/types"
)

// Backend is a way to run replicas: as processes, as containers.
type Backend interface {
	// Check refuses, with a fault.Invalid, a deployment that this backend
	// cannot run as it is meant.
	Check(types.FunctionDeployment) error
	// Users reports whether each function shall have a user id of its own.
	Users() bool
	// Fetch makes an image ready to run. A ref that names a digest must work
	// without the registry when the image was fetched before.
	Fetch(ctx context.Context, ref string) (Image, error)
	// Prepare makes ready what the replicas of one version share, its secrets
	// among it. It must not wait for the first of them. With a secret that was
	// removed it gives the Program all the same, and a *secrets.MissingError.
	Prepare(Spec) (Program, error)
	// Close is called once, when no replica is left.
	Close()
}

// DefaultFprocess is what the templates' stack entries say: the program itself.
const DefaultFprocess = "./handler"

// Image is what Fetch found.
type Image struct {
	Digest string
	Of     any // what the backend needs to start it; nobody else looks at it
	// IgnoresFprocess says that its program is known not to read fprocess.
	IgnoresFprocess bool
}

// Spec is one version of a function, as a backend is told of it.
type Spec struct {
	Deployment types.FunctionDeployment
	Image      Image
	Limits     Limits
	UID        int    // the function's user; 0 without one
	Home       string // its folder on this machine; versions share it
}

// Owner is the user that a function's files belong to, -1 for ours.
func (s Spec) Owner() int {
	if s.UID == 0 {
		return -1
	}
	return s.UID
}

// Program is a version that is ready to be started.
type Program interface {
	// Supervisor makes a supervisor of replicas, which run one at a time. The id is
	// unique on this machine.
	Supervisor(id string) (Supervisor, error)
	// Refresh lays the secrets out again, since one of them has changed.
	Refresh() error
	// Close is called when every supervisor is closed.
	Close()
}

// Supervisor starts one replica at a time and outlives it. It owns what outlives a
// replica, such as the listener socket that calls queue at.
type Supervisor interface {
	// Start starts a replica; it need not be ready. It is not called again
	// before that one has exited.
	Start(ctx context.Context) (Replica, error)
	Close()
}

// Replica is one process or container, from its start to its end.
type Replica interface {
	// Transport reaches the replica whatever host a request names. It is always
	// the same one.
	Transport() http.RoundTripper
	// Metrics reaches what the replica counts by itself, at /metrics; nil when it
	// cannot be asked.
	Metrics() http.RoundTripper
	// AwaitReady returns nil when the replica can serve. It gives up when the
	// replica ends, after the Limit, or when ctx does.
	AwaitReady(context.Context, Readiness) error
	// Exited is closed when the replica has ended, with everything it started.
	Exited() <-chan struct{}
	// How tells how it ended, once Exited is closed.
	How() string
	// Stop asks it to end, insists after the grace, and waits for its end.
	Stop(grace time.Duration)
}
