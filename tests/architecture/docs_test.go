package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Every package begins with a sentence, in one place.
func TestDocs_PackageDocs(t *testing.T) {
	code, tests := map[string][]*file{}, map[string][]*file{}
	for _, f := range goFiles(t) {
		switch {
		case strings.HasSuffix(f.ast.Name.Name, "_test"): // belongs to the package it tests
		case f.isTest():
			tests[f.dir()] = append(tests[f.dir()], f)
		default:
			code[f.dir()] = append(code[f.dir()], f)
		}
	}
	for dir, list := range tests {
		if code[dir] == nil {
			code[dir] = list // nothing but tests
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(code)) {
		var said []string
		for _, f := range code[dir] {
			if f.ast.Doc == nil {
				continue
			}
			said = append(said, f.path)
			begin := "Package " + f.ast.Name.Name + " "
			if f.ast.Name.Name == "main" {
				begin = "Command "
			}
			if doc := f.ast.Doc.Text(); !strings.HasPrefix(doc, begin) || !strings.Contains(doc, ".") {
				t.Errorf("%s: the package doc is not a sentence that begins with %q, as godoc shows it. Say what the package does and what it does not know.", f.path, begin)
			}
		}
		switch {
		case len(said) == 0:
			t.Errorf("%s has no package doc: nobody can learn the tree from `go doc`. Begin one file with a sentence on what it does and what it does not know.", dir)
		case len(said) > 1:
			t.Errorf("%s has a package doc in %s: godoc runs them together. Keep the one that says it best.", dir, strings.Join(said, " and "))
		}
	}
}

// obvious methods are named by an interface everybody knows; a comment would
// repeat the name.
var obvious = map[string]bool{
	"Error": true, "Unwrap": true, "Is": true, "As": true, "String": true, "ServeHTTP": true, "RoundTrip": true,
	"Read": true, "ReadAt": true, "ReadFrom": true, "Write": true, "WriteTo": true, "WriteHeader": true, "Header": true, "Close": true, "Flush": true,
	"Len": true, "Less": true, "Swap": true, "MarshalJSON": true, "UnmarshalJSON": true, "MarshalText": true, "UnmarshalText": true,
}

// What a package exports says what it is for.
func TestDocs_ExportedNamesAreDocumented(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() || f.generated() || f.ast.Name.Name == "main" {
			continue
		}
		for _, d := range f.ast.Decls {
			for _, n := range undocumented(d) {
				t.Errorf("%s: %s is exported and has no comment: its users must read the body to learn units, errors and bounds. Say them above it, or do not export it.", f.line(n), n.Name)
			}
		}
	}
}

// undocumented lists the exported names of a declaration that have no comment.
// One above a group of constants or variables is for all of them.
func undocumented(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d) && !obvious[d.Name.Name]) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if d.Doc == nil && s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
					names = append(names, s.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if d.Doc == nil && s.Doc == nil && s.Comment == nil && n.IsExported() {
						names = append(names, n)
					}
				}
			}
		}
	}
	return names
}

// exportedReceiver is true for methods that users of the package can call.
func exportedReceiver(d *ast.FuncDecl) bool {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// The test itself is tested.
func TestDocs_MissingCommentsAreNoticed(t *testing.T) {
	src := `package p
const A, b = 1, 2
// C and D are said.
const ( C = 1; D = 2 )
var ( E int // said
)
type F struct{}
// g is ours.
type g[T any] struct{}
func (F) String() string { return "" }
func (*F) Do() {}
func (g[T]) Do() {}
func H() {}
// I is said.
func I() {}
`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range f.Decls {
		for _, n := range undocumented(d) {
			got = append(got, n.Name)
		}
	}
	if want := "A F Do H"; strings.Join(got, " ") != want {
		t.Errorf("noticed %q, want %s", got, want)
	}
}
