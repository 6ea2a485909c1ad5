// Package failpoint ends the process at named steps, as a power cut would, in
// binaries that are built with the tag failpoint. In all others it does nothing
// and is compiled to nothing. It does not know what the steps mean.
//
// CHAOS_FAILPOINT names the step at which such a process ends, the first time
// that it comes there.
package failpoint

// The steps of a message's way.
const (
	Inserted = "inserted" // the message is committed, its sender does not know yet
	Leased   = "leased"   // leased, not called yet
	Answered = "answered" // the function has answered, nothing is written
	Finished = "finished" // the outcome is committed, the worker does not know yet
	Burying  = "burying"  // a dead letter is written and not committed
	Resent   = "resent"   // a page of dead letters is sent again and not committed
)
