package function

import (
	_ "embed"
	"fmt"
	"net/http"
	"time"

	"fnstore/kit/identity"
	"fnstore/kit/limit"
	"fnstore/kit/openapi"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/schema"
)

// document is the OpenAPI 3.1 page of this function. Its schemas are the ones
// that requests are checked with.
//
//go:embed openapi.json
var document []byte

// Names of secrets, scopes and roles.
const (
	databaseSecret = "users-pg"
	redisSecret    = "users-redis"
	admin          = "admin"
	reading        = "users:read"
	writing        = "users:write"
)

const maxBody = 16 << 10

// api is the function with its needs.
type api struct {
	db   *pg.DB
	page []byte // the readable form of the document
}

// Open makes the function from its environment and its secrets. It dials
// nothing; an error is one of the settings and stays.
func Open(getenv func(string) string, read func(name string) (string, error)) (*rest.API, error) {
	a := &api{db: pg.Open(func() (string, error) { return read(databaseSecret) })}
	verifier, err := identity.Verifier(getenv, read)
	if err != nil {
		return nil, err
	}
	origins, err := rest.ParseOrigins(getenv("cors_origins"))
	if err != nil {
		return nil, err
	}
	gate, err := limit.OpenGate("users", getenv, func() (string, error) { return read(redisSecret) },
		limit.Default(),
		limit.Policy{Name: "write", Limit: 60, Window: time.Minute, Closed: true},
		limit.Policy{Name: "guesses", Limit: 30, Window: time.Minute, Closed: true},
	)
	if err != nil {
		return nil, err
	}
	deprecated, err := day(getenv, "v1_deprecated")
	if err != nil {
		return nil, err
	}
	sunset, err := day(getenv, "v1_sunset")
	if err != nil {
		return nil, err
	}
	if a.page, err = openapi.Page(document); err != nil {
		return nil, err
	}
	doc, err := schema.Open(document)
	if err != nil {
		return nil, err
	}
	var bad error
	check := func(name string) func([]byte) error {
		s, err := doc.At("/components/schemas/" + name)
		if err != nil {
			bad = err
			return nil
		}
		return s.Check
	}
	source := &identity.Source{Verifier: verifier, Keys: a.db}
	one, many := "/v1/users/{id}", "/v1/users"
	service := &rest.API{
		Name: "users", Origins: origins, Authenticate: source.Caller, Guesses: "guesses",
		Limit: func(w http.ResponseWriter, r *http.Request, policy string, c rest.Caller) error {
			return gate.Check(w, r, policy, who(c))
		},
		Routes: []rest.Route{
			{Method: "GET", Path: many, Op: "list-users", Scope: reading, Limit: "default", Serve: a.list},
			{Method: "POST", Path: many, Op: "create-user", Scope: writing, Limit: "write", MaxBody: maxBody, Check: check("UserCreate"), Serve: a.create},
			{Method: "GET", Path: one, Op: "get-user", Scope: reading, Limit: "default", Serve: a.get, Deprecated: deprecated, Sunset: sunset},
			{Method: "PUT", Path: one, Op: "put-user", Scope: writing, Limit: "write", MaxBody: maxBody, Check: check("UserPut"), Serve: a.change},
			{Method: "PATCH", Path: one, Op: "change-user", Scope: writing, Limit: "write", MaxBody: maxBody, Check: check("UserPatch"), Serve: a.change},
			{Method: "DELETE", Path: one, Op: "delete-user", Scope: writing, Limit: "write", Serve: a.remove},
			{Method: "GET", Path: "/v2/users/{id}", Op: "get-user-v2", Scope: reading, Limit: "default", Serve: a.getV2},
			{Method: "GET", Path: "/public/status", Op: "status", Public: true, Limit: "default", Serve: a.status},
			{Method: "GET", Path: "/public/openapi.json", Op: "openapi", Public: true, Limit: "default", Serve: a.openapi},
			{Method: "GET", Path: "/public/docs", Op: "docs", Public: true, Limit: "default", Serve: a.docs},
		},
	}
	for i := range service.Routes {
		if r := &service.Routes[i]; !r.Deprecated.IsZero() {
			r.Successor = "../../v2/users/{id}"
		}
	}
	return service, bad
}

// who is the identity that calls are counted by: an API key has its own count.
func who(c rest.Caller) string {
	switch {
	case c.Key != "":
		return "key " + c.Key
	case c.ID != "":
		return "user " + c.ID
	}
	return ""
}

// day reads a date from the environment.
func day(getenv func(string) string, name string) (time.Time, error) {
	s := getenv(name)
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, fmt.Errorf("%s %q is not a date such as 2027-01-31", name, s)
	}
	return t, nil
}
