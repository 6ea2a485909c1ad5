package queueapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"unicode/utf8"

	"fnstore/kit/fault"
	"fnstore/kit/queue/deadletter"
	"fnstore/kit/wire"
)

// defaultLimit is how many letters a list has where nobody says.
const defaultLimit = 50

// list gives a page of dead letters, newest first, without their bodies. When
// there are more, the header Link names the next page (RFC 8288).
func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	choice, err := query(q)
	if err != nil {
		return err
	}
	f, err := choice.filter()
	if err != nil {
		return err
	}
	limit, err := number(q.Get("limit"), defaultLimit)
	if err != nil {
		return err
	}
	after, err := number(q.Get("after"), 0)
	if err != nil {
		return err
	}
	limit = min(limit, deadletter.MaxList)
	list, err := deadletter.List(r.Context(), a.DB, f, after, int(limit))
	if err != nil {
		return err
	}
	if list == nil {
		list = []deadletter.Letter{}
	}
	if len(list) == int(limit) {
		q.Set("after", strconv.FormatInt(list[limit-1].ID, 10))
		w.Header().Set("Link", fmt.Sprintf(`<%s/dead-letters?%s>; rel="next"`, a.prefix, q.Encode()))
	}
	return wire.JSON(w, http.StatusOK, list)
}

// Letter is a dead letter with its body as text where it is one.
type Letter struct {
	deadletter.Letter
	Encoding string `json:"body_encoding"` // text or base64
	Body     string `json:"body"`
}

// Bytes gives the body.
func (l Letter) Bytes() ([]byte, error) {
	if l.Encoding == "text" {
		return []byte(l.Body), nil
	}
	return base64.StdEncoding.DecodeString(l.Body)
}

func (a *api) show(w http.ResponseWriter, r *http.Request) error {
	id, err := number(r.PathValue("id"), 0)
	if err != nil {
		return err
	}
	l, err := deadletter.Get(r.Context(), a.DB, a.Bodies, id)
	if err != nil {
		return err
	}
	if l.BodySize > len(l.Body) { // it lies where this process cannot read
		return fault.New(fault.Unavailable, "body_unavailable", "the body of dead letter %d cannot be read here", id)
	}
	full := Letter{Letter: l, Encoding: "base64", Body: base64.StdEncoding.EncodeToString(l.Body)}
	if utf8.Valid(l.Body) {
		full.Encoding, full.Body = "text", string(l.Body)
	}
	return wire.JSON(w, http.StatusOK, full)
}

func (a *api) retry(w http.ResponseWriter, r *http.Request) error {
	return a.start(w, r, deadletter.Retry)
}

func (a *api) purge(w http.ResponseWriter, r *http.Request) error {
	return a.start(w, r, deadletter.Purge)
}

// start begins a job and answers 202 with it, or counts what one would deal
// with. What chooses nothing must say that it means all.
func (a *api) start(w http.ResponseWriter, r *http.Request, kind deadletter.Kind) error {
	body, err := wire.Body(w, r, 1<<20)
	if err != nil {
		return err
	}
	var c Choice
	if err := wire.Decode(body, &c); err != nil {
		return err
	}
	f, err := c.filter()
	if err != nil {
		return err
	}
	if c.narrow() == c.All {
		return fault.New(fault.Invalid, "no_filter", "say which dead letters: ids, function, code, older, newer, or all alone")
	}
	if c.DryRun {
		n, err := deadletter.Count(r.Context(), a.DB, f)
		if err != nil {
			return err
		}
		return wire.JSON(w, http.StatusOK, map[string]int64{"count": n})
	}
	job, err := deadletter.Start(r.Context(), a.DB, kind, f, c.Rate)
	if err != nil {
		return err
	}
	a.changed()
	w.Header().Set("Location", a.prefix+"/dead-letters/jobs/"+strconv.FormatInt(job.ID, 10))
	return wire.JSON(w, http.StatusAccepted, job)
}

func (a *api) jobs(w http.ResponseWriter, r *http.Request) error {
	list, err := deadletter.Jobs(r.Context(), a.DB)
	if err != nil {
		return err
	}
	if list == nil {
		list = []deadletter.Job{}
	}
	return wire.JSON(w, http.StatusOK, list)
}

func (a *api) job(w http.ResponseWriter, r *http.Request) error {
	id, err := number(r.PathValue("id"), 0)
	if err != nil {
		return err
	}
	job, err := deadletter.GetJob(r.Context(), a.DB, id)
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, job)
}

// cancel ends a job. One that is over already is a conflict.
func (a *api) cancel(w http.ResponseWriter, r *http.Request) error {
	id, err := number(r.PathValue("id"), 0)
	if err != nil {
		return err
	}
	job, err := deadletter.CancelJob(r.Context(), a.DB, id)
	if err != nil {
		return err
	}
	if job.State == "done" {
		return fault.New(fault.Conflict, "job_over", "job %d is over already", id)
	}
	return wire.JSON(w, http.StatusOK, job)
}
