package function

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/wire"
)

// Pages.
const (
	defaultPage = 20
	maxPage     = 100
)

// arrived is an event as it is listed: data that is JSON as such, anything else
// as base64.
type arrived struct {
	Seq         int64           `json:"seq"`
	Source      string          `json:"source"`
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Known       bool            `json:"known"`
	Subject     string          `json:"subject,omitempty"`
	OccurredAt  time.Time       `json:"occurred_at" db:"occurred_at"`
	ReceivedAt  time.Time       `json:"received_at" db:"received_at"`
	ContentType string          `json:"content_type" db:"content_type"`
	Bytes       []byte          `json:"data_base64,omitempty" db:"data"`
	Data        json.RawMessage `json:"data,omitempty" db:"-"`
}

// list gives a page of what arrived, the newest first.
func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	for name, values := range q {
		if !strings.Contains(" type source known before limit ", " "+name+" ") || len(values) != 1 || strings.ContainsRune(values[0], 0) {
			return badQuery("the query may have, once each: type, source, known, before, limit")
		}
	}
	size, before := int64(defaultPage), int64(0)
	var err error
	if s := q.Get("limit"); s != "" {
		if size, err = strconv.ParseInt(s, 10, 32); err != nil || size < 1 || size > maxPage {
			return badQuery("limit is a number from 1 to 100")
		}
	}
	if s := q.Get("before"); s != "" {
		if before, err = strconv.ParseInt(s, 10, 64); err != nil || before < 1 {
			return badQuery("before is the next of an earlier page")
		}
	}
	known := q.Get("known")
	if known != "" && known != "true" && known != "false" {
		return badQuery("known is true or false")
	}
	page, err := pg.All[arrived](r.Context(), a.db, `select seq, source, id, type, known, subject, occurred_at, received_at, content_type, data from event
		where ($1 = '' or type = $1) and ($2 = '' or source = $2) and ($3 = '' or known = ($3 = 'true')) and ($4 = 0 or seq < $4)
		order by seq desc limit $5`, q.Get("type"), q.Get("source"), known, before, size+1)
	if err != nil {
		return pg.Fault(err)
	}
	answer := struct {
		Events []arrived `json:"events"`
		Next   int64     `json:"next,omitempty"`
	}{Events: page}
	if int64(len(page)) > size {
		answer.Events, answer.Next = page[:size], page[size-1].Seq
	}
	if answer.Events == nil {
		answer.Events = []arrived{}
	}
	for i := range answer.Events {
		if e := &answer.Events[i]; json.Valid(e.Bytes) {
			e.Data, e.Bytes = e.Bytes, nil
		}
	}
	return wire.JSON(w, http.StatusOK, answer)
}

func badQuery(sentence string) error {
	return fault.New(fault.Invalid, "bad_query", "the query cannot be answered: %s", sentence)
}

// person gives what all events together say of a user.
func (a *api) person(w http.ResponseWriter, r *http.Request) error {
	p, err := pg.One[struct {
		ID        string    `json:"id"`
		Email     *string   `json:"email"`
		Name      *string   `json:"name"`
		Removed   bool      `json:"removed"`
		Events    int64     `json:"events"`
		ChangedAt time.Time `json:"changed_at" db:"changed_at"`
	}](r.Context(), a.db, `select id, email, name, removed, events, changed_at from person where id = $1`, strings.ReplaceAll(r.PathValue("id"), "\x00", ""))
	if errors.Is(err, pg.ErrNoRows) {
		return fault.New(fault.NotFound, "user_not_found", "no event has spoken of this user")
	}
	if err != nil {
		return pg.Fault(err)
	}
	return wire.JSON(w, http.StatusOK, p)
}
