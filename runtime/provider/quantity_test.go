package provider

import (
	"math"
	"testing"
)

// Seed: R25
func TestQuantity_QuantitiesAreThoseOfKubernetes(t *testing.T) {
	for s, want := range map[string]int64{
		"64Mi": 64 << 20, "256Mi": 256 << 20, "1Gi": 1 << 30, "1.5Gi": 3 << 29, "128974848": 128974848, "129M": 129e6,
		"1k": 1000, "1e3": 1000, "1E3": 1000, "2E": 2e18, "0.1": 1, "100m": 1, "1n": 1, "0": 0, "0001": 1, ".5k": 500, "5.": 5, "1e-2": 1, "12e+2": 1200,
	} {
		if got, err := quantity(s, 1); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", s, got, err, want)
		}
	}
	for s, want := range map[string]int64{"500m": 500, "1": 1000, "1.5": 1500, "0.0001": 1, "1000m": 1000} {
		if got, err := quantity(s, 1000); err != nil || got != want {
			t.Errorf("%q of a thousand: %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", ".", "Mi", "-1", "+1", "1 Mi", "1MB", "1mi", "1K", "1..2", "1.2.3", "1e", "1e99", "1e1000", "0x10", "1_000", "99E", "16Ei", "1/2", "inf", "١"} {
		if got, err := quantity(s, 1); err == nil {
			t.Errorf("%q: %d", s, got)
		}
	}
}

func FuzzQuantity(f *testing.F) {
	for _, s := range []string{"64Mi", "1.5", "500m", "1e3", "1E", "", "9223372036854775807", "0.000000000001n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		one, err := quantity(s, 1)
		if err != nil {
			return
		}
		if one < 0 {
			t.Errorf("%q is %d", s, one)
		}
		if many, err := quantity(s, 1000); err == nil && (many < one || one < math.MaxInt64/1000 && many > one*1000) {
			t.Errorf("%q is %d, and %d of a thousand", s, one, many)
		}
	})
}
