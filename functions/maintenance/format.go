package function

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"html"
	"strings"
	"time"
)

// csv is the table as RFC 4180 has it. A text that a spreadsheet would take for a
// formula gets an apostrophe in front (OWASP, CSV injection); a number does not.
func (t table) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	record := make([]string, len(t.columns))
	for i, c := range t.columns {
		record[i] = harmless(c.Name)
	}
	if err := w.Write(record); err != nil {
		return nil, err
	}
	for _, row := range t.rows {
		for i, value := range row {
			switch {
			case value == nil:
				record[i] = ""
			case t.columns[i].Number:
				record[i] = *value
			default:
				record[i] = harmless(*value)
			}
		}
		if err := w.Write(record); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// harmless is a cell that no spreadsheet computes.
func harmless(cell string) string {
	trimmed := strings.TrimLeft(cell, " \u00a0\ufeff")
	if trimmed != "" && strings.ContainsRune("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", []rune(trimmed)[0]) {
		return "'" + cell
	}
	return cell
}

// html is the table as a page without scripts, in which no text is markup.
func (t table) html(name string, now time.Time) []byte {
	var b bytes.Buffer
	title := html.EscapeString(name)
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>%s</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}th,td{border:1px solid #ccc;padding:.3em .6em;text-align:left}.n{text-align:right}</style></head>
<body><h1>%s</h1><p>%s, %d rows%s</p>
<table><thead><tr>`, title, title, now.Format(time.RFC3339), len(t.rows), map[bool]string{true: ", and there are more"}[t.more])
	for _, c := range t.columns {
		fmt.Fprintf(&b, "<th>%s</th>", html.EscapeString(c.Name))
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, row := range t.rows {
		b.WriteString("<tr>")
		for i, value := range row {
			text := ""
			if value != nil {
				text = html.EscapeString(*value)
			}
			if t.columns[i].Number {
				fmt.Fprintf(&b, `<td class="n">%s</td>`, text)
			} else {
				fmt.Fprintf(&b, "<td>%s</td>", text)
			}
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody></table></body></html>\n")
	return b.Bytes()
}
