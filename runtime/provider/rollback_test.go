package provider

import (
	"fmt"
	"slices"
	"testing"

	"github.com/openfaas/faas-provider/types"
)

// Saves of fnstore dev take no place in the history: what was deployed before them
// stays the version to go back to.
func TestRecord_DevSavesAreNoHistory(t *testing.T) {
	var r record
	put := func(digest string, dev bool) {
		annotations := map[string]string{}
		if dev {
			annotations[DevAnnotation] = "true"
		}
		next := record{Deployment: types.FunctionDeployment{Service: "f", Image: "f", Annotations: &annotations}, Digest: digest}
		if r.Digest != "" {
			next.Previous = r.previousVersions(next)
		}
		r = next
	}
	history := func() (digests []string) {
		for _, v := range r.Previous {
			digests = append(digests, v.Digest)
		}
		return digests
	}
	put("older", false)
	put("tested", false)
	for i := range 3 * maxPreviousVersions {
		put(fmt.Sprint("save", i), true)
		if got := history(); !slices.Equal(got, []string{"tested", "older"}) {
			t.Fatalf("after save %d: %v", i, got)
		}
	}
	if v, ok := r.former(""); !ok || v.Digest != "tested" {
		t.Errorf("a rollback would bring %+v", v)
	}
	put("next", false)
	if got := history(); !slices.Equal(got, []string{"tested", "older"}) {
		t.Errorf("after the deployment of what was tried: %v", got)
	}
	put("tested", false)
	if got := history(); !slices.Equal(got, []string{"next", "older"}) {
		t.Errorf("after the tested version came back: %v", got)
	}
	for i := range maxPreviousVersions + 2 {
		put(fmt.Sprint("v", i), false)
	}
	if got := history(); len(got) != maxPreviousVersions || got[0] != "v5" {
		t.Errorf("%v", got)
	}
}
