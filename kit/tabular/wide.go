package tabular

import "bytes"

// wide counts the fields of a CSV row while it comes in, where it comes in more
// than one piece: encoding/csv takes some 60 bytes for a field, and has no bound
// for them. A row of a million commas would take the memory of a process.
type wide struct {
	delimiter []byte
	most      int
	last      []byte // the piece before
	start     int64  // offset of the row that is read
	begun     bool   // its first piece was counted
	filled    bool   // it is no empty line
	ended     bool
	quoted    bool
	fields    int
}

// row begins to count for the row at that offset.
func (w *wide) row(start int64) {
	*w = wide{delimiter: w.delimiter, most: w.most, last: w.last, start: start, fields: 1}
}

// piece takes what was read at that offset, and says whether the row has too
// many fields.
func (w *wide) piece(offset int64, b []byte) bool {
	if !w.begun {
		w.begun = true
		w.count(w.last[max(0, len(w.last)-int(offset-w.start)):])
	}
	w.count(b)
	w.last = append(w.last[:0], b...)
	return w.fields > w.most
}

// count knows only that every quote begins or ends a quoted part, which is so
// in every row that encoding/csv takes. Empty lines before a row are none.
func (w *wide) count(b []byte) {
	for len(b) > 0 && !w.ended {
		i := bytes.IndexByte(b, '"')
		if !w.quoted {
			i = bytes.IndexAny(b, "\"\n")
		}
		part, end := b, byte(0)
		if i >= 0 {
			part, end = b[:i], b[i]
		}
		b = b[min(len(b), len(part)+1):]
		if !w.quoted {
			w.fields += bytes.Count(part, w.delimiter)
		}
		w.filled = w.filled || end == '"' || len(bytes.Trim(part, "\r")) > 0
		w.ended = end == '\n' && !w.quoted && w.filled
		w.quoted = w.quoted != (end == '"')
	}
}
