package lease

// The statements whose plans the tests look at.
var (
	ClaimSQL   = claimSQL
	FinishSQL  = finishSQL
	ForeseeSQL = foreseeSQL
)
