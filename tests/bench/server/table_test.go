package main

import "testing"

// One round on a busy machine does not decide.
func TestTable_RatiosAreTakenWithinARound(t *testing.T) {
	bare, ours := []float64{100, 10, 100}, []float64{90, 9, 10}
	if r := ratio(ours, bare); r != 0.9 {
		t.Errorf("ratio %v", r)
	}
	if m := more(ours, bare); m != -10 {
		t.Errorf("difference %v", m)
	}
}

// The load generator reads answers of both kinds, in pieces of any size.
func TestTable_AnswersAreReadToTheirEnd(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		for size := 1; size <= len(answer); size++ {
			var c client
			for at := 0; at < len(answer); at += size {
				whole, err := c.feed([]byte(answer[at:min(at+size, len(answer))]))
				if last := at+size >= len(answer); err != nil || whole != last {
					t.Fatalf("%q in pieces of %d: %v %v at %d", answer, size, whole, err, at)
				}
			}
		}
	}
	var c client
	if _, err := c.feed([]byte("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")); err == nil {
		t.Error("a 503 counts as an answer")
	}
}
