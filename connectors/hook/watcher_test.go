package hook

import "testing"

func TestWatcher_Wants(t *testing.T) {
	w, err := WatcherOf(Function{Name: "f", Annotations: map[string]string{
		AnnotationWatch: "data/in/, other", AnnotationSuffix: ".csv, .json", AnnotationWrite: "data/in/done/", AnnotationEvents: "ObjectCreated:*, ObjectRemoved:Delete"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    Object
		want bool
	}{
		{Object{Event: "ObjectCreated:Put", Bucket: "data", Key: "in/a.csv"}, true},
		{Object{Event: "ObjectCreated:Copy", Bucket: "other", Key: "a.json"}, true},
		{Object{Event: "ObjectCreated:Put", Bucket: "data", Key: "in/a.txt"}, false},
		{Object{Event: "ObjectCreated:Put", Bucket: "data", Key: "out/a.csv"}, false},
		{Object{Event: "ObjectCreated:Put", Bucket: "data", Key: "in/done/a.csv"}, false},
		{Object{Event: "ObjectRemoved:Delete", Bucket: "data", Key: "in/a.csv"}, true},
		{Object{Event: "ObjectRemoved:DeleteMarkerCreated", Bucket: "data", Key: "in/a.csv"}, false},
		{Object{Event: "ObjectCreated:Put", Bucket: "data", Key: "in/a.csv", Hops: MaxHops}, true},
		{Object{Event: "ObjectCreated:Put", Bucket: "data", Key: "in/a.csv", Hops: MaxHops + 1}, false},
	} {
		if got := w.Wants(c.o); got != c.want {
			t.Errorf("%+v: %v", c.o, got)
		}
	}
	for name, annotations := range map[string]map[string]string{
		"calls itself": {AnnotationWatch: "data/in/", AnnotationWrite: "data"},
		"an event":     {AnnotationWatch: "data", AnnotationEvents: "ObjectAccessed:Get"},
		"a star":       {AnnotationWatch: "data", AnnotationEvents: "ObjectCreated:*Put"},
		"a place":      {AnnotationWatch: "Data"},
	} {
		if w, err := WatcherOf(Function{Name: "f", Annotations: annotations}); err == nil {
			t.Errorf("%s: %+v", name, w)
		}
	}
}
