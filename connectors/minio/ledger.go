package minio

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/connectors/hook"
	"fnstore/kit/queue"
)

// object is an object as the store has it, with what tells its contents apart.
type object struct {
	hook.Object
	identity string
}

// unknown gives those objects that the function wants and has not been called for.
func unknown(ctx context.Context, db queue.DB, w hook.Watcher, objects []object) (list []object, err error) {
	var buckets, keys, identities []string
	for _, o := range objects {
		if w.Wants(o.Object) {
			list = append(list, o)
			buckets, keys, identities = append(buckets, o.Bucket), append(keys, o.Key), append(identities, o.identity)
		}
	}
	rows, err := db.Query(ctx, `select i from unnest($2::text[], $3::text[], $4::text[]) with ordinality o(bucket, key, identity, i)
		where not exists (select from connector.object c where c.function = $1 and c.bucket = o.bucket and c.key = o.key and c.identity = o.identity)
		order by i`, w.Function, buckets, keys, identities)
	if err != nil {
		return nil, fmt.Errorf("compare a listing: %w", err)
	}
	at, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, fmt.Errorf("compare a listing: %w", err)
	}
	for n, i := range at {
		list[n] = list[i-1] // i-1 is n or more
	}
	return list[:len(at)], nil
}

// record writes the messages of those objects that the function has not been
// called for yet, within tx. One that ends a chain of functions is recorded too, so
// that a listing does not take it for one that was missed.
func record(ctx context.Context, tx pgx.Tx, w hook.Watcher, objects []object) (written int, err error) {
	wanted := map[[3]string]hook.Object{}
	var buckets, keys, identities []string
	for _, o := range objects {
		id := [3]string{o.Bucket, o.Key, o.identity}
		first := o.Object
		first.Hops = 0
		if _, twice := wanted[id]; twice || !w.Wants(first) {
			continue
		}
		wanted[id] = o.Object
		buckets, keys, identities = append(buckets, o.Bucket), append(keys, o.Key), append(identities, o.identity)
	}
	if len(wanted) == 0 {
		return 0, nil
	}
	rows, err := tx.Query(ctx, `insert into connector.object (function, bucket, key, identity)
		select $1, bucket, key, identity from unnest($2::text[], $3::text[], $4::text[]) o(bucket, key, identity) order by bucket, key, identity
		on conflict do nothing returning bucket, key, identity`, w.Function, buckets, keys, identities)
	if err != nil {
		return 0, fmt.Errorf("record objects: %w", err)
	}
	fresh, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id [3]string, err error) {
		return id, row.Scan(&id[0], &id[1], &id[2])
	})
	if err != nil {
		return 0, fmt.Errorf("record objects: %w", err)
	}
	for _, id := range fresh {
		n, err := hook.Emit(ctx, tx, []hook.Watcher{w}, wanted[id])
		if err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// remembered is how long the ledger keeps an object that is no longer there:
// longer than a notification is late.
const remembered = 24 * time.Hour

// forget drops from the ledger what lies after one key, up to another, and is
// not in a listing of that range. An empty to means the end of the bucket.
func forget(ctx context.Context, tx pgx.Tx, function, bucket, prefix, after, to string, listed []string) error {
	_, err := tx.Exec(ctx, `delete from connector.object where function = $1 and bucket = $2 and starts_with(key, $3)
		and key > $4 and ($5 = '' or key <= $5) and not key = any(coalesce($6::text[], '{}')) and seen_at < now() - $7::interval`,
		function, bucket, prefix, after, to, listed, remembered)
	if err != nil {
		return fmt.Errorf("forget objects: %w", err)
	}
	return nil
}
