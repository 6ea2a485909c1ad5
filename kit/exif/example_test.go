package exif_test

import (
	"fmt"

	"fnstore/kit/exif"
)

// What cannot be read is shown as it is stored.
func ExampleOrientation() {
	fmt.Println(exif.Orientation([]byte("no TIFF header")) == exif.Upright)
	// Output: true
}
