package function

import "testing"

func TestRunsInTheBuild(t *testing.T) {}
