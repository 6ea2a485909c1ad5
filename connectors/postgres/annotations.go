package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"fnstore/connectors/hook"
)

// Annotations of a function that follows tables.
const (
	// AnnotationWatch names tables, separated by commas: "schema.table" for
	// every change, "schema.table:INSERT|REMOVE" for some.
	AnnotationWatch = "fnstore.postgres.watch"
	// AnnotationCopy, when "true", also sends the rows that are there already,
	// once, as INSERT with the member "copy".
	AnnotationCopy = "fnstore.postgres.copy"
)

// The events, by DynamoDB streams' names.
var events = []string{"INSERT", "MODIFY", "REMOVE"}

// Watch is a table that a function follows.
type Watch struct {
	Function string
	Schema   string
	Table    string
	Events   []string
	Copy     bool
}

var name = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}$`)

// Watches reads a function's annotations.
func Watches(f hook.Function) ([]Watch, error) {
	var list []Watch
	copies := cmp.Or(f.Annotations[AnnotationCopy], "false")
	if copies != "true" && copies != "false" {
		return nil, fmt.Errorf("%s: %s is %q; it is true or false", f.Name, AnnotationCopy, copies)
	}
	var errs []error
	for item := range strings.SplitSeq(f.Annotations[AnnotationWatch], ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		table, wanted, some := strings.Cut(item, ":")
		schema, relation, _ := strings.Cut(table, ".")
		w := Watch{Function: f.Name, Schema: schema, Table: relation, Events: events, Copy: copies == "true"}
		if !name.MatchString(table) {
			errs = append(errs, fmt.Errorf("%s: %s: %q is not schema.table in lower case", f.Name, AnnotationWatch, table))
			continue
		}
		if schema == "queue" || schema == "connector" || schema == "objects" || schema == "migration" || strings.HasPrefix(schema, "pg_") {
			errs = append(errs, fmt.Errorf("%s: %s: the tables of %s are the store's own", f.Name, AnnotationWatch, schema))
			continue
		}
		if some {
			w.Events = strings.Split(wanted, "|")
		}
		if slices.ContainsFunc(w.Events, func(e string) bool { return !slices.Contains(events, e) }) {
			errs = append(errs, fmt.Errorf("%s: %s: %q; events are INSERT, MODIFY and REMOVE, separated by |", f.Name, AnnotationWatch, wanted))
			continue
		}
		if slices.ContainsFunc(list, func(o Watch) bool { return o.Schema == schema && o.Table == relation }) {
			errs = append(errs, fmt.Errorf("%s: %s: %s is there twice", f.Name, AnnotationWatch, table))
			continue
		}
		list = append(list, w)
	}
	return list, errors.Join(errs...)
}
