package raster_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"

	"fnstore/kit/raster"
)

// Inspect reads the header; Check refuses what is too large before a pixel is
// allocated; Decode does both.
func ExampleDecode() {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		panic(err)
	}
	m, h, err := raster.Decode(context.Background(), file.Bytes(), raster.DefaultLimits)
	fmt.Println(m.Bounds().Size(), h.Width, h.Height, err)

	small := raster.DefaultLimits
	small.Pixels = 100
	_, _, err = raster.Decode(context.Background(), file.Bytes(), small)
	fmt.Println(err != nil)
	// Output:
	// (40,30) 40 30 <nil>
	// true
}
