package jsonata_test

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"fnstore/kit/flow/jsonata"
)

// greedy are expressions that would take all memory, or all time.
var greedy = map[string]string{
	"a range":                        "[1..9999999]",
	"a range in a range":             "[1..9999].([1..9999])",
	"a sum of ranges":                "$sum([1..9999999].($sum([1..9999999])))",
	"many ranges":                    "[" + strings.Repeat("[1..9999999],", 50) + "1]",
	"a product of arrays":            "($r := [1..5000]; $r.($r.($r)))",
	"a string that doubles":          "($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('x', 60))",
	"a string that doubles in line":  "($a := 'xxxxxxxx'; " + strings.Repeat("$a := $a & $a;", 60) + " $length($a))",
	"a string by $reduce":            "$reduce([1..60], function($s, $i) { $s & $s }, 'x')",
	"an array that doubles":          "$reduce([1..60], function($s, $i) { $append($s, $s) }, [1])",
	"$join":                          "($s := $pad('', 9999); $join([1..9999].($s), $s))",
	"$replace":                       "($s := $pad('', 9999, 'a'); $t := $replace($s, 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'); $replace($t, 'a', $t))",
	"$replace of a pattern":          "($s := $pad('', 9999, 'a'); $t := $replace($s, /a/, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'); $replace($t, /a/, $t))",
	"recursion at the end":           "($f := function($n) { $f($n + 1) }; $f(1))",
	"two that recur":                 "($f := function($n) { $g($n) }; $g := function($n) { $f($n) }; $f(1))",
	"recursion":                      "($f := function($n) { 1 + $f($n + 1) }; $f(1))",
	"recursion that branches":        "($f := function($n) { $n = 0 ? 1 : $f($n - 1) + $f($n - 1) }; $f(90))",
	"a long body that recurs":        "($f := function($n) { $f($n - 1)" + strings.Repeat("+1", 40_000) + " }; $f(1))",
	"a value that holds itself":      "$reduce([1..60], function($a, $i) { {'a': $a, 'b': $a} }, 1)",
	"text of one that holds itself":  "$length($string($reduce([1..60], function($a, $i) { {'a': $a, 'b': $a} }, 1)))",
	"text of arrays":                 "$length($string($reduce([1..60], function($a, $i) { [[$a], [$a]] }, 1)))",
	"a sum of one that holds itself": "$sum($flatten($reduce([1..60], function($a, $i) { [[$a], [$a]] }, 1)))",
	"Roman numbers":                  "$length($formatInteger(999999999999, 'I'))",
	"$zip":                           "($a := [1..99999]; $zip(" + strings.Repeat("$a,", 5000) + "$a))",
	"$distinct":                      "$count($distinct([1..20000].{'a': $}))",
	"all pairs":                      "($a := [1..5000]; $count($a.($x := $; $a[$ = $x])))",
	"$map in $map":                   "$map([1..9999], function($a) { $map([1..9999], function($b) { $a * $b }) })",
}

// hungry are those of greedy that fill memory before they end, which takes a
// second each. Others of their kind run with CHAOS=full only.
var hungry = []string{"a range in a range", "a sum of ranges", "many ranges", "a product of arrays", "a string that doubles", "a string by $reduce", "an array that doubles", "$zip"}

func TestEval_Bounded(t *testing.T) {
	for name, source := range greedy {
		if slices.Contains(hungry, name) && os.Getenv("CHAOS") != "full" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			x, err := jsonata.Language{}.Compile(source)
			if err != nil {
				if strings.Contains(name, "long body") {
					return
				}
				t.Fatal(err)
			}
			debug.FreeOSMemory()
			most := heap()
			begin := time.Now()
			ended := make(chan struct{})
			grown := make(chan uint64)
			go func() {
				first := most
				for {
					select {
					case <-ended:
						grown <- most - first
						return
					default:
						most = max(most, heap())
						time.Sleep(time.Millisecond)
					}
				}
			}()
			_, err = x.Eval(env(t, `{}`))
			close(ended)
			n := <-grown
			if err == nil {
				t.Error("there is a result")
			} else if !errors.Is(err, jsonata.ErrLimit) && !strings.Contains(err.Error(), "depth 100") {
				t.Errorf("another error: %v", err)
			}
			if n > 1<<30 {
				t.Errorf("the heap grew by %d MiB", n>>20)
			}
			t.Logf("%v, %d MiB, %v", err, n>>20, time.Since(begin))
			runtime.GC()
		})
	}
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
