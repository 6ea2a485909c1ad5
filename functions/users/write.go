package function

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/idempotency"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/wire"
)

// change are the members that a caller may send. A profile has no others that
// they could set.
type change struct {
	ID    string  `json:"id"`
	Name  *string `json:"name"`
	Email *string `json:"email"`
}

// create makes the caller's own profile, or any for an administrator. The answer
// is stored with the row, under the caller's Idempotency-Key.
func (a *api) create(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	c := rest.From(r.Context())
	key, err := idempotency.FromRequest(r, c.ID, body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var ask change
	if err := rest.Decode(r, &ask); err != nil {
		return err
	}
	id := strings.ToLower(ask.ID)
	switch {
	case c.Has(admin) && id == "":
		id = newID(time.Now())
	case !c.Has(admin) && id == "":
		id = c.ID
	case !c.Has(admin) && id != c.ID:
		return fault.New(fault.Forbidden, "not_yours", "only an administrator makes another one's profile")
	}
	if !uuid.MatchString(id) {
		return fault.New(fault.Invalid, "bad_id", "the id is not a UUID")
	}
	var answer idempotency.Answer
	var replayed bool
	err = a.db.Do(r.Context(), func(tx pg.Tx) (err error) {
		answer, replayed, err = key.Do(r.Context(), tx, func() (idempotency.Answer, error) {
			u, err := pg.One[user](r.Context(), tx, `insert into users (id, name, email, email_key) values ($1, $2, $3, $4) returning `+columns, id, ask.Name, ask.Email, emailKey(*ask.Email))
			if err != nil {
				return idempotency.Answer{}, err
			}
			text, err := json.Marshal(u)
			return idempotency.Answer{
				Status: http.StatusCreated, Body: text,
				// Relative, so that it holds behind a gateway as well.
				Header: map[string]string{"Etag": u.etag(), "Location": "users/" + u.ID},
			}, err
		})
		return err
	})
	switch {
	case pg.Violates(err, "users_email"):
		return taken()
	case pg.Violates(err, "users_pkey"):
		return fault.New(fault.Conflict, "user_exists", "there is a user with this id")
	case err != nil:
		return pg.Fault(err)
	}
	answer.Write(w, replayed)
	return nil
}

// change replaces a user (PUT: all members are there) or some members of it
// (PATCH). Of two changes with the same If-Match one is made. It never creates.
func (a *api) change(w http.ResponseWriter, r *http.Request) error {
	var ask change
	if err := rest.Decode(r, &ask); err != nil {
		return err
	}
	var key *string
	if ask.Email != nil {
		k := emailKey(*ask.Email)
		key = &k
	}
	const set = `update users set name = coalesce($3, name), email = coalesce($4, email), email_key = coalesce($5, email_key), version = version + 1, updated_at = now()`
	found, err := a.conditional(r, set, ask.Name, ask.Email, key)
	if pg.Violates(err, "users_email") {
		return taken()
	}
	if err != nil {
		return pg.Fault(err)
	}
	w.Header().Set("ETag", found.etag())
	return wire.JSON(w, http.StatusOK, found)
}

func (a *api) remove(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.conditional(r, `delete from users`); err != nil {
		return pg.Fault(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// conditional runs a statement on the user of the path if the caller may reach
// it and If-Match, where there is one, names its version. Its arguments are $3
// and on.
func (a *api) conditional(r *http.Request, statement string, args ...any) (u user, err error) {
	id, err := reached(rest.From(r.Context()), r.PathValue("id"))
	if err != nil {
		return u, err
	}
	list, _ := versions(r.Header.Values("If-Match"))
	for range conditionalAttempts {
		done, err := pg.All[user](r.Context(), a.db, statement+` where id = $1 and ($2::bigint[] is null or version = any($2)) returning `+columns, append([]any{id, list}, args...)...)
		if err != nil {
			return u, err
		}
		if len(done) == 1 {
			return done[0], nil
		}
		now, err := pg.All[struct{ Version int64 }](r.Context(), a.db, `select version from users where id = $1`, id)
		switch {
		case err != nil:
			return u, err
		case len(now) == 0:
			return u, notFound()
		case list != nil && !slices.Contains(list, now[0].Version):
			return u, fault.New(fault.Failed, "version_changed", "the user has been changed since; read it again")
		}
		// It came, or came to that version, between the two looks.
	}
	return u, fault.New(fault.Unavailable, "busy", "the user is being changed by others").After(time.Second)
}

const conditionalAttempts = 5
