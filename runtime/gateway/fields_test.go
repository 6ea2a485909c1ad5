package gateway

import (
	"net/http"
	"strings"
	"testing"
)

// Of bytes and of canonical names the same is said.
func TestRolesAgreeWithNames(t *testing.T) {
	names := []string{"X-Forwarded", "X-Forwarded-", "X-Forwarded-For", "X-Forwarded-" + strings.Repeat("a", 40), "X-Openfaas-Internal", "X-Openfaas-Internals", "X-Openfaas-",
		"X-Function-Name", "X-Functional", "X-Real-Ip", "X-Start-Time", "Forwarded", "Forwarde", "X-Call-Id", "X-Served-By", "Content-Type", "User-Agent", "Authorization", "Date",
		"A", "Te", "Accept", "X-Start-Times", strings.Repeat("x", longest), strings.Repeat("x", longest+1)}
	for name := range hopByHop {
		names = append(names, name, name+"s")
	}
	for _, name := range names {
		for _, spelt := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			r := roleOf([]byte(spelt))
			platform := r == platforms || r == startTime || r == internalMark
			if canonical := http.CanonicalHeaderKey(spelt); (r == hop) != hopByHop[canonical] || platform != forged(canonical) {
				t.Errorf("%s: %d, though hop-by-hop is %t and forged %t", spelt, r, hopByHop[canonical], forged(canonical))
			}
		}
	}
}
