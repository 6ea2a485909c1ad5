package function

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"fnstore/kit/fault"
	"fnstore/kit/pg"
	"fnstore/kit/wire"
)

// Pages.
const (
	defaultPage = 20
	maxPage     = 100
)

// tables lists what files may go into.
func (a *api) tables(w http.ResponseWriter, r *http.Request) error {
	list, err := pg.All[struct {
		Table string
		column
	}](r.Context(), a.db, insertable, "")
	if err != nil {
		return pg.Fault(err)
	}
	type entry struct {
		Name    string   `json:"name"`
		Columns []column `json:"columns"`
	}
	answer := []entry{}
	for _, row := range list {
		if len(answer) == 0 || answer[len(answer)-1].Name != row.Table {
			answer = append(answer, entry{Name: row.Table})
		}
		last := &answer[len(answer)-1]
		last.Columns = append(last.Columns, row.column)
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"tables": answer, "general": general})
}

// rows gives some rows of a table, as Postgres finds them, for a look whether
// they are what one expects. Each other member of the query is a column with the
// value that it has to have, as text.
func (a *api) rows(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	size, err := limit(q)
	if err != nil {
		return err
	}
	name := r.PathValue("table")
	if !kept(name) {
		return noTable()
	}
	columns, err := pg.All[struct{ Name string }](r.Context(), a.db, `select a.attname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relnamespace = current_schema()::regnamespace and c.relname = $1 and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'select')
		and a.attnum > 0 and not a.attisdropped limit 2000`, name)
	switch {
	case err != nil:
		return pg.Fault(err)
	case len(columns) == 0:
		return noTable()
	}
	where, args := "true", []any{size}
	for member, values := range q {
		if member == "limit" {
			continue
		}
		if !slices.ContainsFunc(columns, func(c struct{ Name string }) bool { return c.Name == member }) || len(values) != 1 || !kept(values[0]) {
			return badQuery("the query may have limit and columns of the table, once each")
		}
		args = append(args, values[0])
		where += ` and ` + quote(member) + `::text = $` + strconv.Itoa(len(args))
	}
	list, err := pg.All[struct{ Row json.RawMessage }](r.Context(), a.db, `select to_jsonb(t) as row from `+quote(name)+` t where `+where+` limit $1`, args...)
	if err != nil {
		return pg.Fault(err)
	}
	answer := make([]json.RawMessage, len(list))
	for i, row := range list {
		answer[i] = row.Row
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"rows": answer})
}

func noTable() error {
	return fault.New(fault.NotFound, "table_not_found", "there is no such table, or this function may not read it")
}

// rejects lists the rows of a file that could not be used, in its order.
func (a *api) rejects(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	size, err := limit(q)
	if err != nil {
		return err
	}
	from := int64(0)
	for member, values := range q {
		if member == "limit" {
			continue
		}
		if from, err = strconv.ParseInt(values[0], 10, 64); err != nil || member != "after" || len(values) != 1 {
			return badQuery("the query may have limit and after, the row of the last reject of an earlier page")
		}
	}
	if !kept(r.PathValue("file")) {
		return badQuery("the file is named by its file_id")
	}
	list, err := pg.All[struct {
		Row    int64  `json:"row"`
		Line   int64  `json:"line"`
		Column int64  `json:"column"`
		Field  string `json:"field,omitempty"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}](r.Context(), a.db, `select "row", line, "column", field, code, detail from reject where file_id = $1 and "row" > $2 order by "row" limit $3`, r.PathValue("file"), from, size)
	if err != nil {
		return pg.Fault(err)
	}
	if list == nil {
		return wire.JSON(w, http.StatusOK, map[string]any{"rejects": []int{}})
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"rejects": list})
}

// limit is the member of the query that says how much is wanted.
func limit(q url.Values) (int64, error) {
	if !q.Has("limit") {
		return defaultPage, nil
	}
	n, err := strconv.ParseInt(q.Get("limit"), 10, 32)
	if err != nil || n < 1 || n > maxPage || len(q["limit"]) != 1 {
		return 0, badQuery("limit is a number from 1 to 100")
	}
	return n, nil
}

func badQuery(sentence string) error {
	return fault.New(fault.Invalid, "bad_query", "the query cannot be answered: %s", sentence)
}
