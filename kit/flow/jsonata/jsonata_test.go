package jsonata_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"fnstore/kit/flow/jsonata"
	"fnstore/kit/flow/query"
	"fnstore/kit/flow/value"
)

func env(t testing.TB, input string) query.Env {
	t.Helper()
	v, err := value.Decode([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return query.Env{States: value.NewObject("input", v), Variables: value.NewObject("v", value.Int(7)), Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Random: rand.New(rand.NewPCG(1, 2))}
}

func TestJsonata_Eval(t *testing.T) {
	for source, want := range map[string]string{
		"$states.input":                        `{"b":1,"a":[100.10,9007199254740993]}`,
		"$v + 1":                               "8",
		"$states.input.a[1]":                   "9007199254740993",
		"$map($states.input.a, $string)":       `["100.10","9007199254740993"]`,
		"$millis()":                            "1767225600000",
		"$random() < 1 and $length($uuid())>0": "true",
		"$states.input.{'k': b, 'j': null}":    `{"k":1,"j":null}`,
		"$range(0, 4, 2)":                      "[0,2,4]",
	} {
		x, err := jsonata.Language{}.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := x.Eval(env(t, `{"b":1,"a":[100.10,9007199254740993]}`))
		if err != nil || value.Text(got) != want {
			t.Errorf("%s gave %s %v, want %s", source, value.Text(got), err, want)
		}
	}
}

func TestEval_Ends(t *testing.T) {
	for _, source := range []string{"$states.input.nothing", "function($x) { $x }", "1 / 'a'", "$range(1, 5000, 1)", "($f := function($n) { 1 + $f($n) }; $f(1))"} {
		x, err := jsonata.Language{}.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got, err := x.Eval(env(t, `{}`))
		if err == nil {
			t.Errorf("%s gave %s", source, value.Text(got))
		}
		if undefined := errors.Is(err, query.ErrUndefined); undefined != (source == "$states.input.nothing") {
			t.Errorf("%s: %v", source, err)
		}
	}
	for _, source := range []string{"", "$eval('1')", "1 +", strings.Repeat("(", 5000)} {
		if _, err := (jsonata.Language{}).Compile(source); err == nil {
			t.Errorf("%.20q is taken", source)
		}
	}
}

func FuzzEval(f *testing.F) {
	for _, s := range []string{"$states.input.a", "$sum([1..5])", "{'a': $v}", "$map($states.input, function($x) { $x })", "a[0].b ~> $string", "/a+/ in 'x'", "$states.input.**"} {
		f.Add(s)
	}
	for _, name := range []string{"$join", "$replace of a pattern", "two that recur", "a value that holds itself", "text of arrays", "recursion"} {
		f.Add(greedy[name])
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 500 {
			return
		}
		if x, err := (jsonata.Language{}).Compile(source); err == nil {
			_, _ = x.Eval(env(t, `{"a":[{"b":1}]}`))
		}
	})
}
