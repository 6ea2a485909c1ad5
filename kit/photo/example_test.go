package photo_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"

	"fnstore/kit/photo"
	"fnstore/kit/raster"
)

// A thumbnail keeps the ratio of its photo.
func ExampleMake() {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 400, 300))); err != nil {
		panic(err)
	}
	made, err := photo.Make(context.Background(), file.Bytes(), []int{100, 200}, raster.DefaultLimits)
	if err != nil {
		panic(err)
	}
	for _, t := range made {
		fmt.Println(t.Size)
	}
	// Output:
	// (100,75)
	// (200,150)
}
