package server

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var row = regexp.MustCompile("(?m)^\\| (`[A-Za-z_`, ]+`) \\| (?:`([^`]*)` )?\\| ")

// The README's table is the server's settings: every variable that is read is
// in it, nothing else is, and setting one to its default changes nothing.
func TestReadme_SaysEverySetting(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "## Settings")
	used, ignored, _ := strings.Cut(text, "mean nothing in one process")
	said := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(used, -1) {
		said[strings.Trim(m[1], "`")] = m[2]
	}
	read := map[string]bool{}
	look := func(k string) (string, bool) { read[k] = true; return "", false }
	defaults, _ := readSettings(look)
	inherited(look)
	for name := range read {
		if _, ok := said[name]; !ok {
			t.Errorf("%s is read, and the README does not say so", name)
		}
	}
	for name, value := range said {
		if !read[name] {
			t.Errorf("the README has %s, and nothing reads it", name)
		}
		got, warned := readSettings(func(k string) (string, bool) {
			if k != name || value == "" {
				return "", false
			}
			return value, true
		})
		if got != defaults || len(warned) > 0 {
			t.Errorf("%s=%s is not the default: %+v %v", name, value, got, warned)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| (`.*`) \\|").FindAllStringSubmatch(ignored, -1) {
		for _, name := range strings.Split(m[1], ", ") {
			if read[strings.Trim(name, "`")] {
				t.Errorf("%s is read, and the README calls it ignored", name)
			}
		}
	}
	// What of-watchdog 0.11 reads is in one of the two tables.
	for _, name := range strings.Fields(`mode fprocess function_process upstream_url http_upstream_url port read_timeout write_timeout
		exec_timeout healthcheck_interval max_inflight ready_path prefix_logs log_buffer_size log_callid http_buffer_req_body buffer_http
		content_type static_path suppress_lock jwt_auth jwt_auth_local jwt_auth_debug`) {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("the README does not say what %s does here", name)
		}
	}
}
