package objects

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/rclone/gofakes3/signature"

	"fnstore/runtime/objects/payload"
)

// decode wraps the body and rewrites the headers that spoke of its wrapping.
func (s *Store) decode(r *http.Request, c *call, presigned bool) error {
	var chain *payload.Chain
	if !presigned {
		chain = chunkChain(r, c.key)
	}
	described := r
	switch c.op.name {
	case "CompleteMultipartUpload":
		described = without(r, "X-Amz-Checksum-") // it is the object's, not this body's; servemultipart.go reads it
	case "PutObject":
		described = without(r, "Content-Md5") // the front hashes the body and compares
	}
	body, err := payload.New(described, presigned, chain, s.MaxObject)
	if err != nil {
		return err
	}
	c.body = body
	h := r.Header
	r.Body = &verifiedBody{s, r, body, r.Body}
	if n := body.Length(); n >= 0 {
		r.ContentLength = n
		h.Set("Content-Length", strconv.FormatInt(n, 10))
	}
	h.Set("X-Amz-Content-Sha256", payload.Unsigned)
	for _, name := range []string{"X-Amz-Decoded-Content-Length", "X-Amz-Trailer", "X-Amz-Checksum-Algorithm", "X-Amz-Sdk-Checksum-Algorithm"} {
		h.Del(name)
	}
	return nil
}

// chunkChain starts the chain of chunk signatures at a signature that was verified.
func chunkChain(r *http.Request, k *Key) *payload.Chain {
	auth := strings.ReplaceAll(r.Header.Get("Authorization"), " ", "")
	sv, code := signature.ParseSignV4(auth)
	_, credential, ok := strings.Cut(auth, "Credential="+k.ID+"/")
	scope, _, _ := strings.Cut(credential, ",")
	if code != signature.ErrNone || !ok {
		return nil
	}
	return payload.NewChain(k.Secret, r.Header.Get("X-Amz-Date"), scope, sv.Signature)
}

// verifiedBody is the body the front reads; its errors are ones the front can
// pass on.
type verifiedBody struct {
	store *Store
	r     *http.Request
	body  *payload.Body
	under io.Closer
}

func (b *verifiedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err != nil && err != io.EOF {
		err = b.store.frontError(b.r.Context(), err)
	}
	return n, err
}

func (b *verifiedBody) Close() error { return b.under.Close() }

// without gives a request without the headers whose names start with prefix.
func without(r *http.Request, prefix string) *http.Request {
	bare := *r
	bare.Header = r.Header.Clone()
	for name := range bare.Header {
		if strings.HasPrefix(name, prefix) {
			bare.Header.Del(name)
		}
	}
	return &bare
}
