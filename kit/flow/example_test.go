package flow_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"fnstore/kit/flow"
	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/jsonata"
	"fnstore/kit/flow/value"
)

// A run goes on with each event until it waits for the next one. What it wants is
// in the effects; whoever keeps runs carries them out.
func ExampleInterpreter_Step() {
	machine, issues := definition.Parse([]byte(`{"StartAt":"Charge","States":{
		"Charge":{"Type":"Task","Resource":"charge","TimeoutSeconds":10,"End":true}}}`), jsonata.Language{})
	if len(issues) > 0 {
		panic(issues)
	}
	in := &flow.Interpreter{Machine: machine}
	run := flow.New("1", "order-17", value.NewObject("amount", value.Int(100)))
	now, random := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), rand.NewPCG(1, 2)

	effects, err := in.Step(run, flow.Start{}, now, random)
	if err != nil {
		panic(err)
	}
	for _, e := range effects {
		if task, ok := e.(flow.Task); ok {
			fmt.Println("call", task.Resource)
			if _, err := in.Step(run, flow.TaskSucceeded{Token: task.Token, Output: value.NewObject("paid", true)}, now, random); err != nil {
				panic(err)
			}
		}
	}
	fmt.Println(run.Status)
	// Output:
	// call charge
	// SUCCEEDED
}
