package express

import "time"

// do runs a function on the loop's thread, which may look at what is its own.
// Whatever happened before is known to the loop by then.
func (r *rig) do(f func()) {
	r.t.Helper()
	done := make(chan struct{})
	r.inside <- func() { f(); close(done) }
	c := r.dial()
	c.say(get("/inside"))
	c.hears(503, "")
	r.wait("what is to be done", done)
	_ = c.Close()
}

// pass waits until the loop has seen what happened before.
func (r *rig) pass() { r.t.Helper(); r.do(func() {}) }

// hold stops the loop until it is let go.
func (r *rig) hold() (release func()) {
	held, let := make(chan struct{}), make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.do(func() { close(held); <-let })
	}()
	r.wait("the loop's being held", held)
	return func() { close(let); <-over }
}

// tick waits until the loop's clock has gone on.
func (r *rig) tick() {
	r.t.Helper()
	c := r.dial()
	c.say("POST /tick HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nin time")
	r.wait("a tick", r.ticked)
	_ = c.Close()
}

func (r *rig) wait(what string, event <-chan struct{}) {
	r.t.Helper()
	select {
	case <-event:
	case <-time.After(patient):
		r.t.Fatalf("%s does not come", what)
	}
}

// end waits for a call's end.
func (r *rig) end(status int) {
	r.t.Helper()
	select {
	case got := <-r.ended:
		if got != status {
			r.t.Fatalf("the call ended with %d, want %d", got, status)
		}
	case <-time.After(patient):
		r.t.Fatal("the call does not end")
	}
}

// rest waits for what leaves.
func (r *rig) rest() Rest {
	r.t.Helper()
	select {
	case rest := <-r.rests:
		r.t.Cleanup(func() { _ = rest.Conn.Close() })
		_ = rest.Conn.SetDeadline(time.Now().Add(patient))
		return rest
	case <-time.After(patient):
		r.t.Fatal("nothing leaves")
	}
	return Rest{}
}

// done ends what has left.
func done(r Rest) {
	_ = r.Conn.Close()
	if r.Begun != nil {
		r.Begun.Close()
	}
}
