package fault

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// all is every kind: they are counted from Internal up, and Status is 0 past
// the last.
func all() []Kind {
	var ks []Kind
	for k := Internal; k.Status() != 0; k++ {
		ks = append(ks, k)
	}
	return ks
}

func TestFault_EveryKindIsAnErrorStatusAndACode(t *testing.T) {
	if len(all()) != len(kinds) {
		t.Fatalf("%d kinds from Internal up, %d in the table", len(all()), len(kinds))
	}
	word := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	statuses, codes := map[int]Kind{}, map[string]Kind{}
	for _, k := range all() {
		if k.Status() < 400 || http.StatusText(k.Status()) == "" {
			t.Errorf("kind %d has status %d", k, k.Status())
		}
		if !word.MatchString(k.Code()) {
			t.Errorf("kind %d has code %q", k, k.Code())
		}
		if o, twice := statuses[k.Status()]; twice {
			t.Errorf("kinds %d and %d share status %d", o, k, k.Status())
		}
		if o, twice := codes[k.Code()]; twice {
			t.Errorf("kinds %d and %d share code %q", o, k, k.Code())
		}
		statuses[k.Status()], codes[k.Code()] = k, k
	}
}

// What a caller did wrong stays wrong; 429 is the exception, being about when.
// What nobody can do here is not done later either.
func TestFault_OnlyOurTroubleAndLimitsAreRetriable(t *testing.T) {
	for _, k := range all() {
		if want := k.Status() >= 500 && k != NotSupported || k == TooMany; k.Retriable() != want {
			t.Errorf("status %d: retriable %v", k.Status(), k.Retriable())
		}
	}
}

func TestFault_OfFindsTheFaultThroughWrapping(t *testing.T) {
	f := New(NotFound, "no_invoice", "there is no invoice %q", "7").Because(io.EOF)
	err := fmt.Errorf("charge: %w", fmt.Errorf("load: %w", f))
	if Of(err) != f || !errors.Is(err, io.EOF) {
		t.Errorf("%+v", Of(err))
	}
	if got := f.Error(); got != `there is no invoice "7": EOF` {
		t.Error(got)
	}
	if got := New(Invalid, "x", "plain").Error(); got != "plain" {
		t.Error(got)
	}
}

// Seed: B10
func TestFault_AnyOtherErrorIsOursAndKeptFromTheCaller(t *testing.T) {
	err := errors.New("dial tcp 10.0.0.7: password canary")
	f := Of(err)
	if f.Kind != Internal || f.Code != "internal" || strings.Contains(f.Detail, "canary") || !errors.Is(f, err) {
		t.Errorf("%+v", f)
	}
}
