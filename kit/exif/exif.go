// Package exif reads one thing from a photo's Exif block: which way up the
// camera was held. It does not know how the block is wrapped in a file, and it
// never hands out anything else (places, names and serial numbers stay unread).
package exif

import (
	"bytes"
	"encoding/binary"
)

// Upright is the orientation of an image whose first pixel is its top left.
const Upright = 1

// The parts of TIFF 6.0 that are needed: section 2 for the header and the
// entries, Exif 2.32 section 4.6.4 for the tag.
const (
	tagOrientation = 0x0112
	typeShort      = 3
	typeLong       = 4
	entrySize      = 12
)

// prefix stands before the TIFF header in a JPEG's APP1 segment, and in the
// EXIF chunk of some WebP writers.
var prefix = []byte("Exif\x00\x00")

// Block strips the Exif prefix of a JPEG APP1 payload and reports whether it
// was there: APP1 carries XMP too.
func Block(app1 []byte) ([]byte, bool) { return bytes.CutPrefix(app1, prefix) }

// Orientation reads the orientation from a TIFF header and its first directory:
// a number from 1 to 8 as in Exif 2.32 section 4.6.4 A. Whatever cannot be
// read is Upright, because a photo with a broken label is still a photo.
func Orientation(block []byte) int {
	block = bytes.TrimPrefix(block, prefix)
	if len(block) < 8 {
		return Upright
	}
	var order binary.ByteOrder
	switch string(block[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return Upright
	}
	at := uint64(order.Uint32(block[4:8]))
	if at+2 > uint64(len(block)) {
		return Upright
	}
	count := uint64(order.Uint16(block[at:]))
	entries := block[at+2:]
	for i := uint64(0); i < count && (i+1)*entrySize <= uint64(len(entries)); i++ {
		e := entries[i*entrySize : (i+1)*entrySize]
		if order.Uint16(e) != tagOrientation {
			continue
		}
		return value(e, order)
	}
	return Upright
}

// value reads the one number of an entry. Some writers use LONG where the
// standard says SHORT; everything else is no orientation.
func value(e []byte, order binary.ByteOrder) int {
	if order.Uint32(e[4:8]) != 1 {
		return Upright
	}
	var v uint32
	switch order.Uint16(e[2:4]) {
	case typeShort:
		v = uint32(order.Uint16(e[8:10]))
	case typeLong:
		v = order.Uint32(e[8:12])
	}
	if v < 1 || v > 8 {
		return Upright
	}
	return int(v)
}
