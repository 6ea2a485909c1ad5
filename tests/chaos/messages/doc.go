// Package messages breaks a queue and everything around it while messages go
// through, and compares what was promised with what happened: nothing that was
// accepted is lost, no effect happens twice, groups stay in order. CHAOS=full, or
// make chaos, sends 100,000 messages through 320 faults; CHAOS_SEED=n chooses the
// faults of an earlier run.
// It does not know how the queue works: it sees calls, effects and dead letters.
package messages
