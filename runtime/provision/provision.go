// Package provision makes what a deployed function needs outside of itself: a
// database role, a Redis user, keys of the object store. It follows what is
// deployed and withdraws what is not; data stays. It does not know how a function
// runs, nor what any kind of need is: each is a Kind.
package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"fnstore/kit/fault"
	"fnstore/runtime/secrets"
)

// Function is a deployed function as far as its needs go.
type Function struct {
	Name        string
	Annotations map[string]string
	Secrets     []string // that it lists
	Image       string   // by digest
}

// Lists reports whether the function lists the secret NAME-suffix.
func (f Function) Lists(suffix string) bool { return slices.Contains(f.Secrets, f.Name+"-"+suffix) }

// Kind is one kind of need. Its methods are called for one function at a time.
type Kind interface {
	// Suffix names the function's secret, NAME-suffix; "" for a kind without one.
	Suffix() string
	// Wants reports whether the function needs it.
	Wants(Function) bool
	// User is the login that it makes for the function.
	User(function string) string
	// Provide makes it, with this password, and gives the secret's value: a URL
	// with User and the password. It is called again when it is there already.
	Provide(ctx context.Context, f Function, password string) (url string, err error)
	// Withdraw makes it useless and leaves the data. What is not there is withdrawn.
	Withdraw(ctx context.Context, function string) error
}

// Losing is a Kind whose makings may vanish by themselves.
type Losing interface {
	// Lost names those of the functions whose makings are gone.
	Lost(ctx context.Context, functions []string) ([]string, error)
}

// Set keeps what functions need. Its methods may be called from any goroutine.
// What it made is known by the secrets that it wrote, so nothing else has to be
// remembered over a restart.
type Set struct {
	vault *secrets.Store
	kinds []Kind

	mu      sync.Mutex
	made    map[string]Function // by name: as it was provided last
	pending map[string]bool     // could not be withdrawn yet
	rotated map[string]rotated  // by secret: the password before holds as well
}

// New makes a Set. The kinds are provided in this order.
func New(vault *secrets.Store, kinds ...Kind) *Set {
	return &Set{vault: vault, kinds: kinds, made: map[string]Function{}, pending: map[string]bool{}, rotated: map[string]rotated{}}
}

// Provide makes all that a version of the function needs, and its secrets. What
// an earlier version has is left to it until Trim. The error is one that whoever
// deploys can read.
func (s *Set) Provide(ctx context.Context, f Function) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.made[f.Name]; ok && same(was, f) && s.hasSecrets(f) {
		return nil
	}
	return s.provide(ctx, f)
}

func (s *Set) provide(ctx context.Context, f Function) error {
	delete(s.made, f.Name)
	for _, k := range s.kinds {
		if !k.Wants(f) {
			continue
		}
		if err := s.make(ctx, k, f); err != nil {
			return fmt.Errorf("provide %s: %w", f.Name, err)
		}
	}
	s.made[f.Name] = f
	return nil
}

// Trim withdraws what the function has and its last version to be provided, which
// is deployed now, does not need. What cannot be withdrawn now is tried again by
// Run.
func (s *Set) Trim(ctx context.Context, function string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trim(ctx, function)
}

func (s *Set) trim(ctx context.Context, function string) error {
	f, ok := s.made[function]
	var errs []error
	for _, k := range s.kinds {
		if !ok || !k.Wants(f) {
			errs = append(errs, s.unmake(ctx, k, function))
		}
	}
	err := errors.Join(errs...)
	if err == nil {
		delete(s.pending, function)
		return nil
	}
	s.pending[function] = true
	return fmt.Errorf("withdraw what %s had: %w", function, err)
}

// hasSecrets reports whether no secret that was made for the function is gone.
func (s *Set) hasSecrets(f Function) bool {
	for _, k := range s.kinds {
		if k.Suffix() != "" && k.Wants(f) && !s.vault.Has(f.Name+"-"+k.Suffix()) {
			return false
		}
	}
	return true
}

func same(a, b Function) bool {
	x, _ := json.Marshal(a) // strings and maps of them: cannot fail
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func (s *Set) make(ctx context.Context, k Kind, f Function) error {
	if k.Suffix() == "" {
		_, err := k.Provide(ctx, f, "")
		return err
	}
	secret := f.Name + "-" + k.Suffix()
	password, ours, err := s.password(secret, k.User(f.Name))
	if err != nil {
		return err
	}
	if !ours {
		slog.Info("a secret was not made by the store and is left as it is", "secret", secret)
		return s.unmake(ctx, k, f.Name)
	}
	if password == "" {
		password = secrets.Random()
	}
	u, err := k.Provide(ctx, f, password)
	if err != nil {
		return err
	}
	return s.vault.Put(secret, []byte(u))
}

// unmake withdraws one kind, and the secret if it was ours.
func (s *Set) unmake(ctx context.Context, k Kind, function string) error {
	if k.Suffix() == "" {
		return k.Withdraw(ctx, function)
	}
	secret := function + "-" + k.Suffix()
	password, ours, err := s.password(secret, k.User(function))
	if err != nil || !ours || password == "" {
		return err // there is nothing of ours
	}
	if err := k.Withdraw(ctx, function); err != nil {
		return err
	}
	if err := s.vault.Delete(secret); err != nil && fault.Of(err).Kind != fault.NotFound {
		return err
	}
	return nil
}

// password gives what the secret holds for the user; "" when there is no secret.
// A secret that names another user is somebody's own.
func (s *Set) password(secret, user string) (password string, ours bool, err error) {
	b, err := s.vault.Read(secret)
	if err != nil {
		if fault.Of(err).Kind == fault.NotFound {
			return "", true, nil
		}
		return "", false, err
	}
	u, err := url.Parse(strings.TrimSpace(string(b)))
	if err != nil || u.User.Username() != user {
		return "", false, nil
	}
	password, ok := u.User.Password()
	return password, ok && password != "", nil
}

// Withdraw takes away all that the function had. What cannot be withdrawn now is
// tried again by Run.
func (s *Set) Withdraw(ctx context.Context, function string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.withdraw(ctx, function)
}

func (s *Set) withdraw(ctx context.Context, function string) error {
	delete(s.made, function)
	return s.trim(ctx, function)
}

// WithdrawExcept withdraws what every function had that is not among these: they were
// removed while the store was down, or was killed.
func (s *Set) WithdrawExcept(ctx context.Context, functions []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	names, err := s.vault.List()
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, secret := range names {
		for _, k := range s.kinds {
			function, ok := strings.CutSuffix(secret, "-"+k.Suffix())
			if k.Suffix() == "" || !ok || slices.Contains(functions, function) {
				continue
			}
			if _, ours, err := s.password(secret, k.User(function)); err == nil && ours {
				gone[function] = true
			}
		}
	}
	var errs []error
	for function := range gone {
		errs = append(errs, s.withdraw(ctx, function))
	}
	return errors.Join(errs...)
}

// DefaultInterval is how often Run looks after what failed or vanished.
const DefaultInterval = 10 * time.Second

// Run tries again what could not be withdrawn, and makes again what vanished,
// until ctx ends.
func (s *Set) Run(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.retry(ctx); err != nil && ctx.Err() == nil {
				slog.Warn("what functions need is not as it should be; it is tried again", "cause", err)
			}
		}
	}
}

func (s *Set) retry(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.retire(ctx, time.Now())}
	for function := range s.pending {
		errs = append(errs, s.trim(ctx, function))
	}
	for _, k := range s.kinds {
		losing, ok := k.(Losing)
		if !ok {
			continue
		}
		var functions []string
		for name, f := range s.made {
			if k.Wants(f) {
				functions = append(functions, name)
			}
		}
		if len(functions) == 0 {
			continue
		}
		lost, err := losing.Lost(ctx, functions)
		errs = append(errs, err)
		for _, name := range lost {
			slog.Info("what a function needs had vanished and is made again", "function", name, "kind", k.Suffix())
			f := s.made[name]
			if err := s.provide(ctx, f); err != nil {
				s.made[name] = f // it is still deployed: the next round finds it
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
