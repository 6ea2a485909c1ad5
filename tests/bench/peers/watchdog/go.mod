// OpenFaaS' of-watchdog 0.11.6 (MIT licence), to be measured beside the function
// server: itself, built as it is, and its in-process form in main.go. A module
// of its own, so that nothing else carries it; `go run ./tests/bench/server`
// compiles it in a folder of its own and tells when it cannot be had.
module fnstore/tests/bench/peers/watchdog

go 1.26.0

require github.com/openfaas/of-watchdog v0.0.0-20260513144341-9bdadb1e8c68
