package s3_test

import (
	"context"
	"fmt"

	"fnstore/kit/s3"
)

// The secret NAME-s3 of a function is such a URL. Nothing is dialled before the
// first request.
func ExampleOpen() {
	store, err := s3.Open("http://KEY:SECRET@127.0.0.1:9000")
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = store.Stat(ctx, "uploads", "photo.jpg")
	fmt.Println(err != nil)

	_, err = s3.Open("127.0.0.1:9000")
	fmt.Println(err != nil)
	// Output:
	// true
	// true
}
