package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	users "fnstore/functions/users"
)

// profileOp is one call about one user.
type profileOp struct {
	user, verb, name, match string
}

// profileState is what a user should be: nothing, or a name at a version.
type profileState struct {
	name    string
	version int // 0: there is none
}

type profileAnswer struct {
	status int
	name   string
	tag    string
}

// register says which answers a user that is one thing, changed by one call at a
// time, can give.
var register = porcupine.Model{
	Init: func() any { return profileState{} },
	Step: func(state, input, output any) (bool, any) {
		s, op, a := state.(profileState), input.(profileOp), output.(profileAnswer)
		next, status := s, 200
		switch {
		case op.verb == "POST" && s.version > 0:
			status = 409
		case op.verb == "POST":
			next, status = profileState{op.name, 1}, 201
		case s.version == 0:
			status = 404
		case op.match != "" && op.match != tagOf(s):
			status = 412
		case op.verb == "PATCH":
			next = profileState{op.name, s.version + 1}
		case op.verb == "DELETE":
			next, status = profileState{}, 204
		}
		if a.status != status {
			return false, s
		}
		if status < 204 && (a.name != next.name || a.tag != tagOf(next)) {
			return false, s
		}
		return true, next
	},
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v → %+v", input, output)
	},
}

func tagOf(s profileState) string { return `"` + strconv.Itoa(s.version) + `"` }

// Ten clients read, create, change and delete three users at once, with and
// without If-Match; each user behaves as one that is changed by one call after
// the other. API_OPS=2000 is the long way.
func TestUsers_EachIsLinearizable(t *testing.T) {
	ops := 100
	if n, err := strconv.Atoi(os.Getenv("API_OPS")); err == nil {
		ops = n
	}
	s := newStage(t)
	ids := []string{"0198a000-0000-7000-8000-000000000001", "0198a000-0000-7000-8000-000000000002", "0198a000-0000-7000-8000-000000000003"}
	began := time.Now()
	var mu sync.Mutex
	histories := map[string][]porcupine.Operation{}
	skipped := 0
	var all sync.WaitGroup
	for client := range 10 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			tags := map[string]string{}
			for i := range ops {
				op := profileOp{user: ids[random.IntN(len(ids))], name: fmt.Sprintf("c%d-%d", client, i)}
				op.verb = []string{"GET", "GET", "POST", "PATCH", "PATCH", "PATCH", "DELETE"}[random.IntN(7)]
				if (op.verb == "PATCH" || op.verb == "DELETE") && random.IntN(2) == 0 {
					op.match = tags[op.user]
				}
				header := s.admin
				if op.match != "" {
					header = append([]string{"If-Match", op.match}, header...)
				}
				path, body := s.users+"/v1/users/"+op.user, fmt.Sprintf(`{"name":%q}`, op.name)
				if op.verb == "POST" {
					path, body = s.users+"/v1/users", fmt.Sprintf(`{"id":%q,"name":%q,"email":%q}`, op.user, op.name, op.user+"@example.org")
				}
				from := time.Since(began).Nanoseconds()
				a, err := try(op.verb, path, body, header...)
				to := time.Since(began).Nanoseconds()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if a.status == 503 && a.get("code") == "busy" { // refused before anything was done
					skipped++
				} else {
					histories[op.user] = append(histories[op.user], porcupine.Operation{ClientId: client, Input: op, Call: from, Output: profileAnswer{a.status, a.get("name"), a.header.Get("ETag")}, Return: to})
				}
				mu.Unlock()
				if tag := a.header.Get("ETag"); tag != "" {
					tags[op.user] = tag
				}
			}
		})
	}
	all.Wait()
	checked := 0
	for id, h := range histories {
		checked += len(h)
		if r := porcupine.CheckOperationsTimeout(register, h, time.Minute); r != porcupine.Ok {
			t.Errorf("user %s: %s after %d operations", id, r, len(h))
		}
	}
	t.Logf("%d operations of 10 clients on %d users, %d told to come again", checked, len(ids), skipped)
}

// cut serves with h, and lets the first answers get lost after they were made.
type cut struct {
	h    http.Handler
	left atomic.Int64
}

func (c *cut) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.left.Add(-1) < 0 {
		c.h.ServeHTTP(w, r)
		return
	}
	lost := httptest.NewRecorder()
	c.h.ServeHTTP(lost, r)
	panic(http.ErrAbortHandler) // the connection ends without a byte
}

// The answer gets lost after COMMIT; whoever sends the request again has one
// user, not two.
func TestUsers_LostAnswersMakeNoDuplicates(t *testing.T) {
	s := newStage(t)
	h, err := users.Open(s.getenv, s.read)
	c := &cut{h: h}
	url := serve(t, c, err)
	const n = 50
	lost := 0
	for i := range n {
		c.left.Store(1)
		header := append([]string{"Idempotency-Key", "lost-" + strconv.Itoa(i)}, s.admin...)
		body := profile("N", fmt.Sprintf("lost%d@example.org", i))
		a, err := try("POST", url+"/v1/users", body, header...)
		for err != nil {
			lost++
			a, err = try("POST", url+"/v1/users", body, header...)
		}
		if a.status != 201 || a.header.Get("Idempotency-Replayed") != "true" || !strings.Contains(string(a.body), fmt.Sprintf("lost%d@", i)) {
			t.Errorf("%d: %d %v %s", i, a.status, a.header, a.body)
		}
	}
	if rows := s.column("select count(*)::text from fn_users.users")[0]; rows != strconv.Itoa(n) {
		t.Errorf("%s users, want %d", rows, n)
	}
	t.Logf("%d answers lost after COMMIT, %d seen by the caller, 0 duplicates", n, lost)
}
