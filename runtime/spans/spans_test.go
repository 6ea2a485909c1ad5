package spans

import (
	"reflect"
	"testing"
	"time"

	"fnstore/kit/trace"
)

// What a call waited for and what the function took are steps within the call.
func TestParts_OfACall(t *testing.T) {
	at := time.Now()
	s := Span{Context: trace.New(), Kind: Call, Start: at, Took: 100 * time.Millisecond, Held: 60 * time.Millisecond, Woke: true,
		Own: 20 * time.Millisecond, Answered: 90 * time.Millisecond, Status: 200}
	list := s.Parts()
	if len(list) != 3 || list[1].Kind != Start || list[1].Took != s.Held || list[2].Kind != Function || !list[2].Start.Equal(at.Add(70*time.Millisecond)) {
		t.Fatalf("%+v", list)
	}
	for _, p := range list[1:] {
		if p.Parent != s.Span || p.Span == s.Span || p.Trace != s.Trace {
			t.Errorf("%+v is no part of %+v", p, s)
		}
	}
	if again := s.Parts(); !reflect.DeepEqual(again, list) {
		t.Error("its parts have other ids the next time")
	}
	if list := (Span{Kind: Call, Held: 10 * time.Microsecond}).Parts(); len(list) != 1 {
		t.Errorf("choosing a replica is a step: %+v", list)
	}
}

// Quick calls that went well push out each other and nothing else.
func TestRing_IsBoundedAndKeepsWhatIsNotable(t *testing.T) {
	var r Ring
	failed := Span{Context: trace.New(), Kind: Call, CallID: "failed", Status: 502}
	r.Record(failed)
	for range 3 * Keep {
		r.Record(Span{Context: trace.New(), Kind: Call, CallID: "quick", Status: 200})
	}
	if ids := r.Traces("failed"); len(ids) != 1 || ids[0] != failed.Trace {
		t.Errorf("the failed call: %v", ids)
	}
	if n := len(r.Find(func(*Span) bool { return true })); n != Keep+1 {
		t.Errorf("%d steps", n)
	}
}

// A step has these fields. Another one that holds text is a way for what people
// sent to get into traces: whoever adds one says here why it cannot.
//
// Seed: B22
func TestSpan_HasNoPlaceForWhatPeopleSend(t *testing.T) {
	allowed := map[string]string{
		"Kind": "a word of ours", "CallID": "[A-Za-z0-9-]{1,64}", "Function": "the name of a function that is deployed",
		"Code": "a word of ours or of a function", "Verdict": "a word of ours", "Source": "a word of ours",
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Span]()) {
		switch f.Type.Kind() {
		case reflect.String:
			if allowed[f.Name] == "" {
				t.Errorf("%s may hold any text", f.Name)
			}
		case reflect.Map, reflect.Slice, reflect.Interface, reflect.Pointer:
			t.Errorf("%s may hold anything", f.Name)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	var r Ring
	s := Span{Context: trace.New(), Kind: Call, CallID: "0af7651916cd43dd8448eb211c80319c", Function: "hello", Start: time.Now(), Status: 200}
	b.ReportAllocs()
	for b.Loop() {
		r.Record(s)
	}
}
