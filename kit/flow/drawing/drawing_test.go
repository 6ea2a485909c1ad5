package drawing_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/drawing"
)

func machine(t *testing.T, text []byte) *definition.Machine {
	t.Helper()
	m, issues := definition.Parse(text, nil)
	if m == nil {
		t.Fatal(issues.Err())
	}
	return m
}

// Every state and every arrow is in the drawings, and the picture is XML.
//
// Seed: R73
func TestDrawing_HasEveryState(t *testing.T) {
	order, err := os.ReadFile("../testdata/order.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	const nested = `{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"A <&\">","States":{"A <&\">":{"Type":"Pass","End":true}}},
		{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}},"End":true}}}],"Next":"C"},
		"C":{"Type":"Choice","Choices":[{"Variable":"$.a","IsPresent":true,"Next":"P"}],"Default":"F"},"F":{"Type":"Fail"}}}`
	for name, text := range map[string][]byte{"order": order, "nested": []byte(nested)} {
		m := machine(t, text)
		mermaid, svg := drawing.Mermaid(m), drawing.SVG(m)
		states, arrows := 0, 0
		m.Walk(func(_ *definition.Machine, s *definition.State) {
			states++
			arrows += len(s.Catch) + len(s.Choices)
			if s.Next != "" {
				arrows++
			}
			if s.Default != "" {
				arrows++
			}
		})
		if got := strings.Count(svg, "<title>"); got != states {
			t.Errorf("%s: %d of %d states are in the picture", name, got, states)
		}
		if got := strings.Count(svg, `marker-end="url(#tip)"`); got != arrows {
			t.Errorf("%s: %d of %d arrows are in the picture", name, got, arrows)
		}
		if got := strings.Count(mermaid, "-->") + strings.Count(mermaid, "-.->"); got < arrows {
			t.Errorf("%s: %d of %d arrows are in the Mermaid text:\n%s", name, got, arrows, mermaid)
		}
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: the picture is no XML: %v", name, err)
			}
		}
	}
}
