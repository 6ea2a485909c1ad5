package image

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fnstore/kit/fault"
)

// age makes an unpacked image look as if nobody had asked for it for an hour.
func age(t *testing.T, u Unpacked) {
	t.Helper()
	then := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Dir(u.Binary), then, then); err != nil {
		t.Fatal(err)
	}
}

func TestSweep_LeavesWhatIsWanted(t *testing.T) {
	host, _ := serve(t)
	dir := filepath.Join(t.TempDir(), "unpacked")
	if n, size, err := Sweep(dir, nil, 0, 10); n != 0 || size != 0 || err != nil {
		t.Errorf("of a folder that is not there: %d, %d, %v", n, size, err)
	}
	var all []Unpacked
	var refs []string
	for _, name := range []string{"kept", "young", "asked", "old"} {
		img := imageOf(t, entrypoint("/"+name), layer(t, file{name: name, text: program(t)}))
		u, err := Unpack(t.Context(), pushed(t, host, img), dir)
		if err != nil {
			t.Fatal(err)
		}
		all, refs = append(all, u), append(refs, host+"/made/by-hand@"+u.Digest)
		if name != "young" {
			age(t, u)
		}
	}
	if _, err := Unpack(t.Context(), refs[2], dir); err != nil { // who asks is about to run it
		t.Fatal(err)
	}
	half := filepath.Join(dir, ".new-killed") // what a killed store left
	write(t, filepath.Join(half, "handler"), "x")
	age(t, Unpacked{Binary: filepath.Join(half, "handler")})
	keep := map[string]bool{all[0].Digest: true}
	if n, _, err := Sweep(dir, keep, time.Minute, 0); n != 0 || err != nil {
		t.Errorf("%d were removed, and none might be: %v", n, err)
	}
	n, size, err := Sweep(dir, keep, time.Minute, 10)
	if err != nil || n != 2 || size < int64(len(program(t))) {
		t.Errorf("%d were removed with %d bytes, want the old one and the half: %v", n, size, err)
	}
	for i, u := range all {
		if _, err := os.Stat(u.Binary); (err == nil) != (i < 3) {
			t.Errorf("image %d: %v", i, err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 3 {
		t.Errorf("left %v", left)
	}
	// The registry has it still.
	if _, err := Unpack(t.Context(), refs[3], dir); err != nil {
		t.Error(err)
	}
}

// An old image is asked for at the moment when it is swept: who gets it can run
// it, be it the one that was there or another that was fetched.
func TestSweep_WhileUnpacking(t *testing.T) {
	host, _ := serve(t)
	dir := t.TempDir()
	ref := pushed(t, host, imageOf(t, entrypoint("/app"), layer(t, file{name: "app", text: program(t)})))
	u, err := Unpack(t.Context(), ref, dir)
	if err != nil {
		t.Fatal(err)
	}
	swept := 0
	for range 100 {
		age(t, u)
		var both sync.WaitGroup
		both.Go(func() {
			n, _, err := Sweep(dir, nil, time.Minute, 10)
			if err != nil {
				t.Error(err)
			}
			swept += n
		})
		both.Go(func() {
			if _, err := Unpack(t.Context(), host+"/made/by-hand@"+u.Digest, dir); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if _, err := os.Stat(u.Binary); err != nil {
			t.Fatalf("it was given out, and it is not there: %v", err)
		}
	}
	t.Logf("swept %d times of 100", swept)
}

// Why an image cannot be had is for the client to read.
func TestSweep_AnImageThatIsNowhere(t *testing.T) {
	host, _ := serve(t)
	dir := t.TempDir()
	none := "@sha256:" + strings.Repeat("a", 64)
	for ref, code := range map[string]string{
		host + "/made/nothing:v1":     "image_missing",
		host + "/made/by-hand" + none: "image_missing",
		"127.0.0.1:1/nobody:v1":       "registry_unreachable",
		"127.0.0.1:1/nobody" + none:   "registry_unreachable",
		"UPPER CASE":                  "image_unfit",
	} {
		_, err := Unpack(t.Context(), ref, dir)
		if f := fault.Of(err); f.Code != code || !strings.Contains(f.Detail, ref) {
			t.Errorf("%s: %+v, want %s", ref, f, code)
		}
	}
}
