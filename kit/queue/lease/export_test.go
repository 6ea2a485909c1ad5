package lease

import "time"

// The statements whose plans the tests look at.
var (
	ClaimSQL   = claimSQL
	FinishSQL  = finishSQL
	ForeseeSQL = foreseeSQL
)

// Mark is where the next claim of the function's messages begins to read.
func (q *Queue) Mark(fn string) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.marks.from(fn, time.Now())
}
