package password_test

import (
	"context"
	"fmt"
	"strings"

	"fnstore/kit/password"
)

// What is stored names the algorithm and its cost, so both can change later.
func ExampleHasher() {
	ctx := context.Background()
	h := password.New()
	stored, err := h.Hash(ctx, "correct horse battery staple")
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.HasPrefix(stored, "$argon2id$"))
	fmt.Println(h.Matches(ctx, "correct horse battery staple", stored))
	fmt.Println(h.Matches(ctx, "Tr0ub4dor&3", stored))
	// Output:
	// true
	// true <nil>
	// false <nil>
}
