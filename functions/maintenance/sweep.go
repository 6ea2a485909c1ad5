package function

import (
	"context"
	"strings"
	"time"

	"fnstore/kit/pg"
)

// sweepReserve is the time of a call that is left for its answer.
const sweepReserve = 5 * time.Second

// declared lists the clean-ups that functions have granted to this one: a
// function sweep_NAME(at_most int) returning bigint in the function's schema,
// with its owner's rights. One that runs with the rights of its caller is left
// alone: it would run with this function's.
const declared = `select n.nspname as schema, p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
	where n.nspname like 'fn\_%' and p.proname like 'sweep\_%' and p.prokind = 'f' and p.prosecdef and not p.proretset
	and p.pronargs = 1 and p.proargtypes[0] = 'int4'::regtype and p.prorettype = 'int8'::regtype
	and has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')
	order by 1, 2 limit 1000`

// object names something in another function's schema.
type object struct{ Schema, Name string }

// step is the object's name as people read it, such as notify/notification.
func (o object) step() step {
	_, name, _ := strings.Cut(o.Name, "_")
	return step{Name: strings.ReplaceAll(strings.TrimPrefix(o.Schema, "fn_"), "_", "-") + "/" + strings.ReplaceAll(name, "_", "-")}
}

// sql is the object's name in a statement.
func (o object) sql() string { return quote(o.Schema) + "." + quote(o.Name) }

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// sweep runs each clean-up in steps, each a transaction of its own, until
// nothing is left or the call's time is over. Two that run at once pass over each
// other's rows.
func (a *api) sweep(ctx context.Context) ([]step, error) {
	list, err := pg.All[object](ctx, a.db, declared)
	if err != nil {
		return nil, err
	}
	steps := make([]step, 0, len(list))
	for _, o := range list {
		s := o.step()
		for {
			if until, ok := ctx.Deadline(); ok && time.Until(until) < sweepReserve {
				s.More = true
				break
			}
			var n int64
			if err := a.db.QueryRow(ctx, `select `+o.sql()+`($1)`, a.batch).Scan(&n); err != nil {
				s.fail("sweep", err)
				break
			}
			if s.Rows += n; n < int64(a.batch) {
				break
			}
		}
		steps = append(steps, s)
	}
	return steps, nil
}
