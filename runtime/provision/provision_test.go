package provision_test

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"fnstore/runtime/provision"
	"fnstore/runtime/secrets"
)

// toy is a Kind that only notes what it was asked for.
type toy struct {
	mu   sync.Mutex
	made map[string]string // password by function
	lost []string
	fail error
}

func (k *toy) Suffix() string                  { return "toy" }
func (k *toy) Wants(f provision.Function) bool { return f.Lists("toy") }
func (k *toy) User(function string) string     { return "user-" + function }
func (k *toy) set(function, password string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	if delete(k.made, function); password != "" {
		k.made[function] = password
	}
	return nil
}

func (k *toy) Provide(_ context.Context, f provision.Function, password string) (string, error) {
	u := url.URL{Scheme: "toy", User: url.UserPassword(k.User(f.Name), password), Host: "h"}
	return u.String(), k.set(f.Name, password)
}

func (k *toy) Withdraw(_ context.Context, function string) error { return k.set(function, "") }

func (k *toy) Lost(context.Context, []string) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	lost := k.lost
	k.lost = nil
	return lost, k.fail
}

func (k *toy) breaks(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

func (k *toy) functions() (names []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name := range k.made {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func vault(t *testing.T) *secrets.Store {
	t.Helper()
	v, err := secrets.Open(filepath.Join(t.TempDir(), "vault"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func lists(name string, secrets ...string) provision.Function {
	return provision.Function{Name: name, Secrets: secrets}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSet_FollowsWhatIsDeployed(t *testing.T) {
	v, k := vault(t), &toy{made: map[string]string{}}
	s := provision.New(v, k)
	must(t, s.Provide(t.Context(), lists("a", "a-toy", "other")))
	must(t, s.Provide(t.Context(), lists("b", "a-toy"))) // another function's secret is not a need
	if got := k.functions(); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("made for %v", got)
	}
	first, err := v.Read("a-toy")
	must(t, err)
	// A new start keeps the password, and a secret that was removed comes back.
	s = provision.New(v, k)
	must(t, s.Provide(t.Context(), lists("a", "a-toy")))
	if again, _ := v.Read("a-toy"); string(again) != string(first) {
		t.Errorf("the password changed with a restart")
	}
	must(t, v.Delete("a-toy"))
	must(t, s.Provide(t.Context(), lists("a", "a-toy")))
	if !v.Has("a-toy") {
		t.Error("a secret that was removed did not come back with a deployment")
	}
	// What a new version does not list is withdrawn.
	must(t, s.Provide(t.Context(), lists("a")))
	if len(k.functions()) != 1 {
		t.Error("the version before lost what it has before the new one is deployed")
	}
	must(t, s.Trim(t.Context(), "a"))
	if len(k.functions()) != 0 || v.Has("a-toy") {
		t.Errorf("left for %v", k.functions())
	}
	must(t, s.Provide(t.Context(), lists("a", "a-toy")))
	must(t, s.Withdraw(t.Context(), "a"))
	if len(k.functions()) != 0 || v.Has("a-toy") {
		t.Errorf("left after the removal: %v", k.functions())
	}
	must(t, s.Withdraw(t.Context(), "never-there"))
}

// A secret that the user made is the user's, whatever its name is.
func TestSet_LeavesOthersSecrets(t *testing.T) {
	v, k := vault(t), &toy{made: map[string]string{}}
	s := provision.New(v, k)
	for name, value := range map[string]string{"a-toy": "toy://me:secret@elsewhere", "b-toy": "no URL at all %%", "c-toy": "toy://user-c@h"} {
		must(t, v.Put(name, []byte(value)))
		f := lists(name[:1], name)
		must(t, s.Provide(t.Context(), f))
		must(t, s.Withdraw(t.Context(), f.Name))
		must(t, s.WithdrawExcept(t.Context(), nil))
		if b, err := v.Read(name); err != nil || string(b) != value {
			t.Errorf("%s became %q, %v", name, b, err)
		}
	}
	if len(k.functions()) != 0 {
		t.Errorf("made for %v", k.functions())
	}
}

// What was removed while the store was down, or could not be withdrawn, is
// withdrawn later; what vanished is made again.
func TestSet_TriesAgain(t *testing.T) {
	v, k := vault(t), &toy{made: map[string]string{}}
	s := provision.New(v, k)
	for _, name := range []string{"a", "b", "c"} {
		must(t, s.Provide(t.Context(), lists(name, name+"-toy")))
	}
	must(t, provision.New(v, k).WithdrawExcept(t.Context(), []string{"a", "b"}))
	if got := k.functions(); !slices.Equal(got, []string{"a", "b"}) || v.Has("c-toy") {
		t.Errorf("after a start without c: %v", got)
	}
	k.breaks(errors.New("down"))
	if err := s.Withdraw(t.Context(), "b"); err == nil {
		t.Error("a removal that failed was called done")
	}
	if !v.Has("b-toy") {
		t.Error("the secret is gone, and with it what tells that b had something")
	}
	k.breaks(nil)
	k.mu.Lock()
	delete(k.made, "a")
	k.lost = []string{"a"}
	k.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx, time.Millisecond); close(done) }()
	deadline := time.Now().Add(20 * time.Second)
	for !slices.Equal(k.functions(), []string{"a"}) || v.Has("b-toy") {
		if time.Now().After(deadline) {
			t.Fatalf("not made good: %v", k.functions())
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
}
