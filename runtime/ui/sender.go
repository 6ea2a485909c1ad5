package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"fnstore/kit/fault"
)

// metaCallID is the user metadata by which an object's event gets its call id.
const metaCallID = "call-id"

// maxSend bounds one upload; a phone on a poor network may need a while.
const maxSend = 10 * time.Minute

// sender puts photos into the object store while they arrive. kit/s3 takes
// whole bodies, as functions have them; here the browser is slow and there may
// be many.
type sender struct {
	core *minio.Core
}

// openSender reads a URL that kit/s3 has accepted, and dials nothing.
func openSender(s3 string) (*sender, error) {
	u, err := url.Parse(s3)
	if err != nil {
		return nil, errors.New("make the page: the object store's URL is none") // it has a secret in it
	}
	secret, _ := u.User.Password()
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(u.User.Username(), secret, ""),
		Secure:       u.Scheme == "https",
		Region:       "us-east-1", // asked for, it would be one more request
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   1, // what has gone by cannot be sent again
		Transport: &http.Transport{
			DisableCompression:    true,
			MaxIdleConnsPerHost:   4,
			IdleConnTimeout:       30 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make the page: %w", err)
	}
	return &sender{core}, nil
}

// put writes an object of size bytes. Each chunk is signed on its way, so what
// the store keeps is what was sent, or it keeps nothing.
func (s *sender) put(ctx context.Context, bucket, key, contentType, callID string, body io.Reader, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, maxSend)
	defer cancel()
	_, err := s.core.PutObject(ctx, bucket, key, body, size, "", "", minio.PutObjectOptions{
		ContentType:  contentType,
		UserMetadata: map[string]string{metaCallID: callID},
	})
	if err == nil {
		return nil
	}
	said := minio.ToErrorResponse(err)
	switch {
	case said.Code == minio.NoSuchBucket:
		return fault.New(fault.Unavailable, "no_such_bucket", "there is no bucket %s to put photos into", bucket).Because(err)
	case said.StatusCode >= 400 && said.StatusCode < 500 && said.StatusCode != http.StatusForbidden:
		return fault.New(fault.Unprocessable, "s3_refused", "the object store does not take it: %s", said.Message).Because(err)
	}
	return fault.New(fault.Unavailable, "s3_unavailable", "the object store did not take it").Because(err)
}
