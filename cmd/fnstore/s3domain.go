package main

import "strings"

// s3Domains are the host names under which S3 is served.
func (s *settings) s3Domains() []string {
	return strings.FieldsFunc(s.S3Domain, func(r rune) bool { return r == ',' })
}
