package tabular

import (
	"errors"
	"io"
)

// A chunk of a Copier ends behind so many bytes, or so many bad rows.
const (
	ChunkBytes   = 64 << 20
	ChunkRejects = 1000
)

// Copier gives a file as the input of several COPY statements, since between
// them the connection is free, for example for the rows that were refused:
//
//	c := tabular.NewCopier(reader, binding)
//	for c.More() {
//		_, err := tx.Conn().PgConn().CopyFrom(ctx, c, "COPY … FROM STDIN")
//		if c.Err() != nil { … } // the file; else err is Postgres'
//		… c.Rejects()
//	}
//
// Read gives io.EOF at the end of each chunk.
type Copier struct {
	r       *Reader
	b       *Binding
	buf     []byte
	left    []byte // of buf, that Read did not hand out yet
	chunk   int64  // bytes of the chunk so far
	rejects []RowError
	rows    int64
	bad     int64
	err     error // io.EOF: the file is done
}

const copyBytes = 64 << 10 // that are made at once

// NewCopier makes a Copier of the rows that are left in r.
func NewCopier(r *Reader, b *Binding) *Copier { return &Copier{r: r, b: b} }

// More begins the next chunk, and says whether there is one. The chunk before
// must have been read to its end.
func (c *Copier) More() bool {
	c.chunk, c.rejects = 0, c.rejects[:0]
	return c.err == nil
}

// Read gives rows in COPY's text format.
func (c *Copier) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		c.fill()
	}
	if len(c.left) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		return 0, io.EOF
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

func (c *Copier) fill() {
	c.buf = c.buf[:0]
	for c.err == nil && len(c.buf) < copyBytes && c.chunk+int64(len(c.buf)) < ChunkBytes && len(c.rejects) < ChunkRejects {
		row, err := c.r.Next()
		if err == nil {
			c.buf, err = c.b.Append(c.buf, row)
		}
		var bad *RowError
		switch {
		case err == nil:
			c.rows++
		case errors.As(err, &bad):
			c.rejects = append(c.rejects, *bad)
			c.bad++
		default:
			c.err = err
		}
	}
	c.chunk += int64(len(c.buf))
	c.left = c.buf
}

// Rejects are the bad rows of the chunk, until More is called.
func (c *Copier) Rejects() []RowError { return c.rejects }

// Rows counts the rows that were handed out, of all chunks.
func (c *Copier) Rows() int64 { return c.rows }

// Rejected counts the bad rows of all chunks.
func (c *Copier) Rejected() int64 { return c.bad }

// Err is what ended the file before its end, or nil.
func (c *Copier) Err() error {
	if c.err == io.EOF {
		return nil
	}
	return c.err
}
