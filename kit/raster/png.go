package raster

import (
	"encoding/binary"
	"errors"
	"image/png"

	"fnstore/kit/exif"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// PNG colour types (PNG third edition, table 1).
const (
	pngGray    = 0
	pngPalette = 3
)

// inspectPNG walks the chunks, each a length, a name, the data and a checksum.
func inspectPNG(file []byte) (Header, error) {
	if len(file) < 8+8+13 || string(file[12:16]) != "IHDR" {
		return Header{}, errors.New("no IHDR first")
	}
	ihdr := file[16:29]
	h := Header{
		Format:      PNG,
		Width:       int(binary.BigEndian.Uint32(ihdr)),
		Height:      int(binary.BigEndian.Uint32(ihdr[4:])),
		Orientation: exif.Upright,
	}
	transparent := false
	for rest := file[8:]; len(rest) >= 12; {
		n := uint64(binary.BigEndian.Uint32(rest))
		if n+12 > uint64(len(rest)) {
			break // cut short: the decoder says so
		}
		switch string(rest[4:8]) {
		case "tRNS":
			transparent = true
		case "eXIf":
			h.Orientation = exif.Orientation(rest[8 : 8+n])
		}
		rest = rest[12+n:]
	}
	h.Memory = pngMemory(h, ihdr[8], ihdr[9], ihdr[12] != 0, transparent)
	c, err := config(png.DecodeConfig, file)
	return same(h, err, c)
}

// pngMemory counts what image/png allocates for its image type; an interlaced
// image is decoded pass by pass, and the passes together are as large again.
// The product fits: a side is below 2^31 and a pixel at most 16 bytes; the
// pixel limits are checked first all the same.
func pngMemory(h Header, depth, kind byte, interlaced, transparent bool) int64 {
	if h.Width > 1<<24 || h.Height > 1<<24 {
		return 1 << 62
	}
	perPixel := int64(4)
	switch {
	case depth == 16 && kind == pngGray && !transparent:
		perPixel = 2
	case depth == 16:
		perPixel = 8
	case kind == pngPalette, kind == pngGray && !transparent:
		perPixel = 1
	}
	if interlaced {
		perPixel *= 2
	}
	return perPixel * int64(h.Width) * int64(h.Height)
}
