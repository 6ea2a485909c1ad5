package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	date   = "20130524T000000Z"
	scope  = "20130524/us-east-1/s3/aws4_request"
)

// TestChain_AmazonExample is the chunked upload that Amazon S3's documentation
// prints ("Signature calculations for the Authorization header: transferring
// payload in multiple chunks"): its seed, and the signatures of its chunks.
func TestChain_AmazonExample(t *testing.T) {
	chain := NewChain(secret, date, scope, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
	for _, c := range []struct {
		size int
		sig  string
	}{
		{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
	} {
		sum := sha256.Sum256(bytes.Repeat([]byte("a"), c.size))
		if !chain.chunk(sum[:], c.sig) {
			t.Errorf("the chunk of %d bytes: our signature is %s", c.size, chain.last)
		}
	}
}

// frame writes a signed stream the way a client does.
func frame(chunks []string, trailers ...string) []byte {
	var out bytes.Buffer
	chain := NewChain(secret, date, scope, "seed")
	for _, data := range append(chunks, "") {
		sum := sha256.Sum256([]byte(data))
		chain.chunk(sum[:], "")
		fmt.Fprintf(&out, "%x;chunk-signature=%s\r\n%s", len(data), chain.last, data)
		if data != "" {
			out.WriteString("\r\n")
		}
	}
	if len(trailers) > 0 {
		canonical := strings.Join(trailers, "\n") + "\n"
		sum := sha256.Sum256([]byte(canonical))
		chain.trailer(sum[:], "")
		out.WriteString(strings.Join(trailers, "\r\n") + "\r\nx-amz-trailer-signature:" + chain.last + "\r\n")
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

func request(mode string, body []byte, headers ...string) *http.Request {
	r := &http.Request{Header: http.Header{headerHash: {mode}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func read(r *http.Request) (string, error) {
	b, err := New(r, false, NewChain(secret, date, scope, "seed"), 1<<20)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(iotest.OneByteReader(b))
	if err != nil {
		return "", err
	}
	return string(data), b.Finish()
}

func crc(s string) string {
	h := crc32.NewIEEE()
	io.WriteString(h, s)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestBody_Valid(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"hash":              request(hashOf("hello world"), []byte("hello world")),
		"hash in capitals":  request(strings.ToUpper(hashOf("hello world")), []byte("hello world")),
		"unsigned":          request(Unsigned, []byte("hello world"), "X-Amz-Checksum-Crc32", crc("hello world")),
		"signed chunks":     request(streamSigned, frame([]string{"hello ", "world"}), headerDecoded, "11"),
		"no CRLF at end":    request(streamSigned, bytes.TrimSuffix(frame([]string{"hello ", "world"}), []byte("\r\n")), headerDecoded, "11"),
		"signed trailer":    request(streamSignedTrailer, frame([]string{"hello world"}, "x-amz-checksum-crc32:"+crc("hello world")), headerDecoded, "11", headerTrailer, "x-amz-checksum-crc32"),
		"LF in the trailer": request(streamSignedTrailer, bytes.Replace(frame([]string{"hello world"}, "x-amz-checksum-crc32:"+crc("hello world")), []byte("\r\nx-amz-trailer"), []byte("\n\r\nx-amz-trailer"), 1), headerDecoded, "11", headerTrailer, "x-amz-checksum-crc32"),
		"unsigned trailer":  request(streamUnsignedTrailer, []byte("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:"+crc("hello world")+"\r\n\r\n"), headerDecoded, "11", headerTrailer, "x-amz-checksum-crc32"),
	} {
		if got, err := read(r); err != nil || got != "hello world" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestBody_Invalid(t *testing.T) {
	flip := func(b []byte, old, with string) []byte { return bytes.Replace(b, []byte(old), []byte(with), 1) }
	signed := frame([]string{"hello ", "world"})
	first, rest, _ := bytes.Cut(signed, []byte("hello \r\n"))
	trailer := frame([]string{"hello world"}, "x-amz-checksum-crc32:"+crc("hello world"))
	withCRC := []string{headerDecoded, "11", headerTrailer, "x-amz-checksum-crc32"}
	for name, c := range map[string]struct {
		r    *http.Request
		code string
	}{
		"other bytes":            {request(hashOf("hello world"), []byte("hello worle")), "XAmzContentSHA256Mismatch"},
		"a body where none was":  {&http.Request{Header: http.Header{}, Body: io.NopCloser(strings.NewReader("x")), ContentLength: 1}, "XAmzContentSHA256Mismatch"},
		"unknown mode":           {request("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", nil), "NotImplemented"},
		"a flipped byte":         {request(streamSigned, flip(signed, "world", "worle"), headerDecoded, "11"), "SignatureDoesNotMatch"},
		"a chunk left out":       {request(streamSigned, rest, headerDecoded, "5"), "SignatureDoesNotMatch"},
		"a chunk twice":          {request(streamSigned, append(append(bytes.Clone(first), "hello \r\n"...), signed...), headerDecoded, "17"), "SignatureDoesNotMatch"},
		"the end left out":       {request(streamSigned, signed[:bytes.LastIndex(signed, []byte("0;chunk"))], headerDecoded, "11"), "IncompleteBody"},
		"an unsigned chunk":      {request(streamSigned, []byte("b\r\nhello world\r\n0\r\n\r\n"), headerDecoded, "11"), "SignatureDoesNotMatch"},
		"shorter than declared":  {request(streamSigned, signed, headerDecoded, "12"), "IncompleteBody"},
		"longer than declared":   {request(streamSigned, signed, headerDecoded, "10"), "IncompleteBody"},
		"no decoded length":      {request(streamSigned, signed), "InvalidArgument"},
		"a negative length":      {request(streamSigned, signed, headerDecoded, "-1"), "InvalidArgument"},
		"wrong checksum":         {request(Unsigned, []byte("hello world"), "X-Amz-Checksum-Crc32", crc("hello worle")), "BadDigest"},
		"no checksum at all":     {request(Unsigned, []byte("hello world"), "X-Amz-Checksum-Crc32", "!"), "InvalidRequest"},
		"unknown checksum":       {request(Unsigned, []byte("hello world"), "X-Amz-Checksum-Md4", crc("")), "InvalidRequest"},
		"two checksums":          {request(Unsigned, []byte("hello world"), "X-Amz-Checksum-Crc32", crc(""), "X-Amz-Checksum-Sha1", ""), "InvalidRequest"},
		"trailer changed":        {request(streamSignedTrailer, flip(trailer, crc("hello world"), crc("hello worle")), withCRC...), "SignatureDoesNotMatch"},
		"trailer not signed":     {request(streamSignedTrailer, trailer[:bytes.Index(trailer, []byte("x-amz-trailer-signature"))], withCRC...), "SignatureDoesNotMatch"},
		"trailer left out":       {request(streamSignedTrailer, signed, withCRC...), "MalformedTrailerError"},
		"trailer not announced":  {request(streamSignedTrailer, trailer, headerDecoded, "11"), "MalformedTrailerError"},
		"trailer of another":     {request(streamSignedTrailer, trailer, headerDecoded, "11", headerTrailer, "x-amz-meta-a"), "MalformedTrailerError"},
		"signed, wrong checksum": {request(streamSignedTrailer, frame([]string{"hello world"}, "x-amz-checksum-crc32:"+crc("hello worle")), withCRC...), "BadDigest"},
		"unsigned, wrong":        {request(streamUnsignedTrailer, []byte("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:"+crc("x")+"\r\n\r\n"), withCRC...), "BadDigest"},
		"bytes after the end":    {request(streamUnsignedTrailer, []byte("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:"+crc("hello world")+"\r\n\r\nmore\r\n"), withCRC...), "MalformedTrailerError"},
		"a size with a sign":     {request(streamUnsignedTrailer, []byte("+b\r\nhello world\r\n"), withCRC...), "InvalidChunkSizeError"},
		"an enormous size":       {request(streamUnsignedTrailer, []byte("ffffffffffffffffff\r\n"), withCRC...), "InvalidChunkSizeError"},
		"a size beyond int64":    {request(streamUnsignedTrailer, []byte("ffffffffffffffff\r\n"), withCRC...), "InvalidChunkSizeError"},
		"a chunk too long":       {request(streamUnsignedTrailer, []byte("5\r\nhello world\r\n"), withCRC...), "InvalidChunkSizeError"},
		"a line without end":     {request(streamUnsignedTrailer, bytes.Repeat([]byte("0"), 5000), withCRC...), "InvalidChunkSizeError"},
		"over the limit":         {request(Unsigned, make([]byte, 1<<20+1)), "EntityTooLarge"},
		"a claim over the limit": {request(streamSigned, signed, headerDecoded, "9223372036854775807"), "EntityTooLarge"},
	} {
		got, err := read(c.r)
		var e *Error
		if !errors.As(err, &e) || e.Code != c.code {
			t.Errorf("%s: %q, %v; want %s", name, got, err, c.code)
		}
	}
}

// TestBody_FinishVerifiesUnread is the case of a reader that stops at the
// declared length, before the end of the framing.
func TestBody_FinishVerifiesUnread(t *testing.T) {
	for _, c := range []struct {
		body []byte
		good bool
	}{{frame([]string{"hello"}), true}, {frame([]string{"hello"})[:100], false}, {frame([]string{"hello", "more"}), false}} {
		b, err := New(request(streamSigned, c.body, headerDecoded, "5"), false, NewChain(secret, date, scope, "seed"), 100)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(b, got); err != nil || string(got) != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
		if err := b.Finish(); (err == nil) != c.good {
			t.Errorf("finish: %v", err)
		}
	}
}

// FuzzChunks feeds the decoder with any framing: it must end, and what it
// calls verified must be as long as was declared.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:"+crc("hello world")+"\r\n\r\n"), false, int64(11))
	f.Add(frame([]string{"hello ", "world"}), true, int64(11))
	f.Add(frame([]string{"hello world"}, "x-amz-checksum-crc32:"+crc("hello world")), true, int64(11))
	f.Add([]byte("0\r\n\r\n"), false, int64(0))
	f.Add([]byte("1;a\n\r\n\n"), false, int64(1))
	f.Fuzz(func(t *testing.T, body []byte, signed bool, length int64) {
		mode := streamUnsignedTrailer
		if signed {
			mode = streamSignedTrailer
		}
		for _, headers := range [][]string{{headerTrailer, "x-amz-checksum-crc32"}, nil} {
			m := mode
			if headers == nil {
				m = streamSigned
			}
			r := request(m, body, append(headers, headerDecoded, fmt.Sprint(length))...)
			b, err := New(r, false, NewChain(secret, date, scope, "seed"), 1<<20)
			if err != nil {
				continue
			}
			data, err := io.ReadAll(b)
			if len(data) > len(body) {
				t.Fatalf("%d bytes out of %d", len(data), len(body))
			}
			if err == nil && b.Finish() == nil && int64(len(data)) != length {
				t.Fatalf("%d bytes are verified, %d were declared", len(data), length)
			}
		}
	})
}
