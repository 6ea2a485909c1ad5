package provider

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// suffixes of a Kubernetes quantity (k8s.io/apimachinery, resource.Quantity).
var suffixes = map[string]*big.Rat{
	"n": big.NewRat(1, 1e9), "u": big.NewRat(1, 1e6), "m": big.NewRat(1, 1e3), "": big.NewRat(1, 1),
	"k": big.NewRat(1e3, 1), "M": big.NewRat(1e6, 1), "G": big.NewRat(1e9, 1), "T": big.NewRat(1e12, 1), "P": big.NewRat(1e15, 1), "E": big.NewRat(1e18, 1),
	"Ki": big.NewRat(1<<10, 1), "Mi": big.NewRat(1<<20, 1), "Gi": big.NewRat(1<<30, 1), "Ti": big.NewRat(1<<40, 1), "Pi": big.NewRat(1<<50, 1), "Ei": big.NewRat(1<<60, 1),
}

// quantity reads what Kubernetes writes as an amount, such as 64Mi, 1.5G, 500m
// or 1e3, times unit, rounded up.
func quantity(s string, unit int64) (int64, error) {
	bad := fmt.Errorf("%q is not an amount such as 64Mi or 500m", s)
	if len(s) > 32 {
		return 0, bad
	}
	digits := strings.TrimLeft(s, "0123456789.")
	number, suffix := s[:len(s)-len(digits)], digits
	if number == "" || number == "." || strings.Count(number, ".") > 1 {
		return 0, bad
	}
	factor, ok := suffixes[suffix]
	if !ok {
		if suffix[0] != 'e' && suffix[0] != 'E' {
			return 0, bad
		}
		exp, err := strconv.ParseInt(suffix[1:], 10, 8)
		if err != nil || exp < -24 || exp > 24 {
			return 0, bad
		}
		factor, _ = new(big.Rat).SetString("1e" + strconv.FormatInt(exp, 10))
	}
	n, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, bad
	}
	n.Mul(n, factor).Mul(n, big.NewRat(unit, 1))
	up := new(big.Int).Add(n.Num(), new(big.Int).Sub(n.Denom(), big.NewInt(1)))
	up.Quo(up, n.Denom())
	if !up.IsInt64() {
		return 0, fmt.Errorf("%q is too much", s)
	}
	return up.Int64(), nil
}
