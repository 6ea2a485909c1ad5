package function

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"regexp"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/wire"
)

const maxValues = 100_000

// measured is what the chain takes: values under an id.
type measured struct {
	ID     string    `json:"id"`
	Values []float64 `json:"values"`
}

// summary is what is stored of it.
type summary struct {
	ID    string  `json:"id"`
	Count int     `json:"count"`
	Sum   float64 `json:"sum"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
}

var recordID = regexp.MustCompile(`^[!-~]{1,128}$`)

// decode reads a step's input.
func decode(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return wire.Decode(body, v)
}

// validate answers with what it was given, if it is valid.
func (a *api) validate(w http.ResponseWriter, r *http.Request) error {
	var m measured
	if err := decode(r, &m); err != nil {
		return err
	}
	if !recordID.MatchString(m.ID) || len(m.Values) == 0 || len(m.Values) > maxValues {
		return fault.New(fault.Invalid, "bad_record", "send an id of 1 to 128 printable characters and 1 to %d values", maxValues)
	}
	return wire.JSON(w, http.StatusOK, m)
}

// process sums up.
func (a *api) process(w http.ResponseWriter, r *http.Request) error {
	var m measured
	if err := decode(r, &m); err != nil {
		return err
	}
	s := summary{ID: m.ID, Count: len(m.Values), Min: math.Inf(1), Max: math.Inf(-1)}
	for _, v := range m.Values {
		s.Sum += v
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	if s.Count == 0 || math.IsInf(s.Sum, 0) {
		return fault.New(fault.Unprocessable, "no_sum", "the values have no sum")
	}
	return wire.JSON(w, http.StatusOK, s)
}

// store writes the summary. The same one a second time is the first.
func (a *api) store(w http.ResponseWriter, r *http.Request) error {
	var s summary
	if err := decode(r, &s); err != nil {
		return err
	}
	if !recordID.MatchString(s.ID) {
		return fault.New(fault.Invalid, "bad_record", "the summary has no id")
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	tag, err := a.db.Exec(r.Context(), `insert into record (id, content, call_id) values ($1, $2, $3) on conflict (id) do nothing`, s.ID, string(text), r.Header.Get(wire.CallID))
	if err != nil {
		return pg.Fault(err)
	}
	status := http.StatusCreated
	found, err := a.find(r, s.ID)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		status = http.StatusOK
		if found.Content != string(text) {
			return fault.New(fault.Conflict, "record_exists", "there is a record with this id and other values")
		}
	}
	return wire.JSON(w, status, found.public())
}

// record gives what was stored.
func (a *api) record(w http.ResponseWriter, r *http.Request) error {
	found, err := a.find(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, found.public())
}

// row is a record, and the call that wrote it.
type row struct {
	Content  string
	CallID   string    `db:"call_id"`
	StoredAt time.Time `db:"stored_at"`
}

func (f row) public() any {
	return struct {
		Summary  json.RawMessage `json:"summary"`
		CallID   string          `json:"call_id"`
		StoredAt time.Time       `json:"stored_at"`
	}{json.RawMessage(f.Content), f.CallID, f.StoredAt}
}

func (a *api) find(r *http.Request, id string) (row, error) {
	if !recordID.MatchString(id) {
		return row{}, noRecord()
	}
	found, err := pg.One[row](r.Context(), a.db, `select content, call_id, stored_at from record where id = $1`, id)
	if errors.Is(err, pg.ErrNoRows) {
		return found, noRecord()
	}
	return found, pg.Fault(err)
}

func noRecord() error {
	return fault.New(fault.NotFound, "no_record", "there is no record with this id")
}
