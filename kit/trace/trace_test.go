package trace_test

import (
	"net/http"
	"strings"
	"testing"

	"fnstore/kit/trace"
)

const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// The examples of the recommendation, and what it refuses.
//
// Seed: R33
func TestParse_TheRecommendation(t *testing.T) {
	c, ok := trace.Parse(good)
	if !ok || c.String() != good || c.Flags&trace.Sampled == 0 || c.Trace.String() != good[3:35] || c.Span.String() != good[36:52] {
		t.Errorf("%v %v", c, ok)
	}
	later := "cc" + good[2:] + "-what-comes-later"
	if c, ok := trace.Parse(later); !ok || c.String() != good {
		t.Errorf("a later version: %v %v", c, ok)
	}
	for _, bad := range []string{
		"", "00", good[:54], good + "-", good + "x", " " + good, "ff" + good[2:], "cc" + good[2:] + "x", strings.ToUpper(good),
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		strings.Replace(good, "-01", "-0g", 1), strings.Replace(good, "-", "_", 1), "0x" + good[2:],
	} {
		if c, ok := trace.Parse(bad); ok {
			t.Errorf("%q: %v", bad, c)
		}
	}
	if _, ok := trace.Of(http.Header{trace.Header: {good, good}}); ok {
		t.Error("two values")
	}
}

func TestContext_ChildrenAndKeeping(t *testing.T) {
	root := trace.New()
	child := root.Child()
	if !root.Valid() || !child.Valid() || child.Trace != root.Trace || child.Span == root.Span || trace.New().Trace == root.Trace {
		t.Errorf("%v %v", root, child)
	}
	if a, b := trace.OfCall("a"), trace.OfCall("b"); !a.Valid() || a != trace.OfCall("a") || a == b {
		t.Errorf("of calls: %v %v", a, b)
	}
	h := http.Header{"X": {"1"}}
	if got := trace.Keep(t.Context(), h); len(got) != 1 {
		t.Errorf("without a context: %v", got)
	}
	ctx := trace.With(t.Context(), root)
	if got := http.Header(trace.Keep(ctx, h)); got.Get(trace.Header) != root.String() || len(h) != 1 {
		t.Errorf("kept %v, of %v", got, h)
	}
	if got := http.Header(trace.Keep(ctx, http.Header{trace.Header: {good}})); got.Get(trace.Header) != good {
		t.Errorf("its own is lost: %v", got)
	}
}

// What is read is written the same, and what is written is read.
func FuzzParse(f *testing.F) {
	for _, s := range []string{good, "cc" + good[2:] + "-x", "", good[:54], "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := trace.Parse(s)
		if !ok {
			if c != (trace.Context{}) {
				t.Errorf("%q: refused and given: %v", s, c)
			}
			return
		}
		if again, ok := trace.Parse(c.String()); !ok || again != c {
			t.Errorf("%q: %v is read as %v, %v", s, c, again, ok)
		}
		if s[:2] == "00" && c.String() != s {
			t.Errorf("%q became %q", s, c)
		}
	})
}

func BenchmarkChild(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c, _ := trace.Parse(good)
		if c.Child().String() == "" {
			b.Fatal()
		}
	}
}
