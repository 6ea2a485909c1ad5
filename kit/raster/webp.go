package raster

import (
	"encoding/binary"
	"errors"

	"golang.org/x/image/webp"

	"fnstore/kit/exif"
)

// inspectWebP walks the RIFF chunks (RFC 9649 section 2). x/image/webp
// allocates from the size of a chunk and from the size inside a VP8L chunk
// (28 bytes of file asked it for 1 GiB), so both are read here before it runs:
// no chunk may claim more than the file has, and the bitstream's own size is
// the one that counts.
func inspectWebP(file []byte) (Header, error) {
	h := Header{Format: WebP, Orientation: exif.Upright}
	alpha := false
	end := min(uint64(len(file)), 8+uint64(binary.LittleEndian.Uint32(file[4:])))
	for rest := file[12:max(end, 12)]; len(rest) >= 8; {
		n := uint64(binary.LittleEndian.Uint32(rest[4:]))
		if n > uint64(len(rest)-8) {
			return Header{}, errors.New("a chunk is longer than the file")
		}
		data := rest[8 : 8+n]
		switch string(rest[:4]) {
		case "VP8X":
			if len(data) > 0 && data[0]&2 != 0 {
				return Header{}, unsupported("animated WebP is not read here")
			}
		case "ALPH":
			alpha = true
		case "EXIF":
			h.Orientation = exif.Orientation(data)
		case "VP8 ", "VP8L":
			if h.Width > 0 { // a second bitstream is never decoded
				break
			}
			if err := h.bitstream(rest[3] == 'L', data, alpha); err != nil {
				return Header{}, err
			}
		}
		n += n & 1 // chunks are padded to an even size
		rest = rest[8+min(n, uint64(len(rest)-8)):]
	}
	if h.Width == 0 {
		return Header{}, errors.New("no bitstream")
	}
	c, err := config(webp.DecodeConfig, file)
	return same(h, err, c)
}

// bitstream reads the size from a key frame (RFC 6386 section 9.1) or a
// lossless header (RFC 9649 section 3.4).
func (h *Header) bitstream(lossless bool, p []byte, alpha bool) error {
	if lossless {
		if len(p) < 5 || p[0] != 0x2f {
			return errors.New("bad lossless header")
		}
		bits := binary.LittleEndian.Uint32(p[1:])
		h.Width, h.Height = int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1
		h.Memory = losslessPixel * int64(h.Width) * int64(h.Height)
		return nil
	}
	if len(p) < 10 || p[0]&1 != 0 || string(p[3:6]) != "\x9d\x01\x2a" {
		return errors.New("bad key frame")
	}
	h.Width = int(binary.LittleEndian.Uint16(p[6:]) & 0x3fff)
	h.Height = int(binary.LittleEndian.Uint16(p[8:]) & 0x3fff)
	px := int64(h.Width+15) * int64(h.Height+15) // whole macroblocks
	h.Memory = 2 * px                            // 4:2:0, and filter settings per macroblock
	if alpha {
		h.Memory += (1 + losslessPixel) * px
	}
	return nil
}

// losslessPixel bounds x/image/vp8l in bytes a pixel: four for the pixels, at
// most two for the packed form of a palette, a quarter for each of the four
// sub-images of 4x4 tiles. Huffman tables are the fuse's business.
const losslessPixel = 7
