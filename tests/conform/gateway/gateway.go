// Package gateway holds what a gateway must withstand: requests that readers of
// HTTP have been known to differ on, as tables in testdata, replayed byte for
// byte over TCP. It does not know how the gateway works inside.
package gateway
