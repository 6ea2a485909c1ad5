package function

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"fnstore/kit/fault"
	"fnstore/kit/mail"
)

// text is what is said about one type of notification: Go templates over the
// notification's data. They are plain text wherever they go.
type text struct{ subject, body *template.Template }

type texts map[string]text

// The types that come with the function. Any other has the words of "default".
var builtin = map[string][2]string{
	"order_success":           {"Order Shipped", "Your order {{.order.order_id}} has been shipped! Tracking: {{.shipment.tracking_number}}"},
	"payment_failed":          {"Payment Failed", "Payment failed for order {{.order.order_id}}"},
	"out_of_stock":            {"Order Cancelled", "Order {{.order.order_id}} cancelled - items out of stock"},
	"order_validation_failed": {"Order Rejected", "Order {{.order.order_id}} was not accepted: it is not valid"},
	"fnstore.dead_letters":    {"Dead letters of {{.function}}", "{{.count}} calls of {{.function}} failed for good.\nThe last: {{.last.code}}, {{.last.reason}}\nfnstore dlq list {{.function}} shows them."},
	"alert.firing":            {"Alert: {{.alertname}}", "{{range .alerts}}{{.name}}, {{.status}} since {{.since}}\n{{.summary}}\n{{end}}"},
	"alert.resolved":          {"Resolved: {{.alertname}}", "{{range .alerts}}{{.name}}, {{.status}}\n{{.summary}}\n{{end}}"},
	"default":                 {"Order Update", "Order notification"},
}

// parseTexts adds those of the setting to those that are built in: an object of
// {"TYPE": {"subject": "…", "body": "…"}}.
func parseTexts(setting string) (texts, error) {
	list := texts{}
	for name, words := range builtin {
		t, err := compile(name, words[0], words[1])
		if err != nil {
			return nil, err
		}
		list[name] = t
	}
	if setting == "" {
		return list, nil
	}
	var own map[string]struct{ Subject, Body string }
	if err := json.Unmarshal([]byte(setting), &own); err != nil {
		return nil, fmt.Errorf("notify_texts is not JSON of the form {\"TYPE\":{\"subject\":\"…\",\"body\":\"…\"}}: %w", err)
	}
	for name, words := range own {
		t, err := compile(name, words.Subject, words.Body)
		if err != nil {
			return nil, fmt.Errorf("notify_texts: %w", err)
		}
		list[name] = t
	}
	return list, nil
}

func compile(name, subject, body string) (t text, err error) {
	// A member that is missing is an error: "has been shipped! Tracking: <no
	// value>" is no message to send to anybody.
	if t.subject, err = template.New(name).Option("missingkey=error").Parse(subject); err != nil {
		return t, err
	}
	t.body, err = template.New(name).Option("missingkey=error").Parse(body)
	return t, err
}

// say gives subject and text of a notification, in characters that can go into a
// header and a message.
func (list texts) say(kind string, data map[string]any) (subject, body string, err error) {
	t, ok := list[kind]
	if !ok {
		t = list["default"]
	}
	if subject, err = execute(t.subject, data); err != nil {
		return "", "", incomplete(kind, err)
	}
	if body, err = execute(t.body, data); err != nil {
		return "", "", incomplete(kind, err)
	}
	return mail.Line(subject), body, nil
}

func execute(t *template.Template, data map[string]any) (string, error) {
	var b strings.Builder
	err := t.Execute(&b, data)
	return b.String(), err
}

func incomplete(kind string, cause error) error {
	return fault.New(fault.Unprocessable, "incomplete_notification", "the data does not have what the text of %.100s says", kind).Because(cause)
}
