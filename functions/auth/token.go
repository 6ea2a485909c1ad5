package function

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/identity"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/token"
	"fnstore/kit/wire"
)

// account is a row.
type account struct {
	ID       string
	Email    string
	Password string
	Roles    []string
	Disabled bool
}

const accountColumns = `a.id::text, a.email, a.password, a.roles, a.disabled`

// tokens are what a login gives (RFC 6749 section 5.1).
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Seconds int    `json:"expires_in"`
	Refresh string `json:"refresh_token,omitempty"`
	Scope   string `json:"scope,omitempty"`
}

// denied is the one answer to a login that fails, whatever was wrong.
func denied() error {
	return fault.New(fault.Unauthorized, "login_failed", "the e-mail address or the password is wrong")
}

// token issues tokens for a password or an API key.
func (a *api) token(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Email    string `json:"email"`
		Password string `json:"password"`
		Key      string `json:"api_key"`
	}
	if err := rest.Decode(r, &ask); err != nil {
		return err
	}
	if ask.Key != "" {
		c, err := identity.ByKey(r.Context(), a.db, ask.Key)
		if err != nil {
			return err
		}
		t, err := a.sign(account{ID: c.ID, Email: c.Email, Roles: c.Roles}, c.Key, c.Scopes)
		if err != nil {
			return err
		}
		return answer(w, t)
	}
	if err := a.gate.Check(w, r, "login-account", "account "+emailKey(ask.Email)); err != nil {
		return err
	}
	who, err := a.login(r.Context(), ask.Email, ask.Password)
	if err != nil {
		return err
	}
	t, err := a.sign(who, "", nil)
	if err != nil {
		return err
	}
	if t.Refresh, err = a.begin(r.Context(), who.ID); err != nil {
		return err
	}
	return answer(w, t)
}

func answer(w http.ResponseWriter, t tokens) error {
	w.Header().Set("Cache-Control", "no-store") // RFC 6749 section 5.1
	return wire.JSON(w, http.StatusOK, t)
}

// login finds the account of an address and a password. An unknown address and
// a wrong password take the same way: one query, one hash.
func (a *api) login(ctx context.Context, email, given string) (account, error) {
	who, err := pg.One[account](ctx, a.db, `select `+accountColumns+` from account a where email_key = $1`, emailKey(email))
	if err != nil && !errors.Is(err, pg.ErrNoRows) {
		return who, pg.Fault(err)
	}
	known := err == nil
	ok, err := a.hasher.Matches(ctx, given, who.Password)
	if err != nil {
		return who, err
	}
	if emailKey(email) == emailKey(a.adminEmail) {
		if ok, err = a.isAdmin(given); err != nil {
			return who, err
		}
		if ok && !known {
			if who, err = a.makeAdmin(ctx); err != nil {
				return who, err
			}
			known = true
		}
	}
	if !ok || !known || who.Disabled {
		return who, denied()
	}
	return who, nil
}

// isAdmin compares with the generated password of the first administrator. It
// is in its file and nowhere else, so changing the file changes it.
func (a *api) isAdmin(given string) (bool, error) {
	want, err := a.read(adminSecret)
	if err != nil {
		return false, fault.New(fault.Unavailable, "no_admin_password", "the administrator's password is not mounted").Because(err)
	}
	x, y := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1, nil
}

func (a *api) makeAdmin(ctx context.Context) (account, error) {
	who, err := pg.One[account](ctx, a.db, `insert into account as a (email, email_key, password, roles) values ($1, $2, '', '{admin,user}')
on conflict (email_key) do update set email_key = excluded.email_key returning `+accountColumns, a.adminEmail, emailKey(a.adminEmail))
	return who, pg.Fault(err)
}

// sign makes the access token of an account, limited to the scopes of an API
// key if there is one.
func (a *api) sign(who account, key string, scopes []string) (tokens, error) {
	keys, err := a.keys()
	if err != nil {
		return tokens{}, noKey(err)
	}
	c := token.Claims{Issuer: a.verifier.Issuer, Audience: []string{a.verifier.Audience}, Subject: who.ID, Email: who.Email, Roles: who.Roles, KeyID: key, Scope: strings.Join(scopes, " ")}
	raw, err := token.Sign(keys[0], c, a.now(), a.life)
	if err != nil {
		return tokens{}, err
	}
	return tokens{Access: raw, Type: "Bearer", Seconds: int(a.life / time.Second), Scope: c.Scope}, nil
}

// newRefresh makes a refresh token and what is stored of it.
func newRefresh() (text string, hash []byte) {
	text = rand.Text() + rand.Text() // 260 bits
	sum := sha256.Sum256([]byte(text))
	return text, sum[:]
}
