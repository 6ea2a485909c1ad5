package payload

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxLine bounds a chunk's header and a trailer, in bytes. The longest in use
// is a size of 16 digits with a signature of 64.
const maxLine = 1024

// chunks takes the aws-chunked framing off a body:
//
//	hex size [;chunk-signature=hex] CRLF   bytes CRLF   ...   0 [;...] CRLF
//	[name:value CRLF]... [x-amz-trailer-signature:hex CRLF]   CRLF
//
// Clients end trailers with LF or CRLF, and some put an empty line before the
// signature; both are read.
type chunks struct {
	in      *bufio.Reader
	chain   *Chain            // nil: chunks carry no signature
	names   []string          // trailers that were announced, lower case
	trailer map[string]string // by canonical header name
	left    int64             // bytes of this chunk still to come
	sig     string            // the signature this chunk claims
	hash    hash.Hash
	open    bool // inside a chunk, so a CRLF and its signature is due
	err     error
}

func newChunks(r io.Reader, chain *Chain, names []string) *chunks {
	return &chunks{in: bufio.NewReaderSize(r, 32<<10), chain: chain, names: names, trailer: map[string]string{}, hash: sha256.New()}
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for c.err == nil && c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.chain != nil {
		c.hash.Write(p[:n])
	}
	if err != nil {
		c.err = unexpectedEOF(err)
	}
	return n, c.err
}

// next closes the chunk that was read and opens the following one. It returns
// io.EOF after the last chunk and everything behind it has been verified.
func (c *chunks) next() error {
	if c.open {
		c.open = false
		if line, err := c.line(); err != nil {
			return err
		} else if line != "" {
			return badChunk("a chunk is longer than its size")
		}
		if err := c.verifyChunk(); err != nil {
			return err
		}
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	size, sig, _ := strings.Cut(line, ";")
	if c.left, err = parseSize(size); err != nil {
		return err
	}
	if c.chain != nil {
		var ok bool
		if c.sig, ok = strings.CutPrefix(sig, "chunk-signature="); !ok {
			return refuse(http.StatusForbidden, "SignatureDoesNotMatch", "a chunk has no signature")
		}
	}
	if c.left > 0 {
		c.open = true
		return nil
	}
	if err := c.verifyChunk(); err != nil {
		return err
	}
	return c.end()
}

func (c *chunks) verifyChunk() error {
	if c.chain == nil {
		return nil
	}
	ok := c.chain.chunk(c.hash.Sum(nil), c.sig)
	c.hash.Reset()
	if !ok {
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch", "a chunk's signature does not match its bytes")
	}
	return nil
}

// end reads the trailers and what little may follow them.
func (c *chunks) end() error {
	var canonical strings.Builder
	signature, signed := "", false
	for lines := 0; ; lines++ {
		line, err := c.line()
		if errors.Is(err, io.ErrUnexpectedEOF) && line == "" {
			break
		}
		if err != nil {
			return err
		}
		if lines > 2*maxTrailers+2 {
			return refuse(http.StatusBadRequest, "MalformedTrailerError", "too many trailers")
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch key := http.CanonicalHeaderKey(name); {
		case line == "":
		case !ok:
			return refuse(http.StatusBadRequest, "MalformedTrailerError", "a trailer is not name:value")
		case name == "x-amz-trailer-signature":
			if signed {
				return refuse(http.StatusBadRequest, "MalformedTrailerError", "two signatures")
			}
			signature, signed = value, true
		case signed || !slices.Contains(c.names, name) || c.trailer[key] != "":
			return refuse(http.StatusBadRequest, "MalformedTrailerError", "the trailer %q was not announced, or comes twice", name)
		default:
			c.trailer[key] = value
			canonical.WriteString(name + ":" + value + "\n")
		}
	}
	if len(c.trailer) != len(c.names) {
		return refuse(http.StatusBadRequest, "MalformedTrailerError", "%d of %d announced trailers came", len(c.trailer), len(c.names))
	}
	if c.chain != nil && len(c.names) > 0 {
		sum := sha256.Sum256([]byte(canonical.String()))
		if !c.chain.trailer(sum[:], signature) {
			return refuse(http.StatusForbidden, "SignatureDoesNotMatch", "the trailers' signature does not match them")
		}
	}
	return io.EOF
}

// line reads up to a LF and takes the line's end off.
func (c *chunks) line() (string, error) {
	var line []byte
	for {
		b, err := c.in.ReadByte()
		if err != nil {
			return string(line), unexpectedEOF(err)
		}
		if b == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		if len(line) == maxLine {
			return "", badChunk("a line is longer than %d bytes", maxLine)
		}
		line = append(line, b)
	}
}

// parseSize reads a chunk's size: hexadecimal digits and nothing else.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 16, 63)
	if err != nil || strings.ContainsAny(s, "+_") {
		return 0, badChunk("%.20q is not a chunk's size", s)
	}
	return int64(n), nil
}

func badChunk(format string, args ...any) *Error {
	return refuse(http.StatusBadRequest, "InvalidChunkSizeError", format, args...)
}

// unexpectedEOF makes the end of the input an unexpected one: the framing has an end
// of its own.
func unexpectedEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
