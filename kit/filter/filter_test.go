package filter

import (
	"fmt"
	"strings"
	"testing"
)

func TestPolicy_Matches(t *testing.T) {
	for _, c := range []struct{ policy, attributes, want string }{
		{`{"a":["x","y"]}`, `{"a":"y"}`, "yes"},
		{`{"a":["x"]}`, `{"a":"X"}`, "no"},
		{`{"a":["x"]}`, `{}`, "no"},
		{`{"a":["x"],"b":[1]}`, `{"a":"x","b":1.0}`, "yes"},
		{`{"a":["x"],"b":[1]}`, `{"a":"x"}`, "no"},
		{`{"a":[12345678901234567890]}`, `{"a":12345678901234567891}`, "no"},
		{`{"a":[true]}`, `{"a":true}`, "yes"},
		{`{"a":[null]}`, `{"a":null}`, "yes"},
		{`{"a":["1"]}`, `{"a":1}`, "no"},
		{`{"a":[{"prefix":"or"}]}`, `{"a":"order"}`, "yes"},
		{`{"a":[{"suffix":"er"}]}`, `{"a":"order"}`, "yes"},
		{`{"a":[{"equals-ignore-case":"ORDER"}]}`, `{"a":"order"}`, "yes"},
		{`{"a":[{"wildcard":"o*e*"}]}`, `{"a":"order"}`, "yes"},
		{`{"a":[{"wildcard":"ord*der"}]}`, `{"a":"order"}`, "no"},
		{`{"a":[{"cidr":"10.0.0.0/8"}]}`, `{"a":"10.1.2.3"}`, "yes"},
		{`{"a":[{"cidr":"10.0.0.0/8"}]}`, `{"a":"11.1.2.3"}`, "no"},
		{`{"a":[{"exists":true}]}`, `{"a":""}`, "yes"},
		{`{"a":[{"exists":false}]}`, `{"b":1}`, "yes"},
		{`{"a":[{"exists":false}]}`, `{"a":1}`, "no"},
		{`{"a":[{"anything-but":"x"}]}`, `{"a":"y"}`, "yes"},
		{`{"a":[{"anything-but":"x"}]}`, `{}`, "no"},
		{`{"a":[{"anything-but":["x",1]}]}`, `{"a":1}`, "no"},
		{`{"a":[{"anything-but":{"prefix":"x"}}]}`, `{"a":"xy"}`, "no"},
		{`{"a":[{"anything-but":{"suffix":["y","z"]}}]}`, `{"a":"xz"}`, "no"},
		{`{"a":[{"anything-but":["x"]}]}`, `{"a":["y","x"]}`, "no"},
		{`{"a":[{"numeric":["=",3.015e2]}]}`, `{"a":301.5}`, "yes"},
		{`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":5}`, "yes"},
		{`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":0}`, "no"},
		{`{"a":[{"numeric":["<",0]}]}`, `{"a":"-1"}`, "no"},
		{`{"a":["x"]}`, `{"a":["w","x"]}`, "yes"},
		{`{"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"b":"y"}`, "yes"},
		{`{"c":[1],"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"b":"y"}`, "no"},
		{`{"o":{"p":["x"]}}`, `{"o":{"p":"x"}}`, "yes"},
		{`{"o":{"p":["x"]}}`, `{"o":[{"p":"w"},{"p":"x"}]}`, "yes"},
		{`{"o":{"p":[{"exists":false}]}}`, `{}`, "yes"},
		{`{"a":["x"]}`, `[1]`, "no"},
		{`{"a":["x"]}`, `{"a":"x"} {}`, "no"},
	} {
		p, err := Parse([]byte(c.policy))
		if err != nil {
			t.Errorf("%s: %v", c.policy, err)
			continue
		}
		if got := p.MatchesBody([]byte(c.attributes)); got != (c.want == "yes") {
			t.Errorf("%s on %s: %v", c.policy, c.attributes, got)
		}
	}
	if !(Policy{}).Matches(nil) || !(Policy{}).MatchesBody([]byte("text")) {
		t.Error("the zero policy lets everything through")
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, bad := range []string{
		``, `[]`, `{}`, `{"a":"x"}`, `{"a":[]}`, `{"a":[[1]]}`, `{"a":[{"like":"x"}]}`, `{"a":[{"prefix":1}]}`, `{"a":[{"prefix":"x","suffix":"y"}]}`,
		`{"a":[{"numeric":[]}]}`, `{"a":[{"numeric":["~",1]}]}`, `{"a":[{"numeric":["<",1,">",0]}]}`, `{"a":[{"numeric":[">","1"]}]}`, `{"a":[{"cidr":"x"}]}`,
		`{"a":[{"wildcard":"a**"}]}`, `{"a":[{"wildcard":"*a*b*c*"}]}`, `{"a":[{"anything-but":[]}]}`, `{"a":[{"anything-but":null}]}`, `{"a":[{"exists":"yes"}]}`,
		`{"$or":[{"a":[1]}]}`, `{"$or":[1,2]}`, `{"a":[1e999999999]}`, `{"a":["x"]} x`,
		`{"a":["` + strings.Repeat("x", MaxBytes) + `"]}`,
		strings.Repeat(`{"a":`, 9) + `["x"]` + strings.Repeat("}", 9),
		fmt.Sprintf(`{"a":[1%s],"b":[1%s]}`, strings.Repeat(",1", 12), strings.Repeat(",1", 12)),
	} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%.80s was accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":["x",{"prefix":"y"}],"$or":[{"b":[1]},{"c":[{"numeric":[">",0]}]}]}`), []byte(`{"a":"x","b":1}`))
	f.Fuzz(func(t *testing.T, policy, body []byte) {
		p, err := Parse(policy)
		if err != nil {
			return
		}
		p.MatchesBody(body)
	})
}

func ExampleParse() {
	p, _ := Parse([]byte(`{"type": ["order_placed"], "total": [{"numeric": [">", 100]}]}`))
	fmt.Println(p.Matches(map[string]any{"type": "order_placed", "total": 250}))
	fmt.Println(p.Matches(map[string]any{"type": "order_placed", "total": 10}))
	// Output:
	// true
	// false
}
