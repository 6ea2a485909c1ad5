// Package law holds the rules of this house as tests: which room may import
// which, what must have a sentence, what must agree with what. Each complaint
// says why the rule is there and what to do. It does not know what any of the
// code is for.
//
// The laws read files. Where one starts a program as well (see links_test.go)
// it reads first what that program will read, since `go test` keeps a result
// until a file changes that the test itself has opened.
package law
