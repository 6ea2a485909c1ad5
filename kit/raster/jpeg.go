package raster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image/jpeg"

	"fnstore/kit/exif"
)

// maxScans bounds the passes over a progressive JPEG. Encoders make about ten;
// each legal scan costs 44 bytes of file and a walk over every block.
const maxScans = 100

// JPEG's markers (ITU-T T.81 table B.1).
const (
	sof0, sof1, sof2 = 0xc0, 0xc1, 0xc2
	rst0, rst7       = 0xd0, 0xd7
	soi, eoi, sos    = 0xd8, 0xd9, 0xda
	app1, app14      = 0xe1, 0xee
)

// frame is what the decoder's memory depends on.
type frame struct {
	width, height int
	progressive   bool
	rgb           bool // three components that are not YCbCr
	sampling      []byte
	ids           []byte
	scans         int
	orientation   int
}

func inspectJPEG(file []byte) (Header, error) {
	f, err := walkJPEG(file)
	if err != nil {
		return Header{}, err
	}
	if f.scans > maxScans {
		return Header{}, tooLarge("the jpeg image has %d scans; the limit is %d", f.scans, maxScans)
	}
	h := Header{Format: JPEG, Width: f.width, Height: f.height, Orientation: f.orientation, Memory: f.memory()}
	c, err := config(jpeg.DecodeConfig, file)
	return same(h, err, c)
}

// walkJPEG steps from marker to marker up to the end of the image. It reads as
// image/jpeg reads, fill bytes and stray bytes included, so that both see the
// same segments.
func walkJPEG(file []byte) (frame, error) {
	f := frame{orientation: exif.Upright}
	for at := 2; ; {
		skip := bytes.IndexByte(file[at:], 0xff)
		if skip < 0 || at+skip+1 >= len(file) {
			return f, f.ended()
		}
		at += skip + 1
		marker := file[at]
		switch {
		case marker == 0xff: // a fill byte; its successor may be the marker
			continue
		case marker == 0, rst0 <= marker && marker <= rst7:
			at++
			continue
		case marker == eoi:
			return f, f.ended()
		}
		at++
		if at+2 > len(file) {
			return f, f.ended()
		}
		n := int(binary.BigEndian.Uint16(file[at:]))
		if n < 2 || at+n > len(file) {
			return f, f.ended()
		}
		if err := f.segment(marker, file[at+2:at+n]); err != nil {
			return f, err
		}
		at += n
	}
}

func (f *frame) segment(marker byte, p []byte) error {
	switch marker {
	case sof0, sof1, sof2:
		if f.sampling != nil || len(p) < 6 || len(p) < 6+3*int(p[5]) {
			return errors.New("bad frame header")
		}
		f.progressive = marker == sof2
		f.height, f.width = int(binary.BigEndian.Uint16(p[1:])), int(binary.BigEndian.Uint16(p[3:]))
		for i := 0; i < int(p[5]); i++ {
			f.ids = append(f.ids, p[6+3*i])
			f.sampling = append(f.sampling, p[7+3*i])
		}
		f.rgb = f.rgb || string(f.ids) == "RGB"
	case sos:
		f.scans++
	case app1:
		if block, ok := exif.Block(p); ok && f.orientation == exif.Upright {
			f.orientation = exif.Orientation(block)
		}
	case app14: // Adobe's segment: byte 11 says how the colours were turned
		if len(p) >= 12 && string(p[:5]) == "Adobe" && p[11] == 0 {
			f.rgb = true
		}
	}
	return nil
}

// ended is for a walk that found no more markers: fine with a frame, since the
// decoder will say what else is missing.
func (f *frame) ended() error {
	if f.sampling == nil {
		return errors.New("no frame header")
	}
	return nil
}

// memory counts what image/jpeg allocates: a byte a sample, padded to whole
// blocks of the coarsest component; four more a sample for the coefficients of
// a progressive image; and four a pixel where the samples become RGB or CMYK.
func (f *frame) memory() int64 {
	hmax, vmax := 1, 1
	for _, s := range f.sampling {
		hmax, vmax = max(hmax, int(s>>4)), max(vmax, int(s&15))
	}
	pad := func(n, to int) int64 { return int64((n + to - 1) / to * to) }
	px := pad(f.width, 8*hmax) * pad(f.height, 8*vmax)
	var samples int64
	for _, s := range f.sampling {
		samples += px * int64(s>>4) * int64(s&15) / int64(hmax*vmax)
	}
	bytes := samples
	if f.progressive {
		bytes += 4 * samples
	}
	if len(f.sampling) == 4 || len(f.sampling) == 3 && f.rgb {
		bytes += 4 * px
	}
	return bytes
}
