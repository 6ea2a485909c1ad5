package function

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
)

// begin starts a family of refresh tokens for a login.
func (a *api) begin(ctx context.Context, account string) (text string, err error) {
	text, hash := newRefresh()
	_, err = a.db.Exec(ctx, `with f as (insert into family (account) values ($1) returning id)
insert into refresh (hash, family, expires_at) select $2, id, now() + $3 from f`, account, hash, a.refresh)
	return text, pg.Fault(err)
}

func refused() error {
	return fault.New(fault.Unauthorized, "invalid_refresh_token", "the refresh token is not valid; log in again")
}

// renew uses up a refresh token for a new one. A token that comes a second time
// was stolen, from the client or by it: the whole family ends, and whoever has
// the newest one logs in again (RFC 9700 section 4.14.2).
//
//	login ─▶ token 1 ─▶ token 2 ─▶ token 3
//	            └─ again ─▶ 1, 2 and 3 end
func (a *api) renew(w http.ResponseWriter, r *http.Request) error {
	hash, err := sent(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	var who account
	var next string
	ok := false
	err = a.db.Do(ctx, func(tx pg.Tx) error {
		ok = false
		row, err := pg.One[struct {
			Family  string
			Revoked bool
			Used    bool
			Expired bool
			Account string
		}](ctx, tx, `select f.id::text as family, f.revoked, r.used_at is not null as used, r.expires_at <= now() as expired, f.account::text
from refresh r join family f on f.id = r.family where r.hash = $1 for update of r, f`, hash)
		if errors.Is(err, pg.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if row.Used && !row.Revoked {
			slog.Warn("a refresh token came twice; its login has ended", "account", row.Account, "family", row.Family)
			_, err := tx.Exec(ctx, `update family set revoked = true where id = $1`, row.Family)
			return err
		}
		if row.Used || row.Revoked || row.Expired {
			return nil
		}
		if who, err = pg.One[account](ctx, tx, `select `+accountColumns+` from account a where id = $1`, row.Account); err != nil {
			return err
		}
		if who.Disabled {
			return nil
		}
		text, newHash := newRefresh()
		if _, err := tx.Exec(ctx, `update refresh set used_at = now() where hash = $1`, hash); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into refresh (hash, family, expires_at) values ($1, $2, now() + $3)`, newHash, row.Family, a.refresh); err != nil {
			return err
		}
		next, ok = text, true
		return nil
	})
	if err != nil {
		return pg.Fault(err)
	}
	if !ok {
		return refused()
	}
	t, err := a.sign(who, "", nil)
	if err != nil {
		return err
	}
	t.Refresh = next
	return answer(w, t)
}

// revoke ends a login. What is not a token was revoked before, for all that the
// caller needs to know (RFC 7009 section 2.2). Access tokens end by themselves.
func (a *api) revoke(w http.ResponseWriter, r *http.Request) error {
	hash, err := sent(r)
	if err != nil {
		return err
	}
	if _, err := a.db.Exec(r.Context(), `update family set revoked = true from refresh where refresh.family = family.id and refresh.hash = $1`, hash); err != nil {
		return pg.Fault(err)
	}
	a.sweep()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// sweep removes some families of which no token is valid any more.
func (a *api) sweep() {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if _, err := a.db.Exec(ctx, `delete from family where id in (select f.id from family f
where f.created_at < now() - interval '1 day' and not exists (select from refresh r where r.family = f.id and r.expires_at > now()) limit 100)`); err != nil {
			slog.Warn("expired logins were not removed", "cause", err.Error())
		}
	}()
}

// sent gives the hash of the refresh token in the body.
func sent(r *http.Request) ([]byte, error) {
	var ask struct {
		Token string `json:"refresh_token"`
	}
	if err := rest.Decode(r, &ask); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(ask.Token))
	return sum[:], nil
}
