// River (MPL-2.0), to be measured beside the store's queue. A module of its own,
// so that nothing else carries it; `go run ./tests/bench/queue` compiles it in a
// folder of its own and tells when it cannot be had.
module fnstore/tests/bench/peers/river

go 1.26.0

require (
	github.com/jackc/pgx/v5 v5.12.0
	github.com/riverqueue/river v0.51.2
	github.com/riverqueue/river/riverdriver/riverpgxv5 v0.51.2
	github.com/riverqueue/river/rivertype v0.51.2
)
