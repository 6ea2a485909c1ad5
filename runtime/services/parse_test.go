package services

import (
	"strings"
	"testing"
)

func FuzzPidFile(f *testing.F) {
	for _, seed := range []string{"25452\n/x/data\n1763900000\n29456\n", "7\n", "", "\n", "-1\n", "99999999999999999999\n", "12 34\n", "0x10\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if n := pidIn(file); n < 0 {
			t.Errorf("pidIn(%q) = %d: a negative pid signals a whole group", file, n)
		}
	})
}

func TestParse_PidFile(t *testing.T) {
	for file, want := range map[string]int{"25452\n/x/data\n": 25452, " 7 \n": 7, "7": 7, "-7\n": 0, "": 0, "x\n7\n": 0} {
		if got := pidIn([]byte(file)); got != want {
			t.Errorf("pidIn(%q) = %d, want %d", file, got, want)
		}
	}
}

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:7310 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 61034 1 0000000000000000 100 0 0 10 0
   1: 0100007F:7311 0100007F:7310 01 00000000:00000000 00:00000000 00000000   102        0 61035 1 0000000000000000 20 4 30 10 -1
`

func TestParse_Listener(t *testing.T) {
	if uid, err := listenerIn(strings.NewReader(tcpTable), 0x7310); err != nil || uid != 101 {
		t.Errorf("uid %d, %v; want 101", uid, err)
	}
	if _, err := listenerIn(strings.NewReader(tcpTable), 0x7311); err != errNobody {
		t.Errorf("a connection passes for a listener: %v", err)
	}
}

func FuzzListener(f *testing.F) {
	f.Add(tcpTable, 0x7310)
	f.Add("0: 0100007F:0050 0 0A 0 0 0 x", 80)
	f.Fuzz(func(t *testing.T, table string, port int) {
		uid, err := listenerIn(strings.NewReader(table), port)
		if err != nil && err != errNobody && uid != 0 && uid != 1<<32-1 {
			t.Errorf("uid %d with error %v", uid, err)
		}
	})
}

func FuzzConfQuoting(f *testing.F) {
	f.Add(`/home/o'neil/a "store"\x`)
	f.Add("/a\nport 1")
	f.Fuzz(func(t *testing.T, path string) {
		if strings.ContainsAny(literal(path), "\n") || strings.ContainsAny(quoted(path), "\n") {
			t.Errorf("%q opens a line of its own", path)
		}
		if bare := strings.ReplaceAll(strings.ReplaceAll(quoted(path), `\\`, ""), `''`, ""); strings.Contains(bare, "'") {
			t.Errorf("%q ends the string early: %s", path, quoted(path))
		}
	})
}
