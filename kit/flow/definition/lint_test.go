package definition_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"fnstore/kit/flow/definition"
)

// The order's machine is valid, and deserves these warnings.
//
// Seed: R63
func TestLint_Order(t *testing.T) {
	text, err := os.ReadFile("../testdata/order.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	m, issues := definition.Parse(text, nil)
	if m == nil {
		t.Fatal(issues.Err())
	}
	var got []string
	for _, i := range issues {
		if !i.Warning {
			t.Error(i)
		}
		if i.Code != definition.NoTimeout {
			got = append(got, i.Code+" "+i.Pointer)
		}
	}
	want := []string{
		"RETRY_DELAYS_CATCH /States/ValidateOrder/Catch/0/ErrorEquals/0",
		"COMPENSATION_WITHOUT_CATCH /States/RefundPayment",
		"COMPENSATION_WITHOUT_CATCH /States/ReleaseInventory",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the warnings are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(issues) - len(got); n != 10 {
		t.Errorf("%d Tasks are said to have no TimeoutSeconds, want all 10", n)
	}
	unknown := definition.Known(m, []string{"validate-order", "process-payment", "reserve-inventory", "create-shipment", "send-notification", "refund-payment", "release-inventory"})
	if len(unknown) != 1 || !strings.Contains(unknown[0].Message, "send-confirmation") {
		t.Errorf("unknown functions: %v", unknown)
	}
}
