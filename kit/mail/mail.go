// Package mail writes messages of plain text and hands them to an SMTP server. It
// does not know why somebody gets a message, and it does not try again.
package mail

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a message.
const (
	maxSubject = 200      // characters
	maxText    = 64 << 10 // bytes
	maxAddress = 254      // bytes (RFC 5321 section 4.5.3.1.3)
	maxID      = 200      // bytes
)

// Message is a message of plain text to one address.
type Message struct {
	From, To string // addresses as Address reads them
	Subject  string
	Text     string
	// ID tells apart messages, not attempts: receivers drop one that comes twice.
	ID   string
	Date time.Time
}

// Address reads an address such as anna@example.org. It takes no display name, no
// list and nothing beyond ASCII.
func Address(s string) (string, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s || len(s) > maxAddress {
		return "", fmt.Errorf("%.100q is not an e-mail address such as anna@example.org", s)
	}
	for _, r := range s {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>,;:"()[]\`, r) {
			return "", fmt.Errorf("%.100q has characters that an address here does not have", s)
		}
	}
	return s, nil
}

// Bytes is the message as it travels (RFC 5322). No text of the message can add
// a header or a receiver to it: what is no printable character becomes a space in
// the subject, and the text is quoted-printable.
func (m Message) Bytes() ([]byte, error) {
	from, err := Address(m.From)
	if err != nil {
		return nil, err
	}
	to, err := Address(m.To)
	if err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(from, "@")
	var b bytes.Buffer
	head := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	head("From", "<"+from+">")
	head("To", "<"+to+">")
	// Encoded words are at most 75 characters; each gets a line of its own.
	head("Subject", strings.ReplaceAll(mime.QEncoding.Encode("utf-8", Line(m.Subject)), "?= =?", "?=\r\n =?"))
	head("Date", m.Date.UTC().Format(time.RFC1123Z))
	head("Message-ID", "<"+atom(m.ID)+"@"+domain+">")
	head("MIME-Version", "1.0")
	head("Content-Type", "text/plain; charset=utf-8")
	head("Content-Transfer-Encoding", "quoted-printable")
	head("Auto-Submitted", "auto-generated") // RFC 3834: no robot answers
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(Text(m.Text))); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	b.WriteString("\r\n")
	return b.Bytes(), nil
}

// Line makes one line of at most 200 printable characters of a text.
func Line(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	runes := []rune(strings.Join(strings.Fields(clean), " "))
	return string(runes[:min(len(runes), maxSubject)])
}

// Text makes text of at most 64 KiB with lines that end in CRLF.
func Text(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.ReplaceAll(s, "\n", "\r\n")
}

// atom is an id in characters that a Message-ID has (RFC 5322 section 3.2.3).
func atom(s string) string {
	s = s[:min(len(s), maxID)]
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, s)
}
