// NATS JetStream (Apache-2.0), to be measured beside the store's queue. A module
// of its own, so that nothing else carries it; `go run ./tests/bench/queue`
// compiles it in a folder of its own and tells when it cannot be had.
module fnstore/tests/bench/peers/nats

go 1.26.0

require (
	github.com/nats-io/nats-server/v2 v2.15.3
	github.com/nats-io/nats.go v1.55.0
)
