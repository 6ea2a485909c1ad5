package storetest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnstore/runtime/services"
)

// helper makes this test binary a test process that opens a store, says where
// it is, and is killed.
const helper = "STORETEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helper) == "" {
		os.Exit(m.Run())
	}
	s, err := Open()
	if errors.Is(err, services.ErrMissing) {
		fmt.Println("missing")
		os.Exit(1)
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("store:", filepath.Dir(s.State))
	select {}
}

func TestStoretest_NothingIsLeftWhenTheTestIsKilled(t *testing.T) {
	test := exec.Command(os.Args[0])
	test.Env = append(os.Environ(), helper+"=1")
	out, err := test.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := test.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	dir, ok := strings.CutPrefix(strings.TrimSpace(line), "store: ")
	if !ok {
		_ = test.Process.Kill()
		_ = test.Wait()
		if line == "missing\n" {
			Absent(t, services.ErrMissing)
		}
		t.Fatalf("no store: %s", line)
	}
	if len(inhabitants(dir)) < 4 { // fnstore, two functions, Postgres, Redis, the guard
		t.Errorf("what runs there is %v", inhabitants(dir))
	}
	if err := test.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = test.Wait() // says that it was killed
	deadline := time.Now().Add(time.Minute)
	for _, err := os.Stat(dir); err == nil; _, err = os.Stat(dir) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there, and in it %v", dir, inhabitants(dir))
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := leftProcesses(dir); err != nil {
		t.Error(err)
	}
}

func TestStoretest_StoreComesBackAfterAPowerCut(t *testing.T) {
	s := Start(t)
	first := s.PID()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Up(); err != nil {
		t.Fatal(err)
	}
	invoke := s.Command("invoke", "hello")
	invoke.Stdin = strings.NewReader(`{"name":"again"}`)
	out, err := invoke.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Hello, again!") || s.PID() == first {
		t.Errorf("%s %v", out, err)
	}
	if err := s.Down(); err != nil {
		t.Fatal(err)
	}
	if left := inhabitants(s.State); len(left) > 0 {
		t.Errorf("down left %v", left)
	}
}
