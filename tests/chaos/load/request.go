package load

import "fmt"

// Get is a GET of the path.
func Get(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: f\r\n\r\n", path)
}

// Post is a POST of the body to the path.
func Post(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: f\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}
