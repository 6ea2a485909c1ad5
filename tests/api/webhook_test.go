package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	webhook "fnstore/functions/webhook"
)

const hookKey = "0123456789abcdef0123456789abcdef"

func hmacOf(key string, parts ...string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	for _, p := range parts {
		m.Write([]byte(p))
	}
	return m.Sum(nil)
}

func githubHeader(key, body string) []string {
	return []string{"X-Hub-Signature-256", "sha256=" + hex.EncodeToString(hmacOf(key, body)), "X-GitHub-Delivery", "d-1", "X-GitHub-Event", "push", "Content-Type", "application/json"}
}

func stripeHeader(key, body string, at time.Time) []string {
	t := fmt.Sprint(at.Unix())
	return []string{"Stripe-Signature", "t=" + t + ",v1=" + hex.EncodeToString(hmacOf(key, t, ".", body))}
}

func genericHeader(key, id, body string, at time.Time) []string {
	t := fmt.Sprint(at.Unix())
	return []string{"webhook-id", id, "webhook-timestamp", t, "webhook-signature", "v1," + base64.StdEncoding.EncodeToString(hmacOf(key, id, ".", t, ".", body))}
}

// A webhook that holds becomes one message, signed by the event plane, however
// often and however fast it is delivered.
func TestWebhook_EachIsPublishedOnce(t *testing.T) {
	r := newRig(t).generous()
	for _, name := range []string{"github", "stripe", "generic"} {
		r.set("webhook-"+name, hookKey)
	}
	h, err := webhook.Open(r.getenv, r.read)
	url := serve(t, h, err)
	now := time.Now()
	send := map[string]func(body string) reply{
		"github":  func(b string) reply { return call(t, "POST", url+"/github", b, githubHeader(hookKey, b)...) },
		"stripe":  func(b string) reply { return call(t, "POST", url+"/?op=stripe", b, stripeHeader(hookKey, b, now)...) },
		"generic": func(b string) reply { return call(t, "POST", url+"/generic", b, genericHeader(hookKey, b, b, now)...) },
	}
	for name, post := range send {
		body := `{"of":"` + name + `"}`
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if a := post(body); a.status != 202 && (a.status != 200 || a.get("status") != "duplicate") {
					t.Errorf("%s: %d %s", name, a.status, a.body)
				}
			})
		}
		all.Wait()
		post(`{"another":"`+name+`"}`).want(t, name, 202, "")
	}
	rows := r.column(`select fn || ' ' || path || ' ' || trusted || ' ' || (headers->'X-Webhook-Source'->>0) || ' ' || convert_from(body, 'UTF8') from queue.message order by 1`)
	if len(rows) != 6 || !strings.HasPrefix(rows[0], "topic:webhooks / true ") {
		t.Errorf("%d messages, want 6: %q", len(rows), rows)
	}
	if n := r.column(`select count(*)::text from queue.message where headers->'X-Webhook-Event'->>0 = 'push'`)[0]; n != "2" {
		t.Errorf("%s messages name GitHub's event", n)
	}
}

// While keys rotate both hold; a time outside of the window, a changed byte and
// a missing key do not.
func TestWebhook_RotationAndReplayWindow(t *testing.T) {
	r := newRig(t).generous()
	h, err := webhook.Open(r.getenv, r.read)
	url := serve(t, h, err)
	now := time.Now()
	call(t, "POST", url+"/github", "{}", githubHeader(hookKey, "{}")...).want(t, "without a key", 503, "no_webhook_key")
	r.set("webhook-github", "short")
	call(t, "POST", url+"/github", "{}", githubHeader("short", "{}")...).want(t, "a short key", 503, "bad_webhook_key")
	next := strings.Repeat("n", 32)
	r.set("webhook-github", next+"\n"+hookKey)
	r.set("webhook-stripe", hookKey)
	r.set("webhook-generic", "whsec_"+base64.StdEncoding.EncodeToString([]byte(hookKey)))
	call(t, "POST", url+"/github", `{"n":1}`, githubHeader(hookKey, `{"n":1}`)...).want(t, "the old key", 202, "")
	call(t, "POST", url+"/github", `{"n":2}`, githubHeader(next, `{"n":2}`)...).want(t, "the new key", 202, "")
	r.set("webhook-github", next)
	old := call(t, "POST", url+"/github", `{"n":3}`, githubHeader(hookKey, `{"n":3}`)...).want(t, "the old key afterwards", 401, "unsigned_webhook")
	changed := call(t, "POST", url+"/stripe", `{"n":5}`, stripeHeader(hookKey, `{"n":4}`, now)...).want(t, "another body", 401, "unsigned_webhook")
	late := call(t, "POST", url+"/stripe", `{"n":4}`, stripeHeader(hookKey, `{"n":4}`, now.Add(-6*time.Minute))...).want(t, "six minutes late", 401, "unsigned_webhook")
	if string(old.body) != string(changed.body) || string(late.body) != string(changed.body) {
		t.Error("refusals are told apart")
	}
	call(t, "POST", url+"/stripe", `{"n":4}`, stripeHeader(hookKey, `{"n":4}`, now.Add(-4*time.Minute))...).want(t, "four minutes late", 202, "")
	call(t, "POST", url+"/generic", `{"n":6}`, genericHeader(hookKey, "msg_1", `{"n":6}`, now)...).want(t, "an encoded key", 202, "")
	call(t, "POST", url+"/generic", strings.Repeat("x", 2<<20), genericHeader(hookKey, "msg_2", "", now)...).want(t, "2 MiB", 413, "body_too_large")
	if n := r.column(`select count(*)::text from queue.message`)[0]; n != "4" {
		t.Errorf("%s messages, want 4", n)
	}
}

// What may not be passed on is not acknowledged, and nothing is kept of it.
func TestWebhook_TargetThatIsNotAllowed(t *testing.T) {
	r := newRig(t).generous()
	r.env["webhook_target"] = "hello/greet"
	r.set("webhook-github", hookKey)
	h, err := webhook.Open(r.getenv, r.read)
	s := httptest.NewServer(h)
	defer s.Close()
	if err != nil {
		t.Fatal(err)
	}
	call(t, "POST", s.URL+"/github", "{}", githubHeader(hookKey, "{}")...).want(t, "a target without the annotation", 503, "not_allowed_to_send")
	if n := r.column(`select count(*)::text from fn_webhook.delivery`)[0]; n != "0" {
		t.Errorf("%s deliveries are remembered that were not passed on", n)
	}
}

// What each role may do to each table is what is declared here, and nothing more.
func TestGrants_AreTheDeclaredOnes(t *testing.T) {
	r := newRig(t)
	want := `fn_auth fn_auth.account INSERT,SELECT,UPDATE
fn_auth fn_auth.api_key DELETE,INSERT,SELECT
fn_auth fn_auth.family DELETE,INSERT,SELECT,UPDATE
fn_auth fn_auth.refresh DELETE,INSERT,SELECT,UPDATE
fn_users fn_users.idempotency DELETE,INSERT,SELECT,UPDATE
fn_users fn_users.users DELETE,INSERT,SELECT,UPDATE
fn_webhook fn_webhook.delivery DELETE,INSERT,SELECT`
	got := strings.Join(r.column(`
select role || ' ' || c.oid::regclass || ' ' || string_agg(verb, ',' order by verb)
from pg_class c join pg_namespace n on n.oid = c.relnamespace, unnest(array['fn_auth','fn_users','fn_webhook']) role,
     unnest(array['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) verb
where c.relkind in ('r','p','v','m','f') and n.nspname not in ('pg_catalog','information_schema','pg_toast')
  and has_table_privilege(role, c.oid, verb) and has_schema_privilege(role, n.oid, 'USAGE')
group by role, c.oid order by 1`), "\n")
	if got != want {
		t.Errorf("the roles may do\n%s\nand should\n%s", got, want)
	}
	functions := strings.Join(r.column(`
select role || ' ' || p.oid::regprocedure from pg_proc p join pg_namespace n on n.oid = p.pronamespace, unnest(array['fn_auth','fn_users','fn_webhook']) role
where n.nspname not in ('pg_catalog','information_schema') and n.nspname <> 'idempotency' and has_function_privilege(role, p.oid, 'EXECUTE') and has_schema_privilege(role, n.oid, 'USAGE') order by 1`), "\n")
	if want := "fn_auth fn_auth.key_of(bytea)\nfn_auth queue.send(text,text,jsonb,bytea,text,interval,text)\nfn_users fn_auth.key_of(bytea)\nfn_users queue.send(text,text,jsonb,bytea,text,interval,text)\nfn_webhook queue.send(text,text,jsonb,bytea,text,interval,text)"; functions != want {
		t.Errorf("the roles may call\n%s\nand should\n%s", functions, want)
	}
	for _, role := range []string{"fn_auth", "fn_users", "fn_webhook"} {
		for _, verb := range []string{"CREATE"} {
			if n := r.column(`select count(*)::text from pg_namespace where has_schema_privilege('` + role + `', oid, '` + verb + `')`)[0]; n != "0" {
				t.Errorf("%s may create in %s schemas", role, n)
			}
		}
	}
}
