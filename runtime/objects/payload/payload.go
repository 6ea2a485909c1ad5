// Package payload reads the body of an S3 request and verifies that it is what
// was signed: the hash of the whole, the signature of each chunk, Content-MD5,
// the checksum in a header or in a trailer. It does not know what is stored, or where.
package payload

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The values of x-amz-content-sha256 that are not a hash (Amazon S3, "Signature
// Calculations for the Authorization Header").
const (
	Unsigned                    = "UNSIGNED-PAYLOAD"
	streamSigned                = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamSignedTrailer         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamUnsignedTrailer       = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	headerHash                  = "X-Amz-Content-Sha256"
	headerDecoded               = "X-Amz-Decoded-Content-Length"
	headerTrailer               = "X-Amz-Trailer"
	emptyHash                   = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	maxTrailers                 = 4
	unknownLength         int64 = -1
)

// Error is a body that is refused, in S3's words.
type Error struct {
	Code    string
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(status int, code, format string, args ...any) *Error {
	return &Error{code, status, fmt.Sprintf(format, args...)}
}

// Body is the decoded body of one request. Its bytes may be used before they
// are verified, so nothing made of them may be kept until Finish returned nil.
type Body struct {
	src     io.Reader
	length  int64 // declared, of the decoded bytes; unknownLength without
	limit   int64
	n       int64
	hash    hash.Hash // of the whole body, when want is set
	want    string
	sum     *checksum
	md5     hash.Hash // when the client sent Content-MD5, which then is wantMD5
	wantMD5 []byte
	chunks  *chunks // nil for a body without framing
	err     error   // sticky; io.EOF once everything was verified
	dropped [512]byte
}

// New looks at a request's headers and wraps its body. presigned says that the
// URL carries the signature, so that no hash of the body was signed unless a
// header holds one; chain verifies chunks, and is needed for signed streams
// only. A decoded body longer than limit bytes is refused.
func New(r *http.Request, presigned bool, chain *Chain, limit int64) (*Body, error) {
	b := &Body{src: r.Body, length: r.ContentLength, limit: limit}
	sum, err := fromHeaders(r.Header)
	if err != nil {
		return nil, err
	}
	b.sum = sum
	if v, ok := r.Header["Content-Md5"]; ok { // RFC 1864
		if b.wantMD5, err = base64.StdEncoding.DecodeString(v[0]); err != nil || len(b.wantMD5) != md5.Size {
			return nil, refuse(http.StatusBadRequest, "InvalidDigest", "the Content-MD5 you specified is not valid")
		}
		b.md5 = md5.New()
	}
	switch mode := r.Header.Get(headerHash); {
	case mode == Unsigned, mode == "" && presigned:
	case mode == "": // the front hashed "" in its place
		b.want = emptyHash
	case isHash(mode):
		b.want = strings.ToLower(mode)
	case mode == streamSigned || mode == streamSignedTrailer || mode == streamUnsignedTrailer:
		if err := b.frame(r, mode, chain); err != nil {
			return nil, err
		}
	default:
		return nil, refuse(http.StatusNotImplemented, "NotImplemented", "x-amz-content-sha256 %q is not understood here", mode)
	}
	if b.want != "" {
		b.hash = sha256.New()
	}
	if b.length > limit {
		return nil, tooLarge(limit)
	}
	return b, nil
}

// frame prepares for aws-chunked framing.
func (b *Body) frame(r *http.Request, mode string, chain *Chain) error {
	n, err := strconv.ParseInt(r.Header.Get(headerDecoded), 10, 64)
	if err != nil || n < 0 {
		return refuse(http.StatusBadRequest, "InvalidArgument", "x-amz-decoded-content-length is needed with a chunked body")
	}
	b.length = n
	if mode == streamUnsignedTrailer {
		chain = nil
	} else if chain == nil {
		return refuse(http.StatusBadRequest, "InvalidRequest", "signed chunks need a signature in the Authorization header")
	}
	var trailers []string
	if mode != streamSigned {
		for _, v := range r.Header.Values(headerTrailer) {
			for name := range strings.SplitSeq(v, ",") {
				trailers = append(trailers, strings.ToLower(strings.TrimSpace(name)))
			}
		}
		if len(trailers) == 0 || len(trailers) > maxTrailers {
			return refuse(http.StatusBadRequest, "MalformedTrailerError", "x-amz-trailer names %d trailers", len(trailers))
		}
		if b.sum == nil {
			if b.sum, err = fromTrailers(trailers); err != nil {
				return err
			}
		}
	}
	b.chunks = newChunks(r.Body, chain, trailers)
	b.src = b.chunks
	return nil
}

// Length is the declared length of the decoded body in bytes, -1 when the
// client did not say.
func (b *Body) Length() int64 { return b.length }

// Checksum gives the header that names the body's checksum and its value, both
// empty without one. The value is known to hold after Finish.
func (b *Body) Checksum() (header, value string) {
	if b.sum == nil {
		return "", ""
	}
	return b.sum.header(), b.sum.want
}

// Read gives decoded bytes. The last of them come together with the error when
// the body does not hold what it promised.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	b.n += int64(n)
	if b.hash != nil {
		b.hash.Write(p[:n])
	}
	if b.sum != nil {
		b.sum.hash.Write(p[:n])
	}
	if b.md5 != nil {
		b.md5.Write(p[:n])
	}
	switch {
	case b.length >= 0 && b.n > b.length:
		b.err = refuse(http.StatusBadRequest, "IncompleteBody", "the body is longer than the %d bytes it declared", b.length)
	case b.n > b.limit:
		b.err = tooLarge(b.limit)
	case err == io.EOF:
		b.err = b.verify()
	case errors.Is(err, io.ErrUnexpectedEOF):
		b.err = refuse(http.StatusBadRequest, "IncompleteBody", "the body ended before the bytes it declared")
	case err != nil:
		b.err = err
	}
	return n, b.err
}

// Finish reads what is left and reports whether the body was what was signed.
func (b *Body) Finish() error {
	for b.err == nil {
		_, _ = b.Read(b.dropped[:]) // the error stays in b.err
	}
	if b.err == io.EOF {
		return nil
	}
	return b.err
}

func (b *Body) verify() error {
	if b.length >= 0 && b.n != b.length {
		return refuse(http.StatusBadRequest, "IncompleteBody", "the body has %d bytes, not the %d it declared", b.n, b.length)
	}
	if b.hash != nil && hex.EncodeToString(b.hash.Sum(nil)) != b.want {
		return refuse(http.StatusBadRequest, "XAmzContentSHA256Mismatch", "the provided x-amz-content-sha256 header does not match what was computed")
	}
	if b.md5 != nil && !bytes.Equal(b.md5.Sum(nil), b.wantMD5) {
		return refuse(http.StatusBadRequest, "BadDigest", "the Content-MD5 you specified did not match what was received")
	}
	if b.sum != nil {
		if b.sum.trailing {
			b.sum.want = b.chunks.trailer[b.sum.header()]
		}
		return b.sum.verify()
	}
	return io.EOF
}

func tooLarge(limit int64) *Error {
	return refuse(http.StatusBadRequest, "EntityTooLarge", "the upload exceeds the maximum of %d bytes", limit)
}

func isHash(s string) bool {
	if len(s) != hex.EncodedLen(sha256.Size) {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}
