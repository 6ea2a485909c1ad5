// Package template holds the store's templates, so that a function of a folder
// that has none can be built. It does not know how.
package template

import "embed"

// FS has a folder for each template. Tests of the function server are among its
// files, and the function that a template starts with is not.
//
//go:embed golang-middleware golang-http
var FS embed.FS
