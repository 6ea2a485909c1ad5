package api

import (
	"strings"
	"testing"

	"fnstore/runtime/provision"
)

// What the roles of the functions of events may do to each table is what is
// declared here, and nothing more: maintenance reaches no table of the others.
// Seed: R44
func TestGrants_OfTheFunctionsOfEvents(t *testing.T) {
	r := newRig(t)
	roles := "array['fn_user_events','fn_notify','fn_maintenance','fn_chain','fn_ingest','fn_process']"
	for _, fn := range []string{"user-events", "notify", "maintenance", "chain", "ingest", "process"} {
		f := provision.Function{Name: fn, Secrets: []string{fn + "-pg"}}
		switch fn {
		case "notify":
			f.Annotations = map[string]string{"fnstore.sends": "notify"}
		case "ingest":
			f.Annotations = map[string]string{"fnstore.sends": "process"}
		case "process":
			f.Annotations = map[string]string{"fnstore.sends": "topic:files"}
		}
		r.provide(f)
	}
	got := strings.Join(r.column(`
select role || ' ' || c.oid::regclass || ' ' || string_agg(verb, ',' order by verb)
from pg_class c join pg_namespace n on n.oid = c.relnamespace, unnest(`+roles+`) role,
     unnest(array['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) verb
where c.relkind in ('r','p','v','m','f') and n.nspname not in ('pg_catalog','information_schema','pg_toast')
  and has_table_privilege(role, c.oid, verb) and has_schema_privilege(role, n.oid, 'USAGE')
group by role, c.oid order by 1`), "\n")
	if want := `fn_chain fn_chain.record INSERT,SELECT
fn_ingest fn_ingest.file INSERT,SELECT
fn_maintenance fn_ingest.report_files SELECT
fn_maintenance fn_maintenance.report_reservations SELECT
fn_maintenance fn_maintenance.reservation INSERT,SELECT
fn_maintenance fn_maintenance.run INSERT,SELECT
fn_maintenance fn_notify.report_notifications SELECT
fn_maintenance fn_user_events.report_events SELECT
fn_notify fn_notify.delivery INSERT,SELECT,UPDATE
fn_notify fn_notify.notification INSERT,SELECT
fn_notify fn_notify.subscription DELETE,INSERT,SELECT
fn_process fn_ingest.file SELECT
fn_process fn_process.readings INSERT,SELECT
fn_process fn_process.records INSERT,SELECT
fn_process fn_process.reject DELETE,INSERT,SELECT
fn_user_events fn_user_events.event INSERT,SELECT
fn_user_events fn_user_events.person INSERT,SELECT,UPDATE`; got != want {
		t.Errorf("the roles may do\n%s\nand should\n%s", got, want)
	}
	functions := strings.Join(r.column(`
select role || ' ' || p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace, unnest(`+roles+`) role
where n.nspname not in ('pg_catalog','information_schema') and n.nspname <> 'idempotency' and has_function_privilege(role, p.oid, 'EXECUTE') and has_schema_privilege(role, n.oid, 'USAGE') order by 1`), "\n")
	if want := `fn_ingest queue.send(text,text,jsonb,bytea,text,interval,text)
fn_maintenance fn_ingest.sweep_file(integer)
fn_maintenance fn_maintenance.sweep_reservation(integer)
fn_maintenance fn_maintenance.sweep_run(integer)
fn_maintenance fn_notify.sweep_notification(integer)
fn_maintenance fn_process.sweep_reject(integer)
fn_maintenance fn_user_events.sweep_event(integer)
fn_notify queue.send(text,text,jsonb,bytea,text,interval,text)
fn_process queue.send(text,text,jsonb,bytea,text,interval,text)`; functions != want {
		t.Errorf("the roles may call\n%s\nand should\n%s", functions, want)
	}
}
