package limit

import (
	"bufio"
	"context"
	"expvar"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fnstore/kit/fault"
	"fnstore/runtime/services"
	"fnstore/runtime/services/servicestest"
)

// patient is a limiter for tests of what is counted: a busy machine must not
// make it count alone.
func patient(t testing.TB, url string) *Limiter {
	t.Helper()
	l := Open("test", func() (string, error) { return url, nil })
	l.Budget = 20 * time.Second
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// number is what a metric says.
func number(m *expvar.Map, key string) string {
	if v := m.Get(key); v != nil {
		return v.String()
	}
	return ""
}

func take(t testing.TB, l *Limiter, p Policy, who string) Decision {
	t.Helper()
	d, err := l.Take(t.Context(), p, who)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// worker is this program, started again by TestTake_NeverMoreThanTheLimit: it
// makes calls by eight goroutines and prints when each allowed one was.
const worker = "LIMIT_TEST_WORKER"

var shared = Policy{Name: "shared", Limit: 50, Window: 250 * time.Millisecond, Burst: 20}

func TestMain(m *testing.M) {
	if url := os.Getenv(worker); url != "" {
		work(url)
		return
	}
	os.Exit(m.Run())
}

func work(url string) {
	calls, _ := strconv.Atoi(os.Getenv("LIMIT_TEST_CALLS"))
	l := Open("test", func() (string, error) { return url, nil })
	l.Budget = time.Minute
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range calls / 8 {
				d, err := l.Take(context.Background(), shared, "everybody")
				if err != nil || d.Local {
					fmt.Println("error", err, d.Local)
					os.Exit(1)
				}
				if d.Allowed {
					mu.Lock()
					fmt.Println(d.at)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
}

// In no span of a window's length are there more calls than the limit, however
// many processes ask, by the clock of Redis. LIMIT_CALLS=1000000 is the long way.
//
// Seed: B60, R53
func TestTake_NeverMoreThanTheLimitInAnyWindow(t *testing.T) {
	calls := 24_000
	if n, err := strconv.Atoi(os.Getenv("LIMIT_CALLS")); err == nil {
		calls = n
	}
	url := servicestest.Redis(t)
	var mu sync.Mutex
	var times []int64
	var all sync.WaitGroup
	for range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), worker+"="+url, "LIMIT_TEST_CALLS="+strconv.Itoa(calls/4))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			for s := bufio.NewScanner(out); s.Scan(); {
				at, err := strconv.ParseInt(s.Text(), 10, 64)
				if err != nil {
					t.Error(s.Text())
				}
				mu.Lock()
				times = append(times, at)
				mu.Unlock()
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	slices.Sort(times)
	over := 0
	for i := shared.Limit; i < len(times); i++ {
		if times[i]-times[i-shared.Limit] < shared.Window.Microseconds() {
			over++
		}
	}
	if over > 0 || len(times) < shared.Limit {
		t.Errorf("%d of %d windows have more than %d calls", over, len(times), shared.Limit)
	}
	t.Logf("%d calls by 4 processes, %d allowed, over-admission in %d windows", calls, len(times), over)
}

// Each identity has its own count, and each policy.
//
// Seed: B59
func TestTake_IdentitiesAndPoliciesAreApart(t *testing.T) {
	l := patient(t, servicestest.Redis(t))
	p := Policy{Name: "a", Limit: 2, Window: time.Hour, Burst: 2}
	other := p
	other.Name = "b"
	for range 2 {
		for _, d := range []Decision{take(t, l, p, "u1"), take(t, l, p, "u2"), take(t, l, other, "u1")} {
			if !d.Allowed {
				t.Errorf("%+v", d)
			}
		}
	}
	if d := take(t, l, p, "u1"); d.Allowed || d.Remaining != 0 || d.Retry <= 0 || fault.Of(d.Refusal()).Kind != fault.TooMany {
		t.Errorf("the third: %+v", d)
	}
}

// Retry-After is true: one who comes back then is let in, and refusals have
// cost nothing. The key lives exactly as long as it says something.
//
// Seed: B61, B62, B64
func TestTake_RetryAfterIsTrue(t *testing.T) {
	url := servicestest.Redis(t)
	l := patient(t, url)
	p := Policy{Name: "p", Limit: 4, Window: 2 * time.Second, Burst: 2}
	tried := 0
	for round := range 4 {
		who := "u" + strconv.Itoa(round)
		var d Decision
		for d = take(t, l, p, who); d.Allowed; d = take(t, l, p, who) {
		}
		for range 50 {
			if again := take(t, l, p, who); !again.Allowed && again.Retry > d.Retry {
				t.Fatalf("a refusal moved the wait from %v to %v", d.Retry, again.Retry)
			}
		}
		last := take(t, l, p, who)
		for ; last.Allowed; last = take(t, l, p, who) { // the machine was slow
		}
		time.Sleep(last.Retry)
		if d := take(t, l, p, who); !d.Allowed {
			t.Errorf("after waiting %v: %+v", last.Retry, d)
		}
		tried++
	}
	o, _ := redis.ParseURL(url)
	c := redis.NewClient(o)
	defer c.Close()
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if ttl, err := c.PTTL(t.Context(), k).Result(); err != nil || ttl == -1 || ttl > 3*time.Second || !strings.HasPrefix(k, "test:limit:p:") || strings.Contains(k, "u0") {
			t.Errorf("%s lives for %v (%v)", k, ttl, err)
		}
	}
}

// Seed: B65, R55
func TestDecision_Headers(t *testing.T) {
	p := Policy{Name: "default", Limit: 100, Window: time.Minute}
	h := http.Header{}
	p.decide(true, 0, 740_741).Write(h)
	for name, want := range map[string]string{
		"RateLimit-Policy": `"default";q=100;w=60`, "RateLimit": `"default";r=19;t=1`, "X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "19", "X-RateLimit-Reset": "1", "Retry-After": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	cost, ahead := p.pace()
	p.decide(false, cost+1_000_001, ahead+cost).Write(h)
	if h.Get("X-RateLimit-Remaining") != "0" || h.Get("Retry-After") != "2" {
		t.Errorf("refused: %v", h)
	}
}

// While Redis is paused, killed or emptied calls go on as the policy says, and
// when it is back it counts again.
//
// Seed: B63
func TestTake_RedisPausedKilledFlushed(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "fnlimit-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	start := func() *services.Redis {
		r, err := services.StartRedis(context.Background(), services.Config{Dir: dir + "/rd"})
		if err != nil {
			if os.Getenv("CI") != "true" && strings.Contains(err.Error(), "not installed") {
				t.Skip(err)
			}
			t.Fatal(err)
		}
		return r
	}
	r := start()
	var url atomic.Value
	url.Store(r.URL())
	l := Open("test", func() (string, error) { return url.Load().(string), nil })
	defer l.Close()
	open := Policy{Name: "open", Limit: 1000, Window: time.Hour, Burst: 1000}
	closed := Policy{Name: "closed", Limit: 1_000_000, Window: time.Second, Closed: true}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	up := func() bool {
		_, err := l.Take(t.Context(), closed, "x")
		return err == nil && number(degraded, `function="test",policy="closed"`) == "0"
	}
	down := func() bool {
		_, err := l.Take(t.Context(), closed, "x")
		f := fault.Of(err)
		return err != nil && f.Kind == fault.Unavailable && f.Wait > 0 && number(degraded, `function="test",policy="closed"`) == "1"
	}
	until("never up", up)

	process, _ := os.FindProcess(r.PID())
	_ = process.Signal(syscall.SIGSTOP)
	until("a paused Redis is not noticed", down)
	admitted := 0
	for range 1500 { // open: this process counts, and the limit still is one
		if d, err := l.Take(t.Context(), open, "y"); err != nil {
			t.Fatal(err)
		} else if d.Allowed && d.Local {
			admitted++
		}
	}
	if admitted > 1000 || admitted < 900 {
		t.Errorf("%d calls were allowed without Redis, want 1000 at most", admitted)
	}
	_ = process.Signal(syscall.SIGCONT)
	until("no way back after a pause", up)

	_ = process.Kill()
	until("a killed Redis is not noticed", down)
	_ = r.Stop(context.Background())
	r = start()
	defer func() { _ = r.Stop(context.Background()) }()
	url.Store(r.URL())
	until("no way back after a kill", up) // the script is gone with the process

	small := Policy{Name: "small", Limit: 2, Window: time.Hour, Burst: 2}
	until("never limited", func() bool { d, err := l.Take(t.Context(), small, "z"); return err == nil && !d.Allowed && !d.Local })
	o, _ := redis.ParseURL(r.URL())
	c := redis.NewClient(o)
	defer c.Close()
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	again := 0 // what was counted is forgotten: one burst more, and the limit holds
	for range 10 {
		if d := take(t, l, small, "z"); d.Allowed {
			again++
		}
	}
	if again > 2 {
		t.Errorf("%d calls after the keys were lost, want 2 at most", again)
	}
}

func TestLimit_Parse(t *testing.T) {
	for text, want := range map[string]Policy{
		"100/1m":                      {Name: "p", Limit: 100, Window: time.Minute},
		" 10/1s burst=5 down=closed ": {Name: "p", Limit: 10, Window: time.Second, Burst: 5, Closed: true},
		"1/24h down=open":             {Name: "p", Limit: 1, Window: 24 * time.Hour},
		"":                            {}, "100": {}, "x/1m": {}, "0/1m": {}, "-1/1m": {}, "10/0s": {}, "10/48h": {}, "10/1m burst=11": {}, "10/1m burst=0": {}, "10/1m down=maybe": {}, "10/1m x": {}, "9999999/1m": {},
	} {
		got, err := Parse("p", text)
		if (err != nil) != (want.Name == "") || err == nil && got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if _, err := Parse("No Name", "1/1s"); err == nil {
		t.Error("a name that is no part of a key is accepted")
	}
}

// Seed: B67, R54
func TestProxies_WhoIsBelieved(t *testing.T) {
	l, err := ParseProxies("10.0.0.0/8, 127.0.0.1,fd00::/8")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		peer string
		xff  []string
		want string
	}{
		{"203.0.113.9:1", nil, "203.0.113.9"},
		{"203.0.113.9:1", []string{"1.2.3.4"}, "203.0.113.9"},
		{"10.1.1.1:1", []string{"1.2.3.4"}, "1.2.3.4"},
		{"10.1.1.1:1", []string{"6.6.6.6, 1.2.3.4"}, "1.2.3.4"},
		{"10.1.1.1:1", []string{"6.6.6.6", "1.2.3.4, 10.9.9.9"}, "1.2.3.4"},
		{"10.1.1.1:1", []string{"1.2.3.4, junk"}, "10.1.1.1"},
		{"10.1.1.1:1", []string{"10.2.2.2"}, "10.2.2.2"},
		{"@", []string{"1.2.3.4"}, "1.2.3.4"},
		{"@", nil, "unknown"},
		{"[2001:db8:1:2:3::4]:1", nil, "2001:db8:1:2::/64"},
		{"[2001:db8:1:2:9::9]:1", nil, "2001:db8:1:2::/64"},
		{"[::ffff:10.1.1.1]:1", []string{"::ffff:1.2.3.4"}, "1.2.3.4"},
		{"[fd00::1]:1", []string{"2001:db8::1"}, "2001:db8::/64"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.xff}}
		if got := l.Client(r); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.peer, c.xff, got, c.want)
		}
	}
	if _, err := ParseProxies("10.0.0.0/99"); err == nil {
		t.Error("a network that is none is accepted")
	}
}

// Ten thousand identities are counted without Redis; more share one count.
func TestLocal_IsBounded(t *testing.T) {
	var l local
	p := Policy{Name: "p", Limit: 10, Window: time.Hour, Burst: 10}
	now, allowed := time.Now(), 0
	for i := range 2 * maxLocal {
		if l.take(p, strconv.Itoa(i), now).Allowed {
			allowed++
		}
	}
	if len(l.due) > maxLocal+1 || allowed != maxLocal+10 {
		t.Errorf("%d identities, %d allowed", len(l.due), allowed)
	}
	if l.take(p, "late", now.Add(2*time.Hour)); len(l.due) > 2 {
		t.Errorf("%d identities are kept after they said nothing any more", len(l.due))
	}
}
