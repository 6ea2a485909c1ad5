package tabular

import (
	"errors"
	"fmt"
	"io"

	"fnstore/kit/fault"
)

// source is the file as it was given to Open. It keeps the reader's own
// failure, since a decompressor gives that another name.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// ratioFrom is how many decompressed bytes a file may have at any ratio: a few
// thousand equal rows shrink a lot.
const ratioFrom = 32 << 20

// plain is the file decompressed. Its first error stays, and the end of the
// file never comes together with bytes.
type plain struct {
	r      io.Reader
	src    *source
	packed bool
	limits Limits
	n      int64
	until  int64 // offset beyond which no row may reach; 0: none
	wide   *wide // of CSV
	ended  bool  // the end of the file was handed out
	err    error
}

// errRowTooLong is plain's until.
var errRowTooLong = errors.New("row too long")

func (p *plain) Read(b []byte) (int, error) {
	if p.err != nil {
		p.ended = p.err == io.EOF
		return 0, p.err
	}
	if p.until > 0 && p.n >= p.until {
		p.err = errRowTooLong
		return 0, p.err
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	switch {
	case p.n > p.limits.Bytes:
		p.err = fault.New(fault.TooLarge, "too_large", "the file has more than %d bytes", p.limits.Bytes)
		return 0, p.err
	case p.packed && p.n > ratioFrom && p.n/p.limits.Ratio > p.src.n:
		p.err = fault.New(fault.TooLarge, "compression_ratio", "the file grows to more than %d times its size", p.limits.Ratio)
		return 0, p.err
	case p.wide != nil && p.wide.piece(p.n-int64(n), b[:n]):
		p.err = tooManyColumns(p.limits.Columns)
		return 0, p.err
	case err == nil:
		return n, nil
	}
	p.err = p.failure(err)
	if n > 0 {
		return n, nil
	}
	p.ended = p.err == io.EOF
	return 0, p.err
}

func (p *plain) failure(err error) error {
	switch {
	case p.src.err != nil:
		return fmt.Errorf("read the file: %w", p.src.err)
	case err == io.EOF:
		return err
	case errors.As(err, new(*fault.Error)):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return truncated("the compressed file is cut short")
	}
	return fault.New(fault.Unprocessable, "corrupt", "the compressed file is damaged").Because(err)
}

func truncated(format string, args ...any) error {
	return fault.New(fault.Unprocessable, "truncated", format, args...)
}

func badEncoding(format string, args ...any) error {
	return fault.New(fault.Unprocessable, "invalid_encoding", format, args...)
}

func tooManyColumns(most int) error {
	return fault.New(fault.Unprocessable, "too_many_columns", "a row has more than %d columns", most)
}

func rowTooLong(line, most int) error {
	return fault.New(fault.Unprocessable, "row_too_long", "the row after line %d has more than %d bytes; a quote may be open there", line, most)
}

func badJSON(line, column int, format string, args ...any) error {
	return fault.New(fault.Unprocessable, "invalid_json", "line %d, column %d: %s", line, column, fmt.Sprintf(format, args...))
}
