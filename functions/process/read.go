package function

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

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
// they are what one expects.
func (a *api) rows(w http.ResponseWriter, r *http.Request) error {
	size, file, err := page(r, "file_id")
	if err != nil {
		return err
	}
	name := r.PathValue("table")
	none := fault.New(fault.NotFound, "table_not_found", "there is no such table, or this function may not read it")
	if !kept(name) {
		return none
	}
	var there, hasFile bool
	err = a.db.QueryRow(r.Context(), `select count(*) > 0, coalesce(bool_or(exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'file_id' and not a.attisdropped)), false)
		from pg_class c where c.relnamespace = current_schema()::regnamespace and c.relname = $1 and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'select')`, name).Scan(&there, &hasFile)
	switch {
	case err != nil && !there:
		return pg.Fault(err)
	case !there:
		return none
	case file != "" && !hasFile:
		return badQuery("the table has no column file_id")
	}
	where := ""
	args := []any{size}
	if file != "" {
		where, args = ` where file_id = $2`, append(args, file)
	}
	list, err := pg.All[struct{ Row json.RawMessage }](r.Context(), a.db, `select to_jsonb(t) as row from `+quote(name)+` t`+where+` limit $1`, args...)
	if err != nil {
		return pg.Fault(err)
	}
	answer := make([]json.RawMessage, len(list))
	for i, row := range list {
		answer[i] = row.Row
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"rows": answer})
}

// rejects lists the rows of a file that could not be used, in its order.
func (a *api) rejects(w http.ResponseWriter, r *http.Request) error {
	size, after, err := page(r, "after")
	if err != nil {
		return err
	}
	from := int64(0)
	if after != "" {
		if from, err = strconv.ParseInt(after, 10, 64); err != nil {
			return badQuery("after is the row of the last reject of an earlier page")
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

// page reads limit and one more member of the query.
func page(r *http.Request, other string) (size int64, value string, err error) {
	q := r.URL.Query()
	for name, values := range q {
		if !slices.Contains([]string{"limit", other}, name) || len(values) != 1 || !kept(values[0]) {
			return 0, "", badQuery("the query may have, once each: " + strings.Join([]string{"limit", other}, ", "))
		}
	}
	size = defaultPage
	if s := q.Get("limit"); s != "" {
		if size, err = strconv.ParseInt(s, 10, 32); err != nil || size < 1 || size > maxPage {
			return 0, "", badQuery("limit is a number from 1 to 100")
		}
	}
	return size, q.Get(other), nil
}

func badQuery(sentence string) error {
	return fault.New(fault.Invalid, "bad_query", "the query cannot be answered: %s", sentence)
}
