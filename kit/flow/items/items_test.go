package items_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"testing"

	"fnstore/kit/flow"
	"fnstore/kit/flow/items"
	"fnstore/kit/flow/value"
)

func packed(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

var objects = map[string]string{
	"b/a.json":         `[1,"x",{"id":9007199254740993}]`,
	"b/deep.json":      `{"data":{"list/1":[1,2]}}`,
	"b/a.jsonl":        "{\"a\":1}\n\n{\"a\":2}\n",
	"b/a.csv":          "\ufeffid,name\n1,\"Smith, J\"\n2\n3,c,extra\n",
	"b/given.csv":      "1|x\n2|y\n",
	"b/manifest.json":  `{"sourceBucket":"src","destinationBucket":"arn:aws:s3:::inv","fileFormat":"CSV","fileSchema":"Bucket, Key, Size","files":[{"key":"d/1.csv.gz","size":1},{"key":"d/2.csv.gz","size":1}]}`,
	"inv/d/1.csv.gz":   packed("\"src\",\"k1\",\"10\"\n"),
	"inv/d/2.csv.gz":   packed("\"src\",\"k2\",\"20\"\n\"src\",\"k3\",\"30\"\n"),
	"b/athena.csv":     "s3://out/1.jsonl\ns3://out/2.jsonl\n",
	"out/1.jsonl":      "{\"n\":1}\n",
	"out/2.jsonl":      "{\"n\":2}\n",
	"b/notarray.json":  `{"a":1}`,
	"b/broken.jsonl":   "{\"a\":1}\n{\n",
	"b/manifest2.json": `{"fileFormat":"ORC"}`,
}

func get(bucket, key string) ([]byte, error) {
	s, ok := objects[bucket+"/"+key]
	if !ok {
		return nil, errors.New("no such object")
	}
	return []byte(s), nil
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		key, config string
		most        int
		want        string // "" is an error
	}{
		{"a.json", `{"InputType":"JSON"}`, 0, `[1,"x",{"id":9007199254740993}]`},
		{"a.json", `{"InputType":"JSON"}`, 2, `[1,"x"]`},
		{"deep.json", `{"InputType":"JSON","ItemsPointer":"/data/list~11"}`, 0, `[1,2]`},
		{"a.jsonl", `{"InputType":"JSONL"}`, 0, `[{"a":1},{"a":2}]`},
		{"a.csv", `{"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"}`, 0, `[{"id":"1","name":"Smith, J"},{"id":"2","name":""},{"id":"3","name":"c"}]`},
		{"given.csv", `{"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["id","v"],"CSVDelimiter":"PIPE"}`, 1, `[{"id":"1","v":"x"}]`},
		{"manifest.json", `{"InputType":"MANIFEST"}`, 0, `[{"Bucket":"src","Key":"k1","Size":"10"},{"Bucket":"src","Key":"k2","Size":"20"},{"Bucket":"src","Key":"k3","Size":"30"}]`},
		{"manifest.json", `{"InputType":"MANIFEST","ManifestType":"S3_INVENTORY"}`, 2, `[{"Bucket":"src","Key":"k1","Size":"10"},{"Bucket":"src","Key":"k2","Size":"20"}]`},
		{"athena.csv", `{"InputType":"JSONL","ManifestType":"ATHENA_DATA"}`, 0, `[{"n":1},{"n":2}]`},
		{"notarray.json", `{"InputType":"JSON"}`, 0, ""},
		{"broken.jsonl", `{"InputType":"JSONL"}`, 0, ""},
		{"manifest2.json", `{"InputType":"MANIFEST"}`, 0, ""},
		{"none.json", `{"InputType":"JSON"}`, 0, ""},
		{"a.json", `{"InputType":"PARQUET"}`, 0, ""},
	} {
		config, err := value.Decode([]byte(c.config))
		if err != nil {
			t.Fatal(err)
		}
		got, err := items.Read(flow.ReadItems{Input: value.NewObject("Bucket", "b", "Key", c.key), Config: config, MaxItems: c.most}, get)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s %s gave %s", c.key, c.config, value.Text(got))
			}
			continue
		}
		if err != nil || value.Text(got) != c.want {
			t.Errorf("%s %s gave %s %v\nwant %s", c.key, c.config, value.Text(got), err, c.want)
		}
	}
}

func TestListed(t *testing.T) {
	got := items.Listed([]items.Object{{Key: "a", ETag: "e", StorageClass: "STANDARD", Size: 3, LastModified: 1700000000}, {Key: "b"}}, 1)
	if want := `[{"Etag":"e","Key":"a","LastModified":1700000000,"Size":3,"StorageClass":"STANDARD"}]`; value.Text(got) != want {
		t.Errorf("%s, want %s", value.Text(got), want)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range objects {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(3))
	}
	kinds := []string{"JSON", "JSONL", "CSV", "MANIFEST"}
	f.Fuzz(func(_ *testing.T, body []byte, kind uint8) {
		_, _ = items.Read(flow.ReadItems{Input: value.NewObject("Bucket", "b", "Key", "k"), Config: value.NewObject("InputType", kinds[int(kind)%4])}, func(string, string) ([]byte, error) { return body, nil })
	})
}
