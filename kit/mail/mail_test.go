package mail

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
)

func TestAddress_Table(t *testing.T) {
	for s, ok := range map[string]bool{
		"anna@example.org": true, "a.b+c@sub.example.org": true,
		"": false, "anna": false, "Anna <anna@example.org>": false, "<anna@example.org>": false, "a@b.c, d@e.f": false, "a@b.c\r\nBcc: x@y.z": false,
		`"a b"@c.d`: false, "anna@example.org ": false, "änna@example.org": false, "a@[127.0.0.1]": false, strings.Repeat("a", 250) + "@b.cd": false,
	} {
		if _, err := Address(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// Whatever the texts are, the message has the headers it has, one receiver, and
// the text that was given.
// Seed: B87
func TestBytes_NothingIsInjected(t *testing.T) {
	nasty := []string{
		"plain", "Grüße 😀 " + strings.Repeat("ü", 300), "a\r\nBcc: eve@example.org\r\n\r\nhello", "a\nSubject: b", "a\x00b\x85c\u2028d",
		"\r\n.\r\nMAIL FROM:<eve@example.org>", "=?utf-8?q?=0D=0ABcc:_eve?=", strings.Repeat("x", 5000),
	}
	for _, s := range nasty {
		b, err := Message{From: "store@example.org", To: "anna@example.org", Subject: s, Text: s, ID: s, Date: time.Unix(0, 0)}.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%q: %v\n%s", s, err, b)
		}
		if len(m.Header) != 9 || m.Header.Get("To") != "<anna@example.org>" || m.Header.Get("Bcc") != "" || len(m.Header["Subject"]) != 1 {
			t.Errorf("%q: headers %v", s, m.Header)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || subject != Line(s) && !strings.HasPrefix(s, "=?") {
			t.Errorf("%q: subject %q, %v", s, subject, err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil || strings.TrimSuffix(string(text), "\r\n") != Text(s) {
			t.Errorf("%.100q: text %.100q, %v", s, text, err)
		}
		for line := range strings.SplitSeq(string(b), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") {
				t.Errorf("%.100q: a line of %d bytes: %.100q", s, len(line), line)
			}
		}
	}
}

func TestParse_Table(t *testing.T) {
	for s, ok := range map[string]bool{
		"smtp://localhost:25?from=a@b.cd&tls=none": true, "smtps://user:p%40ss@mail.example.org?from=a@b.cd": true, "smtp://u:p@h?from=a@b.cd": true,
		"": false, "http://h?from=a@b.cd": false, "smtp://h": false, "smtp://h?from=x": false, "smtp://?from=a@b.cd": false, "smtps://h?from=a@b.cd&tls=none": false, "smtp://h?from=a@b.cd&tls=maybe": false,
	} {
		_, err := Parse(s, "")
		if (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
		if err != nil && strings.Contains(err.Error(), "p@ss") {
			t.Errorf("%v", err)
		}
	}
	if _, err := Parse("smtp://h?from=a@b.cd", "no PEM"); err == nil {
		t.Error("a CA that is none")
	}
}

func FuzzBytes(f *testing.F) {
	f.Add("subject", "text", "id")
	f.Add("a\r\nB: c", "\r\n.\r\n", ">")
	f.Fuzz(func(t *testing.T, subject, text, id string) {
		b, err := Message{From: "a@b.cd", To: "e@f.gh", Subject: subject, Text: text, ID: id}.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(b))
		if err != nil || len(m.Header) != 9 {
			t.Errorf("%v\n%q", err, b)
		}
	})
}
