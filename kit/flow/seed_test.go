package flow_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/jsonata"
	"fnstore/kit/flow/local"
	"fnstore/kit/flow/value"
)

func parse(t testing.TB, text string) *definition.Machine {
	t.Helper()
	m, issues := definition.Parse([]byte(text), jsonata.Language{})
	if err := issues.Err(); err != nil {
		t.Fatal(err)
	}
	return m
}

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := value.Decode([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func orderMachine(t testing.TB) (*definition.Machine, definition.Issues) {
	t.Helper()
	text, err := os.ReadFile("testdata/order.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	m, issues := definition.Parse(text, nil)
	if err := issues.Err(); err != nil {
		t.Fatal(err)
	}
	return m, issues
}

// The nine ways through the order's machine: what its tasks give, and the
// states that AWS would enter, each attempt of a task counted.
//
// Seed: R63
func TestOrder_NinePaths(t *testing.T) {
	const good = `"ValidateOrder":{"Return":{"valid":true}},"ProcessPayment":{"Return":{"id":"pay-1"}},"ReserveInventory":{"Return":{"reservation_id":"res-1"}},
		"CreateShipment":{"Return":{"tracking":"T1"}},"SendConfirmation":{"Return":{"sent":true}},"OrderValidationFailed":{"Return":{}},"PaymentFailed":{"Return":{}},
		"RefundPayment":{"Return":{"refunded":true}},"ReleaseInventory":{"Return":{"released":true}},"NotifyOutOfStock":{"Return":{}}`
	throw := func(name string) string { return `{"Throw":{"Error":"` + name + `","Cause":"why"}}` }
	for _, c := range []struct{ name, mocks, status, error, cause, calls string }{
		{"shipped", "", "SUCCEEDED", "", "", "ValidateOrder ProcessPayment ReserveInventory CreateShipment SendConfirmation"},
		{"payment gateway answers at the third attempt", `,"ProcessPayment":[` + throw("PaymentGatewayError") + `,` + throw("PaymentGatewayError") + `,{"Return":{"id":"p"}}]`,
			"SUCCEEDED", "", "", "ValidateOrder ProcessPayment ProcessPayment ProcessPayment ReserveInventory CreateShipment SendConfirmation"},
		{"invalid order, after three retries that cannot help", `,"ValidateOrder":` + throw("ValidationError"), "FAILED", "", "Order processing failed",
			"ValidateOrder ValidateOrder ValidateOrder ValidateOrder OrderValidationFailed"},
		{"payment declined", `,"ProcessPayment":` + throw("PaymentDeclined"), "FAILED", "", "Order processing failed", "ValidateOrder ProcessPayment PaymentFailed"},
		{"insufficient funds", `,"ProcessPayment":` + throw("InsufficientFunds"), "FAILED", "", "Order processing failed", "ValidateOrder ProcessPayment PaymentFailed"},
		{"payment gateway down: no Catch", `,"ProcessPayment":` + throw("PaymentGatewayError"), "FAILED", "PaymentGatewayError", "why", "ValidateOrder ProcessPayment ProcessPayment ProcessPayment"},
		{"out of stock", `,"ReserveInventory":` + throw("OutOfStock"), "FAILED", "", "Order processing failed", "ValidateOrder ProcessPayment ReserveInventory RefundPayment NotifyOutOfStock"},
		{"shipping fails", `,"CreateShipment":` + throw("ShippingError"), "FAILED", "", "Order processing failed",
			"ValidateOrder ProcessPayment ReserveInventory CreateShipment ReleaseInventory RefundPayment NotifyOutOfStock"},
		{"confirmation fails: the shipped order ends as failed", `,"SendConfirmation":` + throw("MailDown"), "FAILED", "MailDown", "why",
			"ValidateOrder ProcessPayment ReserveInventory CreateShipment SendConfirmation SendConfirmation SendConfirmation SendConfirmation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _ := orderMachine(t)
			mocks, err := local.ParseMocks(decode(t, "{"+good+c.mocks+"}"))
			if err != nil {
				t.Fatal(err)
			}
			res, err := local.Run{Machine: m, Input: decode(t, `{"order":{"id":"o-1","total":100.10}}`), Answer: mocks.Answers()}.Do()
			if err != nil {
				t.Fatal(err)
			}
			var calls []string
			for _, task := range res.Tasks {
				calls = append(calls, task.State)
			}
			x := res.Execution
			if string(x.Status) != c.status || x.Error != c.error || x.Cause != c.cause {
				t.Errorf("ended %s %q %q, want %s %q %q", x.Status, x.Error, x.Cause, c.status, c.error, c.cause)
			}
			if got := strings.Join(calls, " "); got != c.calls {
				t.Errorf("called %s\nwant   %s", got, c.calls)
			}
			if c.status == "SUCCEEDED" && !strings.Contains(value.Text(x.Output.Any), "100.10") {
				t.Errorf("the output lost the text of a number: %s", value.Text(x.Output.Any))
			}
		})
	}
}

// A Catch of ValidationError works if the task's error has that name, and not
// if it has the name of a Go type: the definition cannot help it.
//
// Seed: B75
func TestCatch_NamesAreExact(t *testing.T) {
	m, _ := orderMachine(t)
	for name, caught := range map[string]bool{"ValidationError": true, "errorString": false, "wrapError": false, "validationerror": false} {
		if got := slices.Contains(m.States["ValidateOrder"].Catch[0].ErrorEquals, name); got != caught {
			t.Errorf("%s is caught: %v", name, got)
		}
		mocks, _ := local.ParseMocks(value.NewObject("ValidateOrder", value.NewObject("Throw", value.NewObject("Error", name)), "OrderValidationFailed", value.NewObject("Return", nil)))
		res, err := local.Run{Machine: m, Input: decode(t, `{"order":{}}`), Answer: mocks.Answers()}.Do()
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Tasks[len(res.Tasks)-1].State == "OrderValidationFailed"; got != caught {
			t.Errorf("%s went to OrderValidationFailed: %v, want %v", name, got, caught)
		}
	}
}
