// Package s3 reads and writes objects of an S3 store. It does not know what is
// in them, and it does not retry: the queue that called the function does.
package s3

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Timeouts. A store that accepts a connection and then sends nothing must not
// block a call until the call's own deadline.
const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 15 * time.Second // from the request's end to the answer's first byte
	stallTimeout   = 15 * time.Second // between two bytes, in either direction
	idleTimeout    = 30 * time.Second
)

// region is what stores that have no regions accept. A URL may name another
// with ?region=.
const region = "us-east-1"

// Client is a connection to one store with one key. It is safe for any number
// of goroutines.
type Client struct {
	core minio.Core
}

// errURL never holds the URL: it has a secret in it.
var errURL = errors.New("not an S3 URL of the form http(s)://ACCESSKEY:SECRETKEY@host[:port]")

// Open reads a URL http(s)://ACCESSKEY:SECRETKEY@host:port, as fnstore writes
// into secrets, and dials nothing. A key that has other than URL characters is
// percent-encoded (RFC 3986 section 3.2.1). Buckets are addressed by path.
func Open(secretURL string) (*Client, error) {
	u, err := url.Parse(secretURL)
	if err != nil {
		return nil, errURL
	}
	secret, hasSecret := u.User.Password()
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Opaque != "":
		return nil, errURL
	case u.User.Username() == "", !hasSecret, secret == "":
		return nil, errURL
	case u.Path != "" && u.Path != "/", u.Fragment != "":
		return nil, errURL
	}
	in := region
	if r := u.Query().Get("region"); r != "" {
		in = r
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(u.User.Username(), secret, ""),
		Secure:       u.Scheme == "https",
		Region:       in, // asked for, it would be one more request
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1,
		Transport:    transport(),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the S3 client for %s: %w", u.Host, err)
	}
	return &Client{core: *core}, nil
}

func transport() http.RoundTripper {
	return &http.Transport{
		DialContext:           dial,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: answerTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   4,
		DisableCompression:    true, // an object is its bytes
	}
}
