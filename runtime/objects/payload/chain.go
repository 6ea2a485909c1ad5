package payload

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Chain holds the signatures of a stream together: each chunk's covers the one
// before it, the first covers the request's own. So chunks can be neither
// changed, nor moved, nor left out.
type Chain struct {
	key   []byte
	date  string
	scope string
	last  string
}

// NewChain starts at the request's signature (the seed). date is x-amz-date as
// sent, scope is "yyyymmdd/region/s3/aws4_request" of the credential.
func NewChain(secret, date, scope, seed string) *Chain {
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = sign(key, part)
	}
	return &Chain{key: key, date: date, scope: scope, last: seed}
}

// chunk tells whether sig signs a chunk with this SHA-256, and moves on.
func (c *Chain) chunk(sum []byte, sig string) bool {
	return c.link("AWS4-HMAC-SHA256-PAYLOAD\n"+c.date+"\n"+c.scope+"\n"+c.last+"\n"+emptyHash+"\n"+hex.EncodeToString(sum), sig)
}

// trailer tells whether sig signs trailers with this SHA-256, and moves on.
func (c *Chain) trailer(sum []byte, sig string) bool {
	return c.link("AWS4-HMAC-SHA256-TRAILER\n"+c.date+"\n"+c.scope+"\n"+c.last+"\n"+hex.EncodeToString(sum), sig)
}

func (c *Chain) link(text, sig string) bool {
	c.last = hex.EncodeToString(sign(c.key, text))
	return hmac.Equal([]byte(c.last), []byte(sig))
}

func sign(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}
