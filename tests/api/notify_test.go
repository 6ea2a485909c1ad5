package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	notify "fnstore/functions/notify"
	webhook "fnstore/functions/webhook"
	"fnstore/runtime/provision"
)

// notifier is notify with its database and keys; private are places that
// webhooks may go to on this machine.
func (r *rig) notifier(t *testing.T, private ...string) (string, http.Handler) {
	t.Helper()
	mountEventKey(t)
	r.provide(provision.Function{Name: "notify", Secrets: []string{"notify-pg"}, Annotations: map[string]string{"fnstore.sends": "notify, hello, user-events"}})
	for i := range private {
		private[i] = strings.TrimPrefix(private[i], "http://")
	}
	r.env["notify_private_hosts"] = strings.Join(private, ", ")
	r.set("notify-webhook", hookKey)
	h, err := notify.Open(r.getenv, r.read)
	return serve(t, h, err), h
}

// pump delivers what waits for notify, as the queue does: a message goes when it
// was dealt with. It gives the statuses and codes of the answers.
func (r *rig) pump(url string) (answers []string) {
	r.t.Helper()
	rows, err := r.admin.Query(r.t.Context(), `select id, path, call_id, convert_from(body, 'UTF8') from queue.message where fn = 'notify' order by id`)
	if err != nil {
		r.t.Fatal(err)
	}
	type message struct {
		id                 int64
		path, callID, body string
	}
	var list []message
	for rows.Next() {
		var m message
		if err := rows.Scan(&m.id, &m.path, &m.callID, &m.body); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, m)
	}
	for _, m := range list {
		a := callSigned(r.t, "POST", url+m.path, m.body, "X-Call-Id", m.callID)
		answers = append(answers, strings.TrimSpace(a.get("status")+" "+a.get("code")))
		if a.status < 300 {
			if _, err := r.admin.Exec(r.t.Context(), `delete from queue.message where id = $1`, m.id); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	return answers
}

func subscribe(t *testing.T, url, topic, protocol, endpoint, filter string) reply {
	t.Helper()
	body, err := json.Marshal(map[string]any{"topic": topic, "protocol": protocol, "endpoint": endpoint, "filter": json.RawMessage(filter)})
	if err != nil {
		t.Fatal(err)
	}
	return callSigned(t, "POST", url+"/subscriptions", string(body))
}

const shipped = `{"type":"order_success","id":"n1","order":{"order_id":"O-7"},"shipment":{"tracking_number":"TRACK-9"},"attributes":{"total":250}}`

// A notification reaches those whose filters let it through, once each: a
// function by the queue, a webhook signed so that the function webhook takes it,
// and a mailbox by a real SMTP server with TLS and a password.
// Seed: R71, B81, B87
func TestNotify_TopicsToFunctionWebhookAndMail(t *testing.T) {
	r := newRig(t).generous()
	r.set("webhook-generic", hookKey)
	receiver, err := webhook.Open(r.getenv, r.read)
	hook := serve(t, receiver, err)
	url, _ := r.notifier(t, hook)
	smtp, ca, received := mailServer(t)
	subscribe(t, url, "orders", "email", "anna@example.org", `{}`).want(t, "mail without a server", 503, "no_mail_server")
	r.set("notify-smtp", smtp)
	r.set("notify-smtp-ca", ca)

	subscribe(t, url, "orders", "email", "anna@example.org", `{"type":["order_success"]}`).want(t, "mail", 201, "")
	subscribe(t, url, "orders", "webhook", hook+"/generic", `{"total":[{"numeric":[">",100]}]}`).want(t, "webhook", 201, "")
	subscribe(t, url, "orders", "function", "hello/greet", `{}`).want(t, "function", 201, "")
	subscribe(t, url, "orders", "function", "hello/others", `{"type":["payment_failed"]}`).want(t, "another function", 201, "")
	subscribe(t, url, "orders", "function", "users", `{}`).want(t, "a function that is not named", 403, "send_not_allowed")
	subscribe(t, url, "orders", "function", "hello/greet", `{}`).want(t, "again", 200, "")
	subscribe(t, url, "orders", "function", "hello/greet", `{"type":["x"]}`).want(t, "another filter", 409, "subscription_exists")

	body := strings.Replace(shipped, `{"type"`, `{"topic":"orders","type"`, 1)
	var all sync.WaitGroup
	var accepted atomic.Int64
	for range 8 {
		all.Go(func() {
			switch a, err := trySigned("POST", url+"/publish", body); {
			case err != nil || a.status != 202 && a.get("status") != "duplicate":
				t.Errorf("%d %s %v", a.status, a.body, err)
			case a.status == 202:
				accepted.Add(1)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 1 {
		t.Errorf("accepted %d times", accepted.Load())
	}
	for _, answer := range r.pump(url) {
		if answer != "sent" {
			t.Errorf("delivered: %s", answer)
		}
	}
	if list := received(); len(list) != 1 || !strings.Contains(list[0], "X-Envelope: store@example.org -> anna@example.org") ||
		!strings.Contains(list[0], "Subject: Order Shipped\r\n") || !strings.Contains(list[0], "Your order O-7 has been shipped! Tracking: TRACK-9") {
		t.Errorf("mail: %q", list)
	}
	rows := strings.Join(r.column(`select fn || path || ' ' || coalesce(headers->'X-Notify-Type'->>0, headers->'X-Webhook-Source'->>0) || ' ' || (convert_from(body, 'UTF8')::jsonb->>'subject') from queue.message order by 1`), "\n")
	if want := "hello/greet order_success Order Shipped\ntopic:webhooks/ generic Order Shipped"; rows != want {
		t.Errorf("messages:\n%s\nwant\n%s", rows, want)
	}
	state := callSigned(t, "GET", url+"/notifications/n1", "").want(t, "what became of it", 200, "")
	if strings.Count(string(state.body), `"done_at":"`) != 3 {
		t.Errorf("%s", state.body)
	}
}

// A delivery that fails is tried again and one that was made is not: what passes
// is told from what does not.
// Seed: R68
func TestNotify_AtLeastOnceDeduplicated(t *testing.T) {
	r := newRig(t)
	var code atomic.Int64
	var ids sync.Map
	var calls atomic.Int64
	code.Store(503)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		calls.Add(1)
		ids.Store(req.Header.Get("Webhook-Id"), true)
		w.Header().Set("Location", "http://169.254.169.254/")
		w.WriteHeader(int(code.Load()))
	}))
	defer hook.Close()
	url, _ := r.notifier(t, hook.URL)
	smtp, ca, received := mailServer(t)
	r.set("notify-smtp", smtp)
	r.set("notify-smtp-ca", ca)
	subscribe(t, url, "notifications", "webhook", hook.URL+"/x", `{}`).want(t, "webhook", 201, "")
	callSigned(t, "POST", url+"/?op=send-confirmation", strings.Replace(shipped, `"type":"order_success",`, "", 1)).want(t, "confirmation without a type", 202, "")
	if got := r.pump(url); len(got) != 1 || got[0] != "502 webhook_failed" {
		t.Fatalf("%q", got)
	}
	code.Store(204)
	message := r.column(`select convert_from(body, 'UTF8') from queue.message where fn = 'notify'`)[0]
	if got := r.pump(url); len(got) != 1 || got[0] != "sent" {
		t.Fatalf("%q", got)
	}
	if a := callSigned(t, "POST", url+"/deliver", message); a.get("status") != "duplicate" || calls.Load() != 2 {
		t.Errorf("delivered again: %s, %d calls", a.body, calls.Load())
	}
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d ids of one delivery", n)
	}

	// Another call is sending it: this one comes later. A crash frees it.
	if _, err := r.admin.Exec(t.Context(), `update fn_notify.delivery set done_at = null, claimed_until = now() + interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
	callSigned(t, "POST", url+"/deliver", message).want(t, "claimed", 409, "delivery_in_flight")
	if _, err := r.admin.Exec(t.Context(), `update fn_notify.delivery set claimed_until = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	callSigned(t, "POST", url+"/deliver", message).want(t, "after a crash", 200, "")

	for i, c := range []struct {
		code int64
		want string
	}{{302, "422 webhook_refused"}, {404, "422 webhook_refused"}, {429, "502 webhook_failed"}, {500, "502 webhook_failed"}} {
		code.Store(c.code)
		callSigned(t, "POST", url+"/?op=send-notification", strings.Replace(shipped, "n1", "w"+string(rune('a'+i)), 1)).want(t, "publish", 202, "")
		if got := r.pump(url); len(got) != 1 || got[0] != c.want {
			t.Errorf("%d: %q", c.code, got)
		}
		r.forget()
	}
	subscriptions := callSigned(t, "GET", url+"/subscriptions", "")
	var list struct{ Subscriptions []struct{ ID string } }
	if err := json.Unmarshal(subscriptions.body, &list); err != nil || len(list.Subscriptions) != 1 {
		t.Fatalf("%s", subscriptions.body)
	}
	callSigned(t, "DELETE", url+"/subscriptions/"+list.Subscriptions[0].ID, "").want(t, "unsubscribe", 204, "")
	callSigned(t, "DELETE", url+"/subscriptions/"+list.Subscriptions[0].ID, "").want(t, "again", 404, "no_subscription")

	for _, to := range []string{"refused@example.org", "later@example.org"} {
		subscribe(t, url, "notifications", "email", to, `{}`).want(t, to, 201, "")
	}
	callSigned(t, "POST", url+"/", strings.Replace(shipped, "n1", "m1", 1)).want(t, "publish without an op", 202, "")
	first := strings.Join(r.pump(url), ", ")
	second := strings.Join(r.pump(url), ", ")
	if !strings.Contains(first, "422 mail_refused") || !strings.Contains(first, "503 mail_unavailable") || !strings.Contains(second, "sent") {
		t.Errorf("mail: %s; then %s", first, second)
	}
	if list := received(); len(list) != 1 || strings.Count(list[0], "Message-ID: <m1-") != 1 {
		t.Errorf("mail: %q", list)
	}
	r.forget()
	r.set("notify-smtp", strings.Replace(smtp, "word", "wrong", 1))
	callSigned(t, "POST", url+"/", strings.Replace(shipped, "n1", "m2", 1)).want(t, "publish", 202, "")
	if got := strings.Join(r.pump(url), ", "); got != "503 mail_unavailable, 503 mail_unavailable" {
		t.Errorf("a wrong password: %s", got)
	}
}

// forget empties the queue.
func (r *rig) forget() {
	r.t.Helper()
	if _, err := r.admin.Exec(r.t.Context(), `delete from queue.message; delete from queue.dedup`); err != nil {
		r.t.Fatal(err)
	}
}

// A webhook goes to no address that is not public unless the operator said so,
// and it is looked at when it is dialled.
func TestNotify_WebhookAddresses(t *testing.T) {
	r := newRig(t)
	var calls atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer inside.Close()
	url, _ := r.notifier(t)
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	for _, to := range []string{inside.URL, "http://localhost" + port, "http://[::ffff:127.0.0.1]" + port, "http://169.254.169.254/latest/meta-data", "http://0.0.0.0" + port, "http://2130706433" + port} {
		made := subscribe(t, url, "notifications", "webhook", to, `{}`).want(t, to, 201, "")
		callSigned(t, "POST", url+"/", `{"message":"hello"}`).want(t, "publish", 202, "")
		got := r.pump(url)
		if len(got) != 1 || got[0] != "422 webhook_address_refused" && got[0] != "502 webhook_failed" {
			t.Errorf("%s: %q", to, got)
		}
		r.forget()
		callSigned(t, "DELETE", url+"/subscriptions/"+made.get("id"), "").want(t, "unsubscribe", 204, "")
	}
	if calls.Load() != 0 {
		t.Errorf("%d calls inside", calls.Load())
	}
	for _, to := range []string{"ftp://example.org/", "http://", "http://user:pass@example.org/", "/relative", "http://example.org/#x", "http://exa mple.org/", "javascript:alert(1)"} {
		subscribe(t, url, "notifications", "webhook", to, `{}`).want(t, to, 400, "bad_subscription")
	}
}

// Each type has its words, in characters that cannot become a header; a type
// without words has the default's; what a text needs and the data lacks is said.
// Seed: R71, B83
func TestNotify_WordsByType(t *testing.T) {
	r := newRig(t)
	r.env["notify_texts"] = `{"greeting":{"subject":"Hi {{.name}}","body":"<b>{{.name}}</b>"}}`
	url, _ := r.notifier(t)
	subscribe(t, url, "notifications", "function", "hello", `{}`).want(t, "function", 201, "")
	for _, c := range []struct{ body, subject, message string }{
		{`{"type":"payment_failed","order":{"order_id":"O-1"}}`, "Payment Failed", "Payment failed for order O-1"},
		{`{"type":"out_of_stock","order":{"order_id":"O-1"}}`, "Order Cancelled", "Order O-1 cancelled - items out of stock"},
		{`{"type":"order_validation_failed","order":{"order_id":12345678901234567890}}`, "Order Rejected", "Order 12345678901234567890 was not accepted: it is not valid"},
		{`{"type":"something_else"}`, "Order Update", "Order notification"},
		{`{}`, "Order Update", "Order notification"},
		{`{"type":"greeting","name":"Eve\r\nBcc: all@example.org"}`, "Hi Eve Bcc: all@example.org", "<b>Eve\r\nBcc: all@example.org</b>"},
		{`{"type":"fnstore.dead_letters","function":"hello","count":1,"since":"2026-01-01T00:00:00Z","last":{"id":1,"code":"status_500","reason":"it broke"}}`, "Dead letters of hello", "1 calls of hello failed for good.\nThe last: status_500, it broke\nfnstore dlq list hello shows them."},
	} {
		callSigned(t, "POST", url+"/", c.body).want(t, c.body, 202, "")
		var got struct{ Subject, Message string }
		if err := json.Unmarshal([]byte(r.column(`select convert_from(body, 'UTF8') from queue.message where fn = 'hello' order by id desc limit 1`)[0]), &got); err != nil || got.Subject != c.subject || got.Message != c.message {
			t.Errorf("%s: %+v, %v", c.body, got, err)
		}
	}
	for body, code := range map[string]string{
		`{"type":"order_success"}`: "incomplete_notification", `{"type":"order_success","order":5,"shipment":{}}`: "incomplete_notification",
		`[]`: "bad_notification_body", `{`: "bad_notification_body", `{"type":5}`: "bad_notification_body", `{"type":"a b"}`: "bad_notification_body", `{"topic":""}`: "bad_notification_body",
		`{"id":"a b"}`: "bad_notification_body", `{"attributes":5}`: "bad_notification_body", `{"a":1,"a":2}`: "bad_notification_body", `{"op":"unknown"}`: "unknown_op",
	} {
		if a := callSigned(t, "POST", url+"/", body); a.status/100 != 4 || a.get("code") != code {
			t.Errorf("%s: %d %s, want %s", body, a.status, a.body, code)
		}
	}
	for body, code := range map[string]string{
		`{"protocol":"pigeon","endpoint":"x"}`: "bad_subscription", `{"protocol":"function","endpoint":"No Name"}`: "bad_subscription",
		`{"protocol":"email","endpoint":"a@b.c, d@e.f"}`: "bad_subscription", `{"protocol":"function","endpoint":"hello","filter":{"a":5}}`: "bad_subscription", `{"protocol":"function","endpoint":"hello","topic":"a b"}`: "bad_subscription",
		`{"protocols":"x"}`: "bad_json",
	} {
		callSigned(t, "POST", url+"/subscriptions", body).want(t, body, 400, code)
	}
	call(t, "POST", url+"/", `{}`).want(t, "unsigned", 401, "unsigned_call")
}

func TestNotify_Readme(t *testing.T) {
	r := newRig(t)
	_, h := r.notifier(t)
	out := walk(t, "notify", map[string]http.Handler{"notify": h})
	for _, want := range []string{`"protocol":"function"`, `"status":"accepted"`, `"status":"duplicate"`, `"subject":"Order Shipped"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not have %s:\n%s", want, out)
		}
	}
}

// What Alertmanager sends reaches the subscribers of alerts once, if it knows the
// password.
// Seed: B53
func TestNotify_Alerts(t *testing.T) {
	r := newRig(t)
	url, _ := r.notifier(t)
	subscribe(t, url, "alerts", "function", "hello", `{"severity":["page"]}`).want(t, "function", 201, "")
	group := func(status, name, severity string) string {
		return `{"version":"4","groupKey":"{}:{}","truncatedAlerts":0,"status":"` + status + `","receiver":"notify","groupLabels":{},"commonLabels":{"alertname":"` + name + `","severity":"` + severity + `"},
			"commonAnnotations":{},"externalURL":"http://x","alerts":[{"status":"` + status + `","labels":{"alertname":"` + name + `"},"annotations":{"summary":"more than 5 errors"},"startsAt":"2026-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"a"}]}`
	}
	call(t, "POST", url+"/alerts", group("firing", "ProcessingErrors", "page")).want(t, "before there is a password", 503, "no_alert_password")
	r.set("notify-alerts", hookKey)
	for _, password := range []string{"", "Bearer ", "Bearer x", "Basic " + hookKey, hookKey} {
		call(t, "POST", url+"/alerts", group("firing", "ProcessingErrors", "page"), "Authorization", password).want(t, password, 401, "bad_alert_password")
	}
	for range 2 {
		if a := call(t, "POST", url+"/alerts", group("firing", "ProcessingErrors", "page"), "Authorization", "Bearer "+hookKey); a.status != 202 && a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	call(t, "POST", url+"/alerts", group("resolved", "ProcessingErrors", "page"), "Authorization", "Bearer "+hookKey).want(t, "resolved", 202, "")
	call(t, "POST", url+"/alerts", group("firing", "Other", "info"), "Authorization", "Bearer "+hookKey).want(t, "another severity", 202, "")
	rows := strings.Join(r.column(`select distinct b->>'subject' || ': ' || (b->>'message') from (select convert_from(body, 'UTF8')::jsonb b from queue.message where fn = 'hello') m order by 1`), "|")
	if want := "Alert: ProcessingErrors: ProcessingErrors, firing since 2026-01-01T00:00:00Z\nmore than 5 errors\n|Resolved: ProcessingErrors: ProcessingErrors, resolved\nmore than 5 errors\n"; rows != want {
		t.Errorf("%q, want %q", rows, want)
	}
	for _, body := range []string{"", "{}", `{"status":"firing","alerts":[]}`, `{"status":"odd","alerts":[{}]}`} {
		call(t, "POST", url+"/alerts", body, "Authorization", "Bearer "+hookKey).want(t, body, 400, "bad_alerts")
	}
	call(t, "GET", url+"/alerts", "").want(t, "read", 405, "method_not_allowed")
}
