package exif

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// block writes the smallest TIFF directory that has an orientation.
func block(order binary.AppendByteOrder, magic string, typ uint16, v uint32) []byte {
	b := order.AppendUint32([]byte(magic), 8)
	b = order.AppendUint16(b, 2)
	for _, tag := range []uint16{0x010f, tagOrientation} {
		b = order.AppendUint16(b, tag)
		b = order.AppendUint16(b, typ)
		b = order.AppendUint32(b, 1)
		if typ == typeShort {
			b = order.AppendUint16(order.AppendUint16(b, uint16(v)), 0)
		} else {
			b = order.AppendUint32(b, v)
		}
	}
	return order.AppendUint32(b, 0)
}

// Seed: B36
func TestEXIF_OrientationInBothByteOrders(t *testing.T) {
	for v := uint32(1); v <= 8; v++ {
		for name, b := range map[string][]byte{
			"little":   block(binary.LittleEndian, "II*\x00", typeShort, v),
			"big":      block(binary.BigEndian, "MM\x00*", typeShort, v),
			"long":     block(binary.LittleEndian, "II*\x00", typeLong, v),
			"prefixed": append([]byte("Exif\x00\x00"), block(binary.BigEndian, "MM\x00*", typeShort, v)...),
		} {
			if got := Orientation(b); got != int(v) {
				t.Errorf("%s: orientation %d, want %d", name, got, v)
			}
		}
	}
}

func TestEXIF_BrokenBlocksAreUpright(t *testing.T) {
	good := block(binary.LittleEndian, "II*\x00", typeShort, 6)
	far := bytes.Clone(good)
	binary.LittleEndian.PutUint32(far[4:], 0xfffffff0)
	many := bytes.Clone(good)
	binary.LittleEndian.PutUint16(many[8:], 0xffff)
	for name, c := range map[string]struct {
		b    []byte
		want int
	}{
		"empty":           {nil, 1},
		"short":           {good[:7], 1},
		"cut in entry":    {good[:30], 1},
		"offset far away": {far, 1},
		"count too large": {many, 6}, // the entry is there all the same
		"zero":            {block(binary.LittleEndian, "II*\x00", typeShort, 0), 1},
		"nine":            {block(binary.LittleEndian, "II*\x00", typeShort, 9), 1},
		"wrong type":      {block(binary.LittleEndian, "II*\x00", 7, 6), 1},
		"not tiff":        {[]byte("<html><body>"), 1},
	} {
		if got := Orientation(c.b); got != c.want {
			t.Errorf("%s: orientation %d, want %d", name, got, c.want)
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add(block(binary.LittleEndian, "II*\x00", typeShort, 6))
	f.Add(block(binary.BigEndian, "MM\x00*", typeLong, 8))
	f.Add([]byte("Exif\x00\x00II*\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o := Orientation(b); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}
