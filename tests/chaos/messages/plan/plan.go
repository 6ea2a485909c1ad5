// Package plan holds what the test and its nodes have agreed on.
package plan

// Environment of a node.
const (
	Name        = "NODE_NAME"
	Listen      = "NODE_LISTEN"
	Postgres    = "NODE_POSTGRES"
	Socket      = "NODE_SOCKET"       // where the functions are
	EarlyAnswer = "NODE_EARLY_ANSWER" // a mutant
)

// Headers of a call.
const (
	Group = "X-Chaos-Group" // of the message
	Node  = "X-Chaos-Node"  // that the delivery came through
)

// Functions are the functions that messages are for.
var Functions = []string{"f0", "f1", "f2", "f3"}

// Annotations are those of every function: pauses are short, or a run would wait
// for hours.
var Annotations = map[string]string{
	"com.openfaas.retry.min_wait": "200ms",
	"com.openfaas.retry.max_wait": "2s",
	"fnstore.concurrency":         "16",
}
