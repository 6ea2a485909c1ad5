package postgres

import (
	"strings"
	"testing"
)

func TestWatches_Refuses(t *testing.T) {
	for _, bad := range []string{"t", "Public.t", "public.t;drop", "public.t:UPSERT", "public.t:", "queue.message", "pg_catalog.pg_class", "public.t, public.t:INSERT", `public."t"`} {
		if list, err := Watches(watching("f", bad)); err == nil {
			t.Errorf("%q gave %v", bad, list)
		}
	}
	if _, err := Watches(watching("f", "public.t", "yes")); err == nil {
		t.Error("a copy that is neither true nor false")
	}
}

func FuzzWatches(f *testing.F) {
	f.Add("public.t:INSERT|REMOVE, shop.order")
	f.Fuzz(func(t *testing.T, s string) {
		list, _ := Watches(watching("f", s))
		for _, w := range list {
			if strings.ContainsAny(w.Schema+w.Table, "\"'; ") {
				t.Errorf("%q gave %+v", s, w)
			}
		}
	})
}
