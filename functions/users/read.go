package function

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/rest"
	"fnstore/kit/wire"
)

// Pages.
const (
	defaultPage = 20
	maxPage     = 100
)

// query refuses parameters that mean nothing here: a filter that is misspelt
// must not look like one that matches all.
func query(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.New(fault.Invalid, "bad_query", "the query cannot be read")
	}
next:
	for name, values := range q {
		for _, k := range known {
			if name == k && len(values) == 1 {
				continue next
			}
		}
		return nil, fault.New(fault.Invalid, "bad_query", "the query may have, once each: %s", strings.Join(known, ", "))
	}
	return q, nil
}

// list gives a page in the order of ids. The next one begins after its last.
func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, "limit", "after", "email", "total")
	if err != nil {
		return err
	}
	size := defaultPage
	if s := q.Get("limit"); s != "" {
		if size, err = strconv.Atoi(s); err != nil || size < 1 || size > maxPage {
			return fault.New(fault.Invalid, "bad_query", "limit is a number from 1 to %d", maxPage)
		}
	}
	after := q.Get("after")
	if after != "" && !uuid.MatchString(after) {
		return fault.New(fault.Invalid, "bad_query", "after is the next of an earlier page")
	}
	total := q.Get("total")
	if total != "" && total != "true" && total != "false" {
		return fault.New(fault.Invalid, "bad_query", "total is true or false")
	}
	c := rest.From(r.Context())
	const where = ` from users where ($1 or id = $2::uuid) and ($3 = '' or email_key = $3)`
	args := []any{c.Has(admin), orNil(c.ID), emailKey(q.Get("email"))}
	if strings.ContainsRune(q.Get("email"), 0) {
		return fault.New(fault.Invalid, "bad_query", "email is an address")
	}
	page, err := pg.All[user](r.Context(), a.db, `select `+columns+where+` and ($4::uuid is null or id > $4) order by id limit $5`, append(args, null(after), size+1)...)
	if err != nil {
		return pg.Fault(err)
	}
	answer := struct {
		Users []user `json:"users"`
		Next  string `json:"next,omitempty"`
		Total *int64 `json:"total,omitempty"`
	}{Users: page}
	if len(page) > size {
		answer.Users = page[:size]
		answer.Next = page[size-1].ID
	}
	if answer.Users == nil {
		answer.Users = []user{}
	}
	if total == "true" {
		if err := a.db.QueryRow(r.Context(), `select count(*)`+where, args...).Scan(&answer.Total); err != nil {
			return pg.Fault(err)
		}
	}
	return wire.JSON(w, http.StatusOK, answer)
}

// null makes SQL's null of an empty string.
func null(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orNil makes an id that is nobody's of one that is no UUID.
func orNil(id string) string {
	if uuid.MatchString(id) {
		return id
	}
	return "00000000-0000-0000-0000-000000000000"
}

// find reads the user of the path, for whoever may reach it.
func (a *api) find(r *http.Request) (user, error) {
	id, err := reached(rest.From(r.Context()), r.PathValue("id"))
	if err != nil {
		return user{}, err
	}
	u, err := pg.One[user](r.Context(), a.db, `select `+columns+` from users where id = $1`, id)
	if errors.Is(err, pg.ErrNoRows) {
		return u, notFound()
	}
	return u, pg.Fault(err)
}

func (a *api) get(w http.ResponseWriter, r *http.Request) error {
	u, err := a.find(r)
	if err != nil {
		return err
	}
	if link := w.Header().Get("Link"); link != "" {
		w.Header().Set("Link", strings.Replace(link, "{id}", u.ID, 1))
	}
	w.Header().Set("ETag", u.etag())
	for tag := range strings.SplitSeq(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == u.etag() || tag == "*" {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	return wire.JSON(w, http.StatusOK, u)
}

// getV2 is an example of a next version: the same user in another shape.
func (a *api) getV2(w http.ResponseWriter, r *http.Request) error {
	u, err := a.find(r)
	if err != nil {
		return err
	}
	w.Header().Set("ETag", u.etag())
	return wire.JSON(w, http.StatusOK, map[string]any{"data": map[string]any{
		"type": "user", "id": u.ID, "version": u.Version,
		"attributes": map[string]any{"name": u.Name, "email": u.Email, "created_at": u.CreatedAt, "updated_at": u.UpdatedAt},
	}})
}

func (a *api) status(w http.ResponseWriter, _ *http.Request) error {
	return wire.JSON(w, http.StatusOK, map[string]any{"service": "users", "versions": []string{"v1", "v2"}})
}

func (a *api) openapi(w http.ResponseWriter, _ *http.Request) error {
	return send(w, "application/vnd.oai.openapi+json;version=3.1", document)
}

func (a *api) docs(w http.ResponseWriter, _ *http.Request) error {
	// Nothing but the page's own style: no script, no form, no frame around it.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	return send(w, "text/html; charset=utf-8", a.page)
}

func send(w http.ResponseWriter, contentType string, body []byte) error {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may be gone
	return nil
}
