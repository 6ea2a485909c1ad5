package raster

import (
	"image"
	"image/color"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"fnstore/kit/exif"
)

func inspectBMP(file []byte) (Header, error) {
	c, err := config(bmp.DecodeConfig, file)
	return plain(BMP, c), err
}

// inspectTIFF reads the first directory; the file is its own Exif block. Tiles
// and strips are bounded by x/image/tiff to the image's size (since 0.47), and
// the fuse stops a strip that unpacks to more than the grant.
func inspectTIFF(file []byte) (Header, error) {
	c, err := config(tiff.DecodeConfig, file)
	h := plain(TIFF, c)
	h.Orientation = exif.Orientation(file)
	return h, err
}

// plain makes the header of a format whose pixels cost what their colour model
// says.
func plain(f Format, c image.Config) Header {
	perPixel := int64(4)
	switch c.ColorModel {
	case color.GrayModel:
		perPixel = 1
	case color.Gray16Model:
		perPixel = 2
	case color.RGBA64Model, color.NRGBA64Model:
		perPixel = 8
	default:
		if _, ok := c.ColorModel.(color.Palette); ok {
			perPixel = 1
		}
	}
	h := Header{Format: f, Width: c.Width, Height: c.Height, Orientation: exif.Upright, Memory: 1 << 62}
	if c.Width < 1<<28 && c.Height < 1<<28 {
		h.Memory = perPixel * int64(c.Width) * int64(c.Height)
	}
	return h
}
