// Package idempotency makes a request that is sent twice have one effect. The
// answer is stored in the transaction of the effect, under the key that the
// client chose, and given again to whoever sends the request again. It does not
// know what the effect is.
//
// Semantics are those of the IETF's draft (draft-ietf-httpapi-idempotency-key-header):
// 409 while the first request is under way, 422 for another request with the
// same key. An error stores nothing: the request may be sent again.
package idempotency

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
)

// Migrations make the schema idempotency. A function's own migration installs
// the table beside its effects.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Header is the request's header.
const Header = "Idempotency-Key"

// Replayed is set to true in an answer that was given before.
const Replayed = "Idempotency-Replayed"

// Bounds.
const (
	DefaultRetention = 24 * time.Hour
	maxKey           = 255         // bytes
	inFlight         = time.Second // what a second request is told to wait
	sweep            = 100         // expired rows that one request removes
)

// Key names one request of one sender. The zero Key asks for nothing.
type Key struct {
	scope, key string
	digest     [sha256.Size]byte
}

// New makes a key. The scope is the sender and the operation; content is what
// makes two requests the same one.
func New(scope, key string, content ...[]byte) (Key, error) {
	if key == "" || len(key) > maxKey {
		return Key{}, fault.New(fault.Invalid, "bad_idempotency_key", "an idempotency key has 1 to %d characters", maxKey)
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return Key{}, fault.New(fault.Invalid, "bad_idempotency_key", "an idempotency key has printable ASCII characters")
		}
	}
	sum := sha256.New()
	for _, c := range content {
		part := sha256.Sum256(c)
		sum.Write(part[:])
	}
	k := Key{scope: scope, key: key}
	sum.Sum(k.digest[:0])
	return k, nil
}

// FromRequest reads the header of a request whose body has been read; sender is
// who sends it. Without the header it is the zero Key.
func FromRequest(r *http.Request, sender string, body []byte) (Key, error) {
	values := r.Header.Values(Header)
	switch len(values) {
	case 0:
		return Key{}, nil
	case 1:
		return New(sender+" "+r.Method+" "+r.URL.EscapedPath(), values[0], body)
	}
	return Key{}, fault.New(fault.Invalid, "bad_idempotency_key", "there are several headers %s", Header)
}

// Answer is what is stored and given again.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   json.RawMessage   `json:"body,omitempty"`
}

// Write sends the answer.
func (a Answer) Write(w http.ResponseWriter, replayed bool) {
	h := w.Header()
	for name, value := range a.Header {
		h.Set(name, value)
	}
	if replayed {
		h.Set(Replayed, "true")
	}
	if a.Body != nil {
		h.Set("Content-Type", "application/json")
		h.Set("X-Content-Type-Options", "nosniff")
	}
	w.WriteHeader(a.Status)
	if a.Body != nil {
		_, _ = w.Write(append(a.Body, '\n')) // the client may be gone
	}
}

// Do runs effect in tx unless the key has an answer already, and stores the
// answer in the same transaction. The table is the one in the role's own schema.
// A rollback forgets both. It returns fault.Conflict while another transaction
// works on the key, and fault.Unprocessable when the key was used for another
// request.
func (k Key) Do(ctx context.Context, tx pg.Tx, effect func() (Answer, error)) (a Answer, replayed bool, err error) {
	if k.key == "" {
		a, err = effect()
		return a, false, err
	}
	// The lock ends with the transaction, whether its client lives or not.
	var mine bool
	if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock(hashtextextended($1, 7))`, k.scope+"\n"+k.key).Scan(&mine); err != nil {
		return a, false, fmt.Errorf("lock an idempotency key: %w", err)
	}
	if !mine {
		return a, false, fault.New(fault.Conflict, "request_in_flight", "a request with this idempotency key is under way").After(inFlight)
	}
	row, err := pg.One[struct{ Digest, Answer []byte }](ctx, tx, `select digest, answer from idempotency where scope = $1 and key = $2 and expires_at > now()`, k.scope, k.key)
	switch {
	case err == nil && !bytes.Equal(row.Digest, k.digest[:]):
		return a, false, fault.New(fault.Unprocessable, "idempotency_key_reused", "this idempotency key was used for another request")
	case err == nil:
		if err := json.Unmarshal(row.Answer, &a); err != nil {
			return a, false, fmt.Errorf("read a stored answer: %w", err)
		}
		return a, true, nil
	case !errors.Is(err, pg.ErrNoRows):
		return a, false, fmt.Errorf("look for an idempotency key: %w", err)
	}
	if a, err = effect(); err != nil {
		return a, false, err
	}
	stored, err := json.Marshal(a)
	if err != nil {
		return a, false, fmt.Errorf("store an answer: %w", err)
	}
	if _, err := tx.Exec(ctx, `insert into idempotency as i (scope, key, digest, answer, expires_at) values ($1, $2, $3, $4, now() + $5)
on conflict (scope, key) do update set digest = excluded.digest, answer = excluded.answer, expires_at = excluded.expires_at`,
		k.scope, k.key, k.digest[:], stored, DefaultRetention); err != nil {
		return a, false, fmt.Errorf("store an answer: %w", err)
	}
	if k.digest[0] == 0 { // one request in 256 removes what has expired
		if _, err := tx.Exec(ctx, `delete from idempotency where ctid in (select ctid from idempotency where expires_at < now() - interval '1 minute' limit $1 for update skip locked)`, sweep); err != nil {
			return a, false, fmt.Errorf("remove expired answers: %w", err)
		}
	}
	return a, false, nil
}
