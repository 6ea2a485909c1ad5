#!/bin/sh
# Makes VERSION.sql: the database of a store of an older version with data in it,
# as the test of upgrades loads it. It is run once for each version that has a
# tag, from the tree of that version:
#
#   git worktree add /tmp/old v0.1.0 && cd /tmp/old
#   go build -o /tmp/old-fnstore ./cmd/fnstore
#   sh THIS/make.sh /tmp/old-fnstore v0.1.0 > THIS/v0.1.0.sql
#
# It needs what the store needs, psql and pg_dump. The tree is changed: a function
# with tables of its own is added to it.
set -eu
bin=$1 version=$2
state=$(mktemp -d /tmp/fnstore-old-XXXXXX)
chmod 711 "$state"
export FNSTORE_STATE="$state/state" FNSTORE_GATEWAY_PORT=0 FNSTORE_METRICS_PORT=0 FNSTORE_REGISTRY_PORT=0 FNSTORE_S3_PORT=0
trap '"$bin" down >&2; rm -rf "$state"' EXIT

# A function that had migrations and grants in version 0.1.
cp -R functions/hello functions/ledger
mkdir functions/ledger/migrations
cat > functions/ledger/migrations/00001_app.sql <<'SQL'
-- +goose Up
create schema app;
create table app.entry (id int primary key, amount numeric not null);
insert into app.entry select i, i * 1.5 from generate_series(1, 20) i;
SQL
cat > functions/ledger/grants.sql <<'SQL'
grant usage, create on schema app to :role;
grant select, insert on app.entry to :role;
SQL
sed 's/^  hello:/  ledger:/; s/functions\/hello/functions\/ledger/; s/fnstore\/hello/fnstore\/ledger/' stack.yml | sed -n '/^  ledger:/,/^$/p' >> stack.yml

"$bin" up -d >&2
. "$FNSTORE_STATE/env"
ledger=$(cat "$FNSTORE_STATE/secrets/ledger-pg")
psql -qv ON_ERROR_STOP=1 "$ledger" >&2 <<'SQL'
create table app.notes (n int, text text);
insert into app.notes select i, 'note ' || i from generate_series(1, 5) i;
SQL

# Objects and what became of them: rows of the index, messages that are done.
for n in 1 2 3; do
	base64 -d > "$state/photo.png" <<'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
PNG
	"$bin" s3 put "$state/photo.png" "uploads/album/photo-$n.png" >&2
done
# Dead letters: no picture, and a function that is not there.
echo "no picture" > "$state/bad.png"
"$bin" s3 put "$state/bad.png" "uploads/bad.png" >&2
# Messages that wait: with a group, a key, a body of bytes; far enough ahead that
# the old store does not deliver them.
psql -qAtv ON_ERROR_STOP=1 "$POSTGRES_URL" >&2 <<'SQL'
select queue.enqueue('hello', 'POST', '/n?i=' || i, '{"Content-Type": ["application/octet-stream"]}', '\x00ff01'::bytea || int4send(i),
    'waiting-' || i, case when i <= 5 then 'group' end, i % 2 = 0, 3, interval '100 years', null, null, 'key-' || i, interval '100 years')
from generate_series(1, 10) i;
SQL
tries=0
until [ "$(psql -At "$POSTGRES_URL" -c "select (select count(*) from queue.done) >= 3 and (select count(*) from queue.dead) >= 1")" = t ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { echo "no data after 50 s" >&2; exit 1; }
	sleep 0.5
done

echo "-- Made by make.sh with a store of $version. Roles belong to the server and are not in a dump."
for role in $(psql -At "$POSTGRES_URL" -c "select rolname from pg_roles where rolname like 'fn\\_%' order by 1"); do
	echo "create role $role login;"
done
pg_dump --inserts --quote-all-identifiers "$POSTGRES_URL" | grep -v '^\\' | grep -v '^--' | cat -s
