package function

import (
	"net/http"
	"regexp"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/wire"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// accountView is what callers see of an account.
type accountView struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Roles     []string  `json:"roles"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at" db:"created_at"`
}

const viewColumns = `id::text, email, roles, disabled, created_at`

func (a *api) createAccount(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Email    string   `json:"email"`
		Password string   `json:"password"`
		Roles    []string `json:"roles"`
	}
	if err := rest.Decode(r, &ask); err != nil {
		return err
	}
	taken := fault.New(fault.Conflict, "email_taken", "there is an account with this e-mail address")
	if emailKey(ask.Email) == emailKey(a.adminEmail) {
		return taken
	}
	if ask.Roles == nil {
		ask.Roles = []string{"user"}
	}
	hash, err := a.hasher.Hash(r.Context(), ask.Password)
	if err != nil {
		return err
	}
	made, err := pg.One[accountView](r.Context(), a.db, `insert into account (email, email_key, password, roles) values ($1, $2, $3, $4) returning `+viewColumns,
		ask.Email, emailKey(ask.Email), hash, ask.Roles)
	if pg.Violates(err, "account_email_key_key") {
		return taken
	}
	if err != nil {
		return pg.Fault(err)
	}
	return wire.JSON(w, http.StatusCreated, made)
}

// changeAccount sets roles or disables. Either ends the account's logins, so
// that within the life of an access token nobody acts on what was before.
func (a *api) changeAccount(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Roles    []string `json:"roles"`
		Disabled *bool    `json:"disabled"`
	}
	if err := rest.Decode(r, &ask); err != nil {
		return err
	}
	missing := fault.New(fault.NotFound, "account_not_found", "there is no account with this id")
	id := r.PathValue("id")
	if !uuid.MatchString(id) {
		return missing
	}
	var changed []accountView
	err := a.db.Do(r.Context(), func(tx pg.Tx) (err error) {
		if changed, err = pg.All[accountView](r.Context(), tx, `update account set roles = coalesce($2, roles), disabled = coalesce($3, disabled) where id = $1 returning `+viewColumns, id, ask.Roles, ask.Disabled); err != nil {
			return err
		}
		_, err = tx.Exec(r.Context(), `update family set revoked = true where account = $1`, id)
		return err
	})
	if err != nil {
		return pg.Fault(err)
	}
	if len(changed) == 0 {
		return missing
	}
	return wire.JSON(w, http.StatusOK, changed[0])
}

// changePassword changes the caller's own and ends every login.
func (a *api) changePassword(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Current string `json:"current"`
		New     string `json:"new"`
	}
	if err := rest.Decode(r, &ask); err != nil {
		return err
	}
	c := rest.From(r.Context())
	if err := a.gate.Check(w, r, "login-account", "account "+emailKey(c.Email)); err != nil {
		return err
	}
	if emailKey(c.Email) == emailKey(a.adminEmail) {
		return fault.New(fault.Conflict, "password_is_a_secret", "this account's password is the secret %s; change it there", adminSecret)
	}
	if _, err := a.login(r.Context(), c.Email, ask.Current); err != nil {
		return err
	}
	hash, err := a.hasher.Hash(r.Context(), ask.New)
	if err != nil {
		return err
	}
	if err := a.db.Do(r.Context(), func(tx pg.Tx) error {
		if _, err := tx.Exec(r.Context(), `update account set password = $2 where id = $1`, c.ID, hash); err != nil {
			return err
		}
		_, err := tx.Exec(r.Context(), `update family set revoked = true where account = $1`, c.ID)
		return err
	}); err != nil {
		return pg.Fault(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
