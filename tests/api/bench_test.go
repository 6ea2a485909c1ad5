package api

import (
	"fmt"
	"testing"

	users "fnstore/functions/users"
)

// BenchmarkAuth_FailedLogins shows that an unknown user takes as long as a wrong
// password.
func BenchmarkAuth_FailedLogins(b *testing.B) {
	r := newRig(b).generous()
	url := r.auth()
	admin := login(b, url, "admin@localhost", adminSecret)
	person(b, url, admin, "anna@example.org")
	for name, email := range map[string]string{"unknown": "nobody@example.org", "wrong": "anna@example.org"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				login(b, url, email, "wrong horse").want(b, name, 401, "login_failed")
			}
		})
	}
}

// BenchmarkUsers_Get reads one user with a token, counted by the limiter.
func BenchmarkUsers_Get(b *testing.B) {
	s := newStage(b)
	call(b, "POST", s.users+"/v1/users", profile("Anna", "a@example.org"), s.anna...).want(b, "create", 201, "")
	h, err := users.Open(s.getenv, s.read)
	url := serve(b, h, err) + "/v1/users/" + s.annaID
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if a, err := try("GET", url, "", s.anna...); err != nil || a.status != 200 {
				b.Error(fmt.Sprint(a.status, err))
			}
		}
	})
}
