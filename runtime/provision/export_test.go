package provision

import (
	"context"
	"time"
)

// Retire ends the passwords before, as if their time were over.
func (s *Set) Retire(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retire(ctx, time.Now().Add(Overlap))
}
