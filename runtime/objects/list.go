package objects

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// listing asks for one page of a bucket, in byte order of the keys.
type listing struct {
	Bucket    string
	Prefix    string
	Delimiter string // keys that have it behind the prefix are rolled up
	After     string // the last entry of the page before: keys and rolled-up prefixes above it follow
	Max       int    // entries, both kinds together
}

// page is the answer to a listing.
type page struct {
	Objects  []object
	Prefixes []string // rolled up
	Next     string   // the After of the next page; empty on the last one
}

// maxRows bounds the rows one query of a listing fetches. A page takes one
// query when nothing is rolled up, and at most one per rolled-up prefix.
const maxRows = 256

// list gives one page. It reads the keys of the page and no others: a rolled-up
// prefix is skipped in the index, not read through.
func (s *Store) list(ctx context.Context, l listing) (page, error) {
	var p page
	from := []byte(l.Prefix)
	if a := string(append([]byte(l.After), 0)); l.After != "" && a > l.Prefix { // key || 0 is the next byte string
		from = []byte(a)
		if rolled, ok := l.rolledUp(l.After); ok && rolled == l.After {
			from = prefixEnd([]byte(rolled))
		}
	}
	var last string
	for from != nil {
		want := min(l.Max-len(p.Objects)-len(p.Prefixes)+1, maxRows)
		rows, err := s.rows(ctx, l, from, want)
		if err != nil {
			return p, err
		}
		for _, o := range rows {
			if bytes.Compare([]byte(o.Key), from) < 0 {
				continue // inside a prefix that was rolled up from this very batch
			}
			if len(p.Objects)+len(p.Prefixes) == l.Max {
				p.Next = last
				return p, nil
			}
			if prefix, ok := l.rolledUp(o.Key); ok {
				p.Prefixes = append(p.Prefixes, prefix)
				last, from = prefix, prefixEnd([]byte(prefix))
				if from == nil {
					return p, nil
				}
				continue
			}
			p.Objects = append(p.Objects, o)
			last, from = o.Key, append([]byte(o.Key), 0)
		}
		if len(rows) < want {
			return p, nil
		}
	}
	return p, nil
}

// rolledUp gives the prefix that stands for key in this listing.
func (l listing) rolledUp(key string) (string, bool) {
	rest, ok := strings.CutPrefix(key, l.Prefix)
	if !ok || l.Delimiter == "" {
		return "", false
	}
	i := strings.Index(rest, l.Delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(l.Prefix)+i+len(l.Delimiter)], true
}

// rows reads up to n rows from a key on, in order, inside the prefix.
func (s *Store) rows(ctx context.Context, l listing, from []byte, n int) ([]object, error) {
	rows, err := s.Pool.Query(ctx, `
		SELECT key, size, etag, modified_at FROM objects.object
		WHERE bucket = $1 AND key >= $2 AND ($3::bytea IS NULL OR key < $3)
		ORDER BY key LIMIT $4`, l.Bucket, from, prefixEnd([]byte(l.Prefix)), n)
	if err != nil {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (object, error) {
		o := object{Bucket: l.Bucket}
		var key []byte
		err := row.Scan(&key, &o.Size, &o.md5, &o.Modified)
		o.Key = string(key)
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	return list, nil
}
