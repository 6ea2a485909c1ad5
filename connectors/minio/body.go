package minio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a notification.
const (
	maxBody    = 1 << 20 // bytes
	maxRecords = 1000
	maxKey     = 1024 // bytes, as in S3
)

// notice is one record of a notification: what a store says has happened.
type notice struct {
	event     string // without "s3:"
	bucket    string
	key       string // as it is, not escaped
	version   string
	sequencer string
	at        time.Time
}

// body is MinIO's webhook body, and S3's event message, which has the same
// records (Amazon S3 user guide, "Event message structure").
type body struct {
	Records []struct {
		EventName string    `json:"eventName"`
		EventTime time.Time `json:"eventTime"`
		S3        struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object struct {
				Key       string `json:"key"`
				VersionID string `json:"versionId"`
				Sequencer string `json:"sequencer"`
			} `json:"object"`
		} `json:"s3"`
	} `json:"Records"`
}

// parse reads a notification. Keys are unescaped here, once.
func parse(text []byte) ([]notice, error) {
	var b body
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&b); err != nil {
		return nil, fmt.Errorf("the notification is no JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the notification")
	}
	if len(b.Records) == 0 || len(b.Records) > maxRecords {
		return nil, fmt.Errorf("a notification has 1 to %d records", maxRecords)
	}
	list := make([]notice, 0, len(b.Records))
	for _, r := range b.Records {
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err != nil {
			return nil, errors.New("a key is not escaped as in a query")
		}
		n := notice{event: strings.TrimPrefix(r.EventName, "s3:"), bucket: r.S3.Bucket.Name, key: key,
			version: r.S3.Object.VersionID, sequencer: r.S3.Object.Sequencer, at: r.EventTime}
		switch {
		case key == "" || len(key) > maxKey || !utf8.ValidString(key) || strings.ContainsRune(key, 0):
			return nil, errors.New("a key is 1 to 1024 bytes of UTF-8 without NUL")
		case n.bucket == "" || n.event == "":
			return nil, errors.New("a record names a bucket and an event")
		case len(n.version) > 1024 || len(n.sequencer) > 64 || strings.ContainsRune(n.sequencer, 0) || !utf8.ValidString(n.sequencer):
			return nil, errors.New("a record's version or sequencer is too long")
		}
		list = append(list, n)
	}
	return list, nil
}
