package registry

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestCollect_LeavesWhatIsNeeded(t *testing.T) {
	g, host := open(t, t.TempDir())
	old, kept, tagged := image(t), image(t), image(t)
	for _, img := range []v1.Image{old, kept, tagged} { // each takes the tag of the one before
		if err := remote.Write(ref(t, host+"/a:dev"), img); err != nil {
			t.Fatal(err)
		}
	}
	idx, err := random.Index(1000, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref(t, host+"/a:multi"), idx); err != nil {
		t.Fatal(err)
	}
	send(t, "POST", "http://"+host+"/v2/a/blobs/uploads/?digest="+digestOf("orphan"), "", "orphan")
	keep, _ := kept.Digest()
	if c, err := g.Collect(); err != nil || c != (Collected{}) {
		t.Fatalf("within the grace: got %+v, %v", c, err)
	}
	g.Grace = 0
	c, err := g.Collect(keep.String())
	if err != nil {
		t.Fatal(err)
	}
	// The old image: manifest, config and three layers; and the orphan.
	if c.Manifests != 1 || c.Blobs != 6 {
		t.Errorf("got %+v", c)
	}
	pull(t, ref(t, host+"/a:dev"))
	pull(t, ref(t, host+"/a@"+keep.String()))
	got, err := remote.Index(ref(t, host+"/a:multi"))
	if err != nil {
		t.Fatal(err)
	}
	wholeIndex(t, got)
	gone, _ := old.Digest()
	if _, err := remote.Head(ref(t, host+"/a@"+gone.String())); err == nil {
		t.Error("the old image is still there")
	}
}

// Pushes while Collect runs with hardly any grace: a push may be told to begin
// again, but a manifest that was accepted can be pulled.
func TestCollect_WhilePushing(t *testing.T) {
	g, host := open(t, t.TempDir())
	g.Grace = 50 * time.Millisecond // short enough to take what a slow push still needs
	stop := make(chan struct{})
	var sweeper sync.WaitGroup
	sweeper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := g.Collect(); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	var pushers sync.WaitGroup
	for i := range 4 {
		pushers.Go(func() {
			for range 5 {
				r := ref(t, fmt.Sprintf("%s/p%d:dev", host, i))
				img, err := random.Image(1000, 2)
				if err != nil {
					t.Error(err)
					return
				}
				for try := 0; ; try++ {
					if err = remote.Write(r, img); err == nil {
						break
					}
					if !strings.Contains(err.Error(), "_UNKNOWN") || try == 10_000 {
						t.Error(err)
						return
					}
				}
				got, err := remote.Image(r)
				if err != nil || whole(got) != nil {
					t.Errorf("pull %s: %v", r, err)
				}
			}
		})
	}
	pushers.Wait()
	close(stop)
	sweeper.Wait()
}

// TestCollect_HelperServe is no test: TestCollect_KilledWhilePushing runs it as a process.
func TestCollect_HelperServe(t *testing.T) {
	dir := os.Getenv("REGISTRY_TEST_DIR")
	if dir == "" {
		return
	}
	g, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	fmt.Println(srv.URL)
	select {}
}

func TestCollect_KilledWhilePushing(t *testing.T) {
	dir := t.TempDir()
	serve := func() (*exec.Cmd, string) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCollect_HelperServe$")
		cmd.Env = append(os.Environ(), "REGISTRY_TEST_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return cmd, strings.TrimPrefix(strings.TrimSpace(line), "http://")
	}
	var accepted []v1.Hash
	for round := range 5 {
		cmd, host := serve()
		var wg sync.WaitGroup
		var mu sync.Mutex
		first := make(chan struct{}, 1)
		for i := range 3 {
			wg.Go(func() {
				for n := 0; ; n++ {
					img, err := random.Image(100_000, 2)
					if err != nil {
						t.Error(err)
						return
					}
					if remote.Write(ref(t, fmt.Sprintf("%s/k:r%d-%d-%d", host, round, i, n)), img, remote.WithRetryBackoff(remote.Backoff{Steps: 1})) != nil {
						return // killed
					}
					d, _ := img.Digest()
					mu.Lock()
					accepted = append(accepted, d)
					mu.Unlock()
					select {
					case first <- struct{}{}:
					default:
					}
				}
			})
		}
		<-first
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		wg.Wait()
	}
	_, host := open(t, dir)
	for _, d := range accepted {
		if got := pull(t, ref(t, host+"/k@"+d.String())); got != d {
			t.Errorf("got %s, want %s", got, d)
		}
	}
	tags, err := remote.List(ref(t, host+"/k:x").Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags { // also those whose 201 was never seen
		pull(t, ref(t, host+"/k:"+tag))
	}
	t.Logf("%d pushes accepted, %d tags whole after five kills", len(accepted), len(tags))
}

// A file that somebody removed by hand keeps nothing else from being collected,
// and a collection stops at its bound and goes on from there.
func TestCollect_GoesOn(t *testing.T) {
	dir := t.TempDir()
	g, host := open(t, dir)
	g.Grace = 0
	for range 3 { // each takes the tag of the one before: two are left over
		if err := remote.Write(ref(t, host+"/a:dev"), image(t)); err != nil {
			t.Fatal(err)
		}
	}
	broken := image(t)
	if err := remote.Write(ref(t, host+"/b:dev"), broken); err != nil {
		t.Fatal(err)
	}
	digest, err := broken.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(g.blobPath(digest.String())); err != nil {
		t.Fatal(err)
	}
	g.MaxCollect = 3
	var all Collected
	rounds := 0
	for more := true; more; rounds++ {
		c, err := g.Collect()
		if err != nil {
			t.Fatal(err)
		}
		if n := c.Manifests + c.Blobs; n > g.MaxCollect {
			t.Errorf("%d files at once", n)
		}
		all.Manifests, all.Blobs, more = all.Manifests+c.Manifests, all.Blobs+c.Blobs, c.More
	}
	// Two images of a manifest, a config and three layers, and of the broken
	// one all but its manifest.
	if all.Manifests != 2 || all.Blobs != 14 || rounds < 5 {
		t.Errorf("collected %+v in %d rounds", all, rounds)
	}
	pull(t, ref(t, host+"/a:dev"))
}

func TestCollect_QuietKnowsAPush(t *testing.T) {
	g, host := open(t, t.TempDir())
	if q := g.Quiet(); q < time.Hour {
		t.Errorf("nobody ever pushed, and it was %s ago", q)
	}
	body, end := io.Pipe()
	req, err := http.NewRequest("POST", "http://"+host+"/v2/a/blobs/uploads/?digest="+digestOf("slow"), body)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		done <- err
	}()
	if _, err := io.WriteString(end, "sl"); err != nil {
		t.Fatal(err)
	}
	for g.Quiet() != 0 { // the test's own deadline is the bound
		runtime.Gosched()
	}
	if _, err := io.WriteString(end, "ow"); err != nil {
		t.Fatal(err)
	}
	_ = end.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for g.Quiet() == 0 {
		runtime.Gosched()
	}
	if q := g.Quiet(); q > time.Hour {
		t.Errorf("the push that just was is forgotten: %s", q)
	}
}
