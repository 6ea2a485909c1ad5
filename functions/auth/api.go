package function

import (
	_ "embed"
	"net/http"

	"fnstore/kit/fault"
	"fnstore/kit/identity"
	"fnstore/kit/rest"
	"fnstore/kit/schema"
	"fnstore/kit/token"
)

//go:embed schemas.json
var schemas []byte

const maxBody = 16 << 10

func (a *api) routes(origins []string) (*rest.API, error) {
	doc, err := schema.Open(schemas)
	if err != nil {
		return nil, err
	}
	var bad error
	check := func(name string) func([]byte) error {
		s, err := doc.At("/" + name)
		if err != nil {
			bad = err
			return nil
		}
		return s.Check
	}
	source := &identity.Source{Verifier: a.verifier, Keys: a.db}
	service := &rest.API{
		Name: "auth", Origins: origins, Authenticate: source.Caller, Guesses: "login",
		Limit: func(w http.ResponseWriter, r *http.Request, policy string, c rest.Caller) error {
			return a.gate.Check(w, r, policy, c.ID)
		},
		Routes: []rest.Route{
			{Method: "POST", Path: "/token", Op: "token", Public: true, Limit: "login", MaxBody: maxBody, Check: check("token"), Serve: a.token},
			{Method: "POST", Path: "/refresh", Op: "refresh", Public: true, Limit: "login", MaxBody: maxBody, Check: check("refresh"), Serve: a.renew},
			{Method: "POST", Path: "/revoke", Op: "revoke", Public: true, Limit: "login", MaxBody: maxBody, Check: check("refresh"), Serve: a.revoke},
			{Method: "GET", Path: "/.well-known/jwks.json", Op: "jwks", Public: true, Limit: "default", Serve: a.jwks},
			{Method: "POST", Path: "/accounts", Op: "create-account", Role: "admin", Limit: "default", MaxBody: maxBody, Check: check("account"), Serve: a.createAccount},
			{Method: "PATCH", Path: "/accounts/{id}", Op: "change-account", Role: "admin", Limit: "default", MaxBody: maxBody, Check: check("change"), Serve: a.changeAccount},
			{Method: "POST", Path: "/password", Op: "change-password", Limit: "login", MaxBody: maxBody, Check: check("password"), Serve: a.changePassword},
			{Method: "GET", Path: "/keys", Op: "list-keys", Limit: "default", Serve: a.listKeys},
			{Method: "POST", Path: "/keys", Op: "create-key", Limit: "default", MaxBody: maxBody, Check: check("key"), Serve: a.createKey},
			{Method: "DELETE", Path: "/keys/{id}", Op: "delete-key", Limit: "default", Serve: a.deleteKey},
		},
	}
	return service, bad
}

// jwks answers with the public keys, the one before the last rotation among
// them. With HS256 there is none.
func (a *api) jwks(w http.ResponseWriter, _ *http.Request) error {
	keys, err := a.keys()
	if err != nil {
		return noKey(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", "public, max-age=60")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(append(token.PublicSet(keys...), '\n')) // the client may be gone
	return nil
}

func noKey(err error) error {
	return fault.New(fault.Unavailable, "no_token_key", "the key that signs tokens is not mounted").Because(err)
}
