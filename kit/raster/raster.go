// Package raster turns the bytes of an image file into pixels, at a cost that
// is known before the first pixel is made. It does not know where the bytes
// come from or what the pixels are for.
package raster

import (
	"bytes"
	"fmt"

	"fnstore/kit/fault"
)

// Format is what a file is, by its first bytes. A name or a declared type is
// never asked, and no decoder registers itself: package image picks by
// registration, so one stray import would change who decodes.
type Format string

// The formats that are read.
const (
	JPEG Format = "jpeg"
	PNG  Format = "png"
	GIF  Format = "gif"
	WebP Format = "webp"
	BMP  Format = "bmp"
	TIFF Format = "tiff"
)

// Header is what a file says about itself, read without decoding it.
type Header struct {
	Format        Format
	Width, Height int   // as stored, before Orientation is applied
	Orientation   int   // 1 to 8, as Exif counts
	Memory        int64 // bytes the decoder will allocate because of the header, at most
}

// Limits bound what a file may ask for.
type Limits struct {
	JPEGPixels int64 // width x height of a JPEG
	Pixels     int64 // width x height of anything else
	Side       int   // width or height
	Memory     int64 // the file, its pixels and the decoder's own tables, in bytes
}

// DefaultLimits suits a process of 128 MiB that decodes one image at a time. The
// pixel limits are those of widely used image proxies (50 MP); memory is what
// decides for formats that spend more than two bytes a pixel.
var DefaultLimits = Limits{JPEGPixels: 50_000_000, Pixels: 40_000_000, Side: 30_000, Memory: 96 << 20}

// Sniff tells a file's format by its magic bytes.
func Sniff(file []byte) (Format, bool) {
	has := func(magic string) bool { return bytes.HasPrefix(file, []byte(magic)) }
	switch {
	case has("\xff\xd8\xff"):
		return JPEG, true
	case has(pngMagic):
		return PNG, true
	case has("GIF87a"), has("GIF89a"):
		return GIF, true
	case has("RIFF") && len(file) >= 12 && string(file[8:12]) == "WEBP":
		return WebP, true
	case has("BM"):
		return BMP, true
	case has("II*\x00"), has("MM\x00*"):
		return TIFF, true
	}
	return "", false
}

// inspectors read each format's header. They allocate nothing that grows with
// the numbers they read.
var inspectors = map[Format]func([]byte) (Header, error){
	JPEG: inspectJPEG, PNG: inspectPNG, GIF: inspectGIF, WebP: inspectWebP, BMP: inspectBMP, TIFF: inspectTIFF,
}

// Inspect reads a file's header. Its errors are faults: unsupported_image,
// image_damaged.
func Inspect(file []byte) (h Header, err error) {
	format, ok := Sniff(file)
	if !ok {
		return Header{}, unsupported("%s", stranger(file))
	}
	defer recovered(format, &err)
	if h, err = inspectors[format](file); err != nil {
		return Header{}, verdict(format, err)
	}
	if h.Width <= 0 || h.Height <= 0 {
		return Header{}, damaged(format, fmt.Errorf("%dx%d pixels", h.Width, h.Height))
	}
	return h, nil
}

// Check refuses a header that asks for more than the limits. The error is the
// fault image_too_large.
func (l Limits) Check(h Header, size int) error {
	most := l.Pixels
	if h.Format == JPEG {
		most = l.JPEGPixels
	}
	if h.Width > l.Side || h.Height > l.Side {
		return tooLarge("the image is %dx%d; a side may have %d pixels", h.Width, h.Height, l.Side)
	}
	if px := int64(h.Width) * int64(h.Height); px > most {
		return tooLarge("the image is %dx%d, %d megapixels; the limit is %d", h.Width, h.Height, px/1e6, most/1e6)
	}
	if need := h.Memory + int64(size); need > l.Memory {
		return tooLarge("the %s image is %dx%d and would take %d MiB to decode; %d MiB are left for it",
			h.Format, h.Width, h.Height, need>>20, l.Memory>>20)
	}
	return nil
}

// stranger says what a file is that is not read here, where that helps a
// person: phones send HEIC under any name.
func stranger(file []byte) string {
	switch {
	case len(file) == 0:
		return "the file is empty"
	case len(file) >= 12 && string(file[4:8]) == "ftyp":
		return "HEIC, AVIF and video files are not read here; send JPEG, PNG, GIF, WebP, BMP or TIFF"
	}
	return "the file is not a JPEG, PNG, GIF, WebP, BMP or TIFF image"
}

func unsupported(format string, args ...any) *fault.Error {
	return fault.New(fault.Unsupported, "unsupported_image", format, args...)
}

func tooLarge(format string, args ...any) *fault.Error {
	return fault.New(fault.TooLarge, "image_too_large", format, args...)
}

func damaged(f Format, cause error) *fault.Error {
	return fault.New(fault.Unprocessable, "image_damaged", "the %s image is damaged or cut short", f).Because(cause)
}
