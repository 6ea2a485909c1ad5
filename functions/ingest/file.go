package function

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/queue"
	"fnstore/kit/s3"
)

// metadata is what process is told of a file.
type metadata struct {
	FileID      string    `json:"file_id"`
	Bucket      string    `json:"bucket"`
	Key         string    `json:"key"`
	Size        int64     `json:"size"` // bytes
	ContentType string    `json:"content_type"`
	UploadTime  time.Time `json:"upload_time"`
	ETag        string    `json:"etag"`
	Version     string    `json:"version,omitempty"`
}

// result is what became of one record.
type result struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Status string `json:"status"` // accepted, duplicate or skipped
	Reason string `json:"reason,omitempty"`
	FileID string `json:"file_id,omitempty"`
}

const statusAccepted = "accepted"

// take makes a row and a message of a record, or finds a reason not to. An event
// of an object that another one has replaced since is skipped: the other one has
// an event of its own.
func (a *api) take(ctx context.Context, rec record) (result, error) {
	res := result{Bucket: rec.bucket, Key: rec.key, Status: "skipped"}
	switch {
	case !rec.created:
		res.Reason = "nothing was created"
	case !a.watches(rec.bucket, rec.key):
		res.Reason = "files of this place are not taken"
	case strings.HasSuffix(rec.key, "/"):
		res.Reason = "it is a folder"
	}
	if res.Reason != "" {
		return res, nil
	}
	client, err := a.store.Client()
	if err != nil {
		return res, err
	}
	info, err := client.Stat(ctx, rec.bucket, rec.key)
	var f *fault.Error
	switch {
	case errors.As(err, &f) && f.Kind == fault.NotFound:
		res.Reason = "gone"
		return res, nil
	case err != nil:
		return res, err
	case rec.etag != "" && rec.etag != info.ETag:
		res.Reason = "superseded"
		return res, nil
	}
	file := about(rec, info)
	res.FileID = file.FileID
	isNew, err := a.keep(ctx, file, rec.sequencer)
	switch {
	case err != nil:
		return res, err
	case isNew:
		res.Status = statusAccepted
	default:
		res.Status = "duplicate"
	}
	return res, nil
}

func about(rec record, info s3.Info) metadata {
	contentType := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, info.ContentType)
	return metadata{
		FileID: id(rec, info), Bucket: rec.bucket, Key: rec.key, Size: info.Size, ContentType: contentType[:min(len(contentType), 200)],
		UploadTime: info.Modified.UTC(), ETag: info.ETag, Version: rec.version,
	}
}

// id names a content of a key: by its version, or where there are none by ETag,
// size and the event's place in the order of the key's events. The ETag alone
// would make equal bytes under two keys one file.
func id(rec record, info s3.Info) string {
	parts := []string{rec.bucket, rec.key, "version", rec.version}
	if rec.version == "" {
		parts = []string{rec.bucket, rec.key, "etag", info.ETag, strconv.FormatInt(info.Size, 10), rec.sequencer}
	}
	return hash(parts...)
}

// hash is 128 bits of SHA-256 over the parts, each with its length before it.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// keep writes the row and the message, both or neither. A second transaction with
// the same file waits for the first one.
func (a *api) keep(ctx context.Context, f metadata, sequencer string) (isNew bool, err error) {
	body, err := json.Marshal(f)
	if err != nil {
		return false, err
	}
	attributes, err := json.Marshal(map[string]any{"FileSize": f.Size, "ContentType": f.ContentType})
	if err != nil {
		return false, err
	}
	err = a.db.Do(ctx, func(tx pg.Tx) error {
		tag, err := tx.Exec(ctx, `insert into file (file_id, bucket, key, version, etag, size, sequencer, content_type, upload_time, expires_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10) on conflict do nothing`,
			f.FileID, f.Bucket, f.Key, f.Version, f.ETag, f.Size, sequencer, f.ContentType, f.UploadTime, a.retention)
		if err != nil {
			return err
		}
		if isNew = tag.RowsAffected() == 1; !isNew {
			return nil
		}
		_, err = queue.Send(ctx, tx, queue.Outgoing{
			Target: a.target, Body: body,
			Headers: map[string][]string{"Content-Type": {"application/json"}, "X-Fnstore-Attributes": {string(attributes)}},
			// Contents of one key come in their order; all else runs side by side.
			Group: "file " + hash(f.Bucket, f.Key),
		})
		return err
	})
	if err != nil && fault.Of(err).Kind == fault.Forbidden {
		return false, fault.New(fault.Unavailable, "not_allowed_to_send", "the file cannot be passed on to %s", a.target).Because(err)
	}
	return isNew, pg.Fault(err)
}
