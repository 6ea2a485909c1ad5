package express

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// othersLive has a client call that has no part in what goes wrong.
func (r *rig) othersLive() {
	r.t.Helper()
	c := r.dial()
	c.say(post("/echo", "others live"))
	c.hears(200, "/echoothers live")
	_ = c.Close()
}

// Its own client is what a panic costs. The rig sees that each call ends once.
func TestACarrierThatPanicsLosesOneClient(t *testing.T) {
	for _, where := range []string{"begin", "request", "socket", "until", "answer"} {
		t.Run(where, func(t *testing.T) {
			r := open(t)
			c := r.dial()
			c.say(get("/echo?panic-" + where))
			c.ends()
			r.othersLive()
			r.do(func() {
				if r.calling.head != nil || r.waiting.head != nil {
					t.Error("something is under way still")
				}
			})
		})
	}
}

// The request behind one that was answered is begun while the function's event
// is dealt with.
func TestACarrierThatPanicsLaterLosesItsClientToo(t *testing.T) {
	for _, where := range []string{"begin", "request", "until", "answer"} {
		for name, last := range map[string]string{"kept": "", "closed": "Connection: close\r\n"} {
			t.Run(where+" "+name, func(t *testing.T) {
				r := open(t)
				r.function("first", func(f *far) {
					f.hear()
					f.say("HTTP/1.1 200 OK\r\n" + last + "Content-Length: 5\r\n\r\nfirst")
					f.hear()
				})
				c := r.dial()
				c.say(get("/first") + get("/echo?panic-"+where))
				c.hears(200, "first")
				r.pass()
				c.say(get("/echo/third")) // has no answer, which would be taken for the second one's
				c.ends()
				r.othersLive()
			})
		}
	}
}

// What happens at the end of a call must not end the process, so it is another
// one where that is tried.
func TestACallThatPanicsAtItsEndLosesOneClient(t *testing.T) {
	const name = "EXPRESS_PANICS"
	if how := os.Getenv(name); how != "" {
		r := open(t)
		heard := make(chan struct{})
		r.function("silent", func(f *far) { f.hear(); close(heard); f.hear() })
		c := r.dial()
		switch how {
		case "answered":
			c.say(get("/echo?panic-end"))
			_, _ = c.in.ReadByte() // the answer or the end
		case "gone":
			c.say(get("/silent?panic-end"))
			r.wait("the request", heard)
			_ = c.Close()
			r.end(gone)
		case "closed":
			c.say(get("/silent?panic-end"))
			r.wait("the request", heard)
			r.Close()
			return
		}
		r.othersLive()
		return
	}
	for _, how := range []string{"answered", "gone", "closed"} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestACallThatPanicsAtItsEndLosesOneClient$")
			cmd.Env = append(os.Environ(), name+"="+how, "GORACE=atexit_sleep_ms=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				lines := strings.Split(strings.TrimSpace(string(out)), "\n")
				t.Errorf("%v\n%s\n…\n%s", err, strings.Join(lines[:min(20, len(lines))], "\n"), lines[len(lines)-1])
			}
		})
	}
}
