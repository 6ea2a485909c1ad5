package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/runtime/secrets"
)

// Rotating is a Kind whose password can be changed without a failed call.
type Rotating interface {
	// Rotate makes the next password valid and gives the secret's value with it.
	// The current one goes on to hold until Provide is called, unless the kind
	// can have one alone: then its clients ask again when it is refused.
	Rotate(ctx context.Context, f Function, current, next string) (url string, err error)
}

// Overlap is how long the password before goes on to hold, so that a call which
// read it at its begin ends with it.
const Overlap = 2 * time.Minute

// rotated is a secret whose password before still holds.
type rotated struct {
	kind     Kind
	function string
	until    time.Time
}

// Owns reports whether the secret is one that a function's needs have made.
func (s *Set) Owns(secret string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, _ := s.find(secret)
	return k != nil
}

// find gives the kind that makes the secret, and the function it is for.
func (s *Set) find(secret string) (Kind, Function) {
	for _, k := range s.kinds {
		name, ok := strings.CutSuffix(secret, "-"+k.Suffix())
		if f, there := s.made[name]; k.Suffix() != "" && ok && there && k.Wants(f) {
			return k, f
		}
	}
	return nil, Function{}
}

// Rotate gives the secret another password. Both hold for Overlap where the kind
// can; until then the secret cannot be rotated again.
func (s *Set) Rotate(ctx context.Context, secret string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, f := s.find(secret)
	r, can := k.(Rotating)
	if !can {
		return fault.New(fault.NotFound, "secret_not_rotatable", "the secret %q is not one that the store makes for a function", secret)
	}
	if was, ok := s.rotated[secret]; ok {
		return fault.New(fault.Conflict, "secret_rotating", "the password before of %q still holds: try again after %s", secret, Overlap).After(time.Until(was.until))
	}
	current, ours, err := s.password(secret, k.User(f.Name))
	if err == nil && (!ours || current == "") {
		err = fault.New(fault.Conflict, "secret_not_ours", "the secret %q was not made by the store", secret)
	}
	if err != nil {
		return err
	}
	next := secrets.Random()
	url, err := r.Rotate(ctx, f, current, next)
	if err != nil {
		return fmt.Errorf("rotate %s: %w", secret, err)
	}
	s.rotated[secret] = rotated{k, f.Name, time.Now().Add(Overlap)}
	if err := s.vault.Put(secret, []byte(url)); err != nil {
		_, back := r.Rotate(ctx, f, next, current)
		return errors.Join(err, back)
	}
	return nil
}

// retire ends the passwords whose overlap is over. A store that was ended
// meanwhile does so at its next start, where Provide lets one password hold.
func (s *Set) retire(ctx context.Context, now time.Time) error {
	var errs []error
	for secret, r := range s.rotated {
		if now.Before(r.until) {
			continue
		}
		delete(s.rotated, secret)
		f, ok := s.made[r.function]
		if !ok || !r.kind.Wants(f) {
			continue // withdrawn since, with all its passwords
		}
		if err := s.make(ctx, r.kind, f); err != nil {
			s.rotated[secret] = r
			errs = append(errs, fmt.Errorf("end the password before of %s: %w", secret, err))
		}
	}
	return errors.Join(errs...)
}
