package function

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/identity"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/wire"
)

// maxKeys is how many API keys an account may have.
const maxKeys = 50

// keyView is what callers see of an API key. The key itself is in the answer to
// its creation and nowhere else.
type keyView struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"created_at" db:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" db:"expires_at"`
	Key       string     `json:"api_key,omitempty" db:"-"`
}

func (a *api) listKeys(w http.ResponseWriter, r *http.Request) error {
	list, err := pg.All[keyView](r.Context(), a.db, `select id, name, scopes, created_at, expires_at from api_key where account = $1 order by id limit $2`, rest.From(r.Context()).ID, maxKeys)
	if err != nil {
		return pg.Fault(err)
	}
	if list == nil {
		list = []keyView{}
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"keys": list})
}

func (a *api) createKey(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
		Days   *int     `json:"days"`
	}
	if err := rest.Decode(r, &ask); err != nil {
		return err
	}
	id := strings.ToLower(rand.Text()[:12])
	text := identity.KeyPrefix + id + "_" + rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(text))
	made, err := pg.All[keyView](r.Context(), a.db, `insert into api_key (id, hash, account, name, scopes, expires_at)
select $1, $2, $3, $4, $5, now() + $6 * interval '1 day' where (select count(*) from api_key where account = $3) < $7
returning id, name, scopes, created_at, expires_at`, id, sum[:], rest.From(r.Context()).ID, ask.Name, ask.Scopes, ask.Days, maxKeys)
	if err != nil {
		return pg.Fault(err)
	}
	if len(made) == 0 {
		return fault.New(fault.Conflict, "too_many_keys", "an account has %d API keys at most", maxKeys)
	}
	made[0].Key = text
	w.Header().Set("Cache-Control", "no-store")
	return wire.JSON(w, http.StatusCreated, made[0])
}

func (a *api) deleteKey(w http.ResponseWriter, r *http.Request) error {
	tag, err := a.db.Exec(r.Context(), `delete from api_key where id = $1 and account = $2`, r.PathValue("id"), rest.From(r.Context()).ID)
	if err != nil {
		return pg.Fault(err)
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.NotFound, "key_not_found", "there is no API key with this id")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
