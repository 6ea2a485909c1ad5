package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"fnstore/tests/bench/report"
)

// tally counts what became of a table, and prints it.
type tally struct{ n, passed, refused, own5xx int }

func (c *tally) add(answers []answer, reached int) {
	c.n++
	if reached > 0 {
		c.passed++
	} else {
		c.refused++
	}
	for _, a := range answers {
		if a.status >= 500 && !refusal(a.status) {
			c.own5xx++
		}
	}
}

func (c *tally) print(t *testing.T, what string) {
	t.Logf("%-8s N=%d reached echo %d, refused %d, 5xx of our own %d, reached /system or another function 0", what, c.n, c.passed, c.refused, c.own5xx)
	if c.own5xx > 0 {
		t.Errorf("%s: %d answers are a 5xx of our own", what, c.own5xx)
	}
	through := 0.0
	if t.Failed() {
		through = 1
	}
	report.Print(io.Discard,
		report.Row{Section: "attacks", What: fmt.Sprintf("%d attacks by %s: through", c.n, what), Got: through, Note: fmt.Sprintf("%d refused", c.refused)},
		report.Row{Section: "attacks", What: fmt.Sprintf("%d attacks by %s: 5xx of our own", c.n, what), Got: float64(c.own5xx)})
}

// refusal reports a status with which a request was turned away. RFC 9112
// section 6.1 has 501 for an unknown transfer coding, RFC 9110 section 15.6.6
// has 505 for a version of HTTP.
func refusal(status int) bool { return status >= 400 && status < 500 || status == 501 || status == 505 }

func TestAttacks_PathAttacks(t *testing.T) {
	r := open(t, nil)
	var c tally
	for _, row := range table(t, "paths.txt") {
		path, want := row.cells[0], row.cell(1)
		// Each is sent with the ways that a request can end.
		answers := r.send(t, "GET "+path+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		got := r.take()
		c.add(answers, len(got))
		r.untouched(t, "paths.txt", row.line)
		if len(answers) != 1 {
			t.Errorf("paths.txt:%d %.80q: %d answers", row.line, path, len(answers))
			continue
		}
		status := answers[0].status
		switch want {
		case "=":
			uri := strings.TrimPrefix(path, "/function/echo")
			if !strings.HasPrefix(uri, "/") {
				uri = "/" + uri
			}
			if status != 200 || len(got) != 1 || got[0].URI != uri {
				t.Errorf("paths.txt:%d %.80q: %d, echo saw %.80q", row.line, path, status, fmt.Sprint(got))
			}
		case "4xx":
			if !refusal(status) || len(got) > 0 {
				t.Errorf("paths.txt:%d %.80q: %d, want a refusal", row.line, path, status)
			}
		default:
			if strconv.Itoa(status) != want {
				t.Errorf("paths.txt:%d %.80q: %d, want %s", row.line, path, status, want)
			}
		}
	}
	c.print(t, "paths")
}

func TestAttacks_NameAttacks(t *testing.T) {
	r := open(t, nil)
	var c tally
	for _, row := range table(t, "names.txt") {
		name, want := row.cells[0], row.cell(1)
		for _, prefix := range []string{"GET /function/", "POST /function/", "POST /async-function/", "GET /system/function/", "POST /system/scale-function/"} {
			answers := r.send(t, prefix+name+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			got := r.take()
			c.add(answers, len(got))
			r.untouched(t, "names.txt", row.line)
			if len(answers) != 1 {
				t.Errorf("names.txt:%d %s%.80q: %d answers", row.line, prefix, name, len(answers))
				continue
			}
			status := answers[0].status
			if !strings.Contains(prefix, " /function/") {
				if !refusal(status) { // there is no queue here, and no password was given
					t.Errorf("names.txt:%d %s%.80q: %d", row.line, prefix, name, status)
				}
				continue
			}
			if want == "=" && (status != 200 || len(got) != 1) || want != "=" && (strconv.Itoa(status) != want || len(got) != 0) {
				t.Errorf("names.txt:%d %s%.80q: %d, reached echo %d times, want %s", row.line, prefix, name, status, len(got), want)
			}
		}
	}
	c.print(t, "names")
}

func TestAttacks_HeaderAttacks(t *testing.T) {
	var c tally
	rows := table(t, "headers.txt")
	for i, result := range replay(t, "headers.txt", rows, func(r row) string {
		return "GET /function/echo/h HTTP/1.1\r\nHost: h\r\n" + r.cells[0] + "\r\n\r\n"
	}) {
		row, answers, got := rows[i], result.answers, result.seen
		block, want, gone := row.cells[0], row.cell(1), row.cell(2)
		c.add(answers, len(got))
		if len(answers) == 0 || want != "4xx" && len(answers) != 1 {
			t.Errorf("headers.txt:%d %.80q: %d answers", row.line, block, len(answers))
			continue
		}
		if status := answers[0].status; want == "4xx" && (!refusal(status) || len(got) > 0) || want != "4xx" && strconv.Itoa(status) != want {
			t.Errorf("headers.txt:%d %.80q: %d, want %s", row.line, block, status, want)
			continue
		}
		for _, s := range got {
			if s.Header.Get("X-Call-Id") == "" || len(s.Header["X-Call-Id"]) != 1 || len(s.Header["X-Start-Time"]) != 1 || s.Host != "h" {
				t.Errorf("headers.txt:%d %.80q: echo saw %v of host %q", row.line, block, s.Header, s.Host)
			}
			text, err := json.Marshal(s.Header)
			if err != nil {
				t.Fatal(err)
			}
			if canary, not := strings.CutPrefix(gone, "!"); not {
				if strings.Contains(string(text), canary) {
					t.Errorf("headers.txt:%d %.80q: echo saw %s", row.line, block, text)
				}
				continue
			}
			for name := range strings.FieldsSeq(gone) {
				if _, there := s.Header[name]; there {
					t.Errorf("headers.txt:%d %.80q: echo saw %s", row.line, block, name)
				}
			}
		}
	}
	c.print(t, "headers")
}

func TestAttacks_FramingAttacks(t *testing.T) {
	var c tally
	rows := table(t, "framing.txt")
	for i, result := range replay(t, "framing.txt", rows, func(r row) string { return r.cells[0] }) {
		row, answers, got := rows[i], result.answers, result.seen
		most, err := strconv.Atoi(row.cell(1))
		if err != nil {
			t.Fatalf("framing.txt:%d: %v", row.line, err)
		}
		c.add(answers, len(got))
		if len(got) > most {
			t.Errorf("framing.txt:%d (%s): echo was reached %d times, %d at most", row.line, row.cell(2), len(got), most)
		}
		if most > 1 && len(got) != most {
			t.Errorf("framing.txt:%d (%s): echo was reached %d times, want %d", row.line, row.cell(2), len(got), most)
		}
		for _, s := range got {
			if !strings.HasPrefix(s.URI, "/") || s.Host != "h" {
				t.Errorf("framing.txt:%d (%s): echo saw %s of host %q", row.line, row.cell(2), s.URI, s.Host)
			}
			if s.Header.Get("X-Openfaas-Internal") != "" {
				t.Errorf("framing.txt:%d (%s): echo saw a forged header", row.line, row.cell(2))
			}
		}
	}
	c.print(t, "framing")
}
