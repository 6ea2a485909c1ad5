// Package architecture holds the rules of this repository as tests: which
// package may import which, what must have a comment, what must agree with
// what. Each failure says why the rule is there and what to do. It does not
// know what any of the code is for.
//
// The tests read files. Where one starts a program as well (see links_test.go)
// it first reads what that program will read, since `go test` caches a result
// until a file changes that the test itself has opened.
package architecture
