package function

import (
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

// statuses are those of a file: see migrations.
const statuses = " received processing done failed dead replaced "

// entry is a row of the ledger.
type entry struct {
	Seq          int64      `json:"seq"`
	FileID       string     `json:"file_id" db:"file_id"`
	Bucket       string     `json:"bucket"`
	Key          string     `json:"key"`
	Version      string     `json:"version,omitempty"`
	ETag         string     `json:"etag" db:"etag"`
	Size         int64      `json:"size"`
	ContentType  string     `json:"content_type" db:"content_type"`
	UploadTime   time.Time  `json:"upload_time" db:"upload_time"`
	ReceivedAt   time.Time  `json:"received_at" db:"received_at"`
	Status       string     `json:"status"`
	Attempts     int        `json:"attempts"`
	Target       *string    `json:"target,omitempty"`                             // the table that has its rows
	RecordCount  *int64     `json:"record_count,omitempty"`                       // rows that are in the table
	Ignored      []string   `json:"ignored_fields,omitempty" db:"ignored_fields"` // of the file, for which the table has no column
	RejectCount  *int64     `json:"reject_count,omitempty"`                       // rows that could not be used
	ProcessingMS *int64     `json:"processing_time_ms,omitempty" db:"processing_time_ms"`
	Code         *string    `json:"code,omitempty"` // of the last failure
	Reason       *string    `json:"reason,omitempty"`
	FinishedAt   *time.Time `json:"finished_at,omitempty" db:"finished_at"`
	ExpiresAt    time.Time  `json:"expires_at" db:"expires_at"`
}

const columns = `seq, file_id, bucket, key, version, etag, size, content_type, upload_time, received_at, status, attempts, target,
	record_count, ignored_fields, reject_count, processing_time_ms, code, reason, finished_at, expires_at`

// list gives a page of the ledger, the newest first.
func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	for name, values := range q {
		if !strings.Contains(" status key before limit ", " "+name+" ") || len(values) != 1 || !kept(values[0]) {
			return badQuery("the query may have, once each: status, key, before, limit")
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
	status := q.Get("status")
	if status != "" && !strings.Contains(statuses, " "+status+" ") {
		return badQuery("status is one of:" + strings.TrimSuffix(statuses, " "))
	}
	page, err := pg.All[entry](r.Context(), a.db, `select `+columns+` from file
		where ($1 = '' or status = $1) and ($2 = '' or key = $2) and ($3 = 0 or seq < $3)
		order by seq desc limit $4`, status, q.Get("key"), before, size+1)
	if err != nil {
		return pg.Fault(err)
	}
	answer := struct {
		Files []entry `json:"files"`
		Next  int64   `json:"next,omitempty"`
	}{Files: page}
	if int64(len(page)) > size {
		answer.Files, answer.Next = page[:size], page[size-1].Seq
	}
	if answer.Files == nil {
		answer.Files = []entry{}
	}
	return wire.JSON(w, http.StatusOK, answer)
}

func badQuery(sentence string) error {
	return fault.New(fault.Invalid, "bad_query", "the query cannot be answered: %s", sentence)
}

// file gives one row.
func (a *api) file(w http.ResponseWriter, r *http.Request) error {
	none := fault.New(fault.NotFound, "file_not_found", "there is no file of this id; it may have been removed after it expired")
	id := r.PathValue("id")
	if !kept(id) {
		return none
	}
	found, err := pg.One[entry](r.Context(), a.db, `select `+columns+` from file where file_id = $1`, id)
	if errors.Is(err, pg.ErrNoRows) {
		return none
	}
	if err != nil {
		return pg.Fault(err)
	}
	return wire.JSON(w, http.StatusOK, found)
}
