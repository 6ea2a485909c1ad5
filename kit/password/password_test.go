package password

import (
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fnstore/kit/fault"
)

func TestHash_MatchesItsPasswordAlone(t *testing.T) {
	h := New()
	stored, err := h.Hash(t.Context(), "correct horse")
	if err != nil || !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(stored, err)
	}
	again, _ := h.Hash(t.Context(), "correct horse")
	if again == stored {
		t.Error("two hashes have one salt")
	}
	for _, c := range []struct {
		password, stored string
		want             bool
	}{
		{"correct horse", stored, true}, {"correct horse", again, true}, {"correct horsf", stored, false}, {"", stored, false}, {"correct horse", "", false},
		{"", "", false}, {"correct horse", stored[:len(stored)-1], false}, {"correct horse", strings.Replace(stored, "t=2", "t=9", 1), false}, {strings.Repeat("x", 1<<20), stored, false},
	} {
		if got, err := h.Matches(t.Context(), c.password, c.stored); err != nil || got != c.want {
			t.Errorf("%.20q and %.40q: %v, %v", c.password, c.stored, got, err)
		}
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 129), "not UTF-8 \xff\xff"} {
		if _, err := h.Hash(t.Context(), bad); fault.Of(err).Code != "bad_password" {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

// Beyond what the memory allows a hash waits a second and is refused.
func TestHasher_IsBoundedByTheMemory(t *testing.T) {
	old := debug.SetMemoryLimit(104 << 20)
	defer debug.SetMemoryLimit(old)
	h := New()
	if n := cap(h.turns); n != 1 {
		t.Errorf("%d at once in 104 MiB", n)
	}
	var refused, made atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			switch _, err := h.Matches(t.Context(), "correct horse", ""); {
			case err == nil:
				made.Add(1)
			case fault.Of(err).Kind == fault.TooMany && fault.Of(err).Wait > 0:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() == 0 || made.Load()+refused.Load() != 100 {
		t.Errorf("%d made, %d refused", made.Load(), refused.Load())
	}
	debug.SetMemoryLimit(1 << 20)
	if cap(New().turns) != 1 {
		t.Error("no hash at all in little memory")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(prefix + "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		if salt, key, ok := parse(s); ok && (len(salt) != saltSize || len(key) != hashSize) {
			t.Errorf("%q: %d %d", s, len(salt), len(key))
		}
	})
}
