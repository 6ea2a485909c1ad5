package jsonata

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/recolabs/gnata"
)

// builtins is where the evaluator keeps its own functions. Their types are
// internal to it, so functions are made from them by reflection: those that it
// offers to make lose the order of members of objects.
var builtins = gnata.NewCustomEnv(nil)

func builtin(name string) reflect.Value {
	f, ok := builtins.Lookup(name)
	if !ok {
		panic("the evaluator has no function $" + name)
	}
	return reflect.ValueOf(f)
}

var plain = builtin("join").Type()

// own is a function of ours as the evaluator has them.
func own(f func(args []any, focus any) (any, error)) any {
	return reflect.ValueOf(f).Convert(plain).Interface()
}

// guarded is one of the evaluator's functions after a check of its arguments.
func guarded(name string, check func(args []any) error) any {
	f := builtin(name)
	return reflect.MakeFunc(f.Type(), func(in []reflect.Value) []reflect.Value {
		args, _ := in[0].Interface().([]any)
		if err := check(args); err != nil {
			return []reflect.Value{reflect.Zero(f.Type().Out(0)), reflect.ValueOf(&err).Elem()}
		}
		return f.Call(in)
	}).Interface()
}

// checks are for functions that do more in one call than their arguments are
// large, or that walk through all of a value.
var checks = map[string]func(*meter, []any) error{
	"join":          checkJoin,
	"replace":       checkReplace,
	"zip":           checkZip,
	"distinct":      checkDistinct,
	"formatInteger": checkRoman,
	"string":        weighAll,
	"flatten":       weighAll,
	"boolean":       weighAll,
	"not":           weighAll,
	"append":        countAll,
	"reverse":       countAll,
	"shuffle":       countAll,
	"split":         countAll,
	"merge":         countAll,
	"spread":        countAll,
	"keys":          countAll,
	"values":        countAll,
}

func weighAll(m *meter, args []any) error {
	for _, v := range args {
		if _, err := m.weigh(v); err != nil {
			return err
		}
	}
	return nil
}

// countAll counts the elements of arrays, and the bytes of strings.
func countAll(m *meter, args []any) error {
	n := 0
	for _, v := range args {
		s, _ := v.(string)
		n += len(elements(v)) + len(s)
	}
	return m.spend(n / 64)
}

func checkLength(n int) error {
	if n < 0 || n > MaxResult {
		return limit("a string would be longer than %d bytes", MaxResult)
	}
	return nil
}

func checkJoin(m *meter, args []any) error {
	if len(args) == 0 {
		return nil
	}
	list, n := elements(args[0]), 0
	if len(args) > 1 {
		separator, _ := args[1].(string)
		n = len(separator) * len(list)
	}
	for _, v := range list {
		s, _ := v.(string)
		n += len(s)
	}
	if err := checkLength(n); err != nil {
		return err
	}
	return m.spend(n / 64)
}

func checkReplace(m *meter, args []any) error {
	if len(args) < 3 {
		return nil
	}
	s, _ := args[0].(string)
	replacement, _ := args[2].(string)
	if pattern, ok := args[1].(string); ok && pattern != "" {
		n := len(s) + strings.Count(s, pattern)*len(replacement)
		if err := checkLength(n); err != nil {
			return err
		}
		return m.spend(n / 64)
	}
	// a regular expression can match at each byte, and $1 can stand for all
	if len(s)*len(replacement) > MaxMemory/4 {
		return limit("$replace of %d bytes by %d bytes", len(s), len(replacement))
	}
	return m.spend(len(s) / 16)
}

func checkZip(m *meter, args []any) error {
	least := -1
	for _, v := range args {
		if n := len(elements(v)); least < 0 || n < least {
			least = n
		}
	}
	return m.spend(max(0, least) * len(args) / 16)
}

func checkDistinct(m *meter, args []any) error {
	if len(args) == 0 {
		return nil
	}
	n := 0 // each of these is compared with all others
	for _, v := range elements(args[0]) {
		switch v.(type) {
		case string, float64, bool, fmt.Stringer:
		default:
			n++
		}
	}
	used, err := m.weigh(args[0])
	if err != nil {
		return err
	}
	return m.spend(n * used / 2048)
}

// checkRoman keeps Roman numbers short: each thousand is a letter.
func checkRoman(_ *meter, args []any) error {
	if len(args) < 2 {
		return nil
	}
	n, _ := number(args[0])
	picture, _ := args[1].(string)
	if strings.ContainsAny(picture, "iI") && (n > 1e6 || n < -1e6) {
		return limit("%v as a Roman number", n)
	}
	return nil
}
