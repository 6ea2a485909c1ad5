package architecture

import (
	"cmp"
	"go/ast"
	"go/printer"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// annotation is one key that the code reads of a function's deployment.
type annotation struct{ key, def, value, about string }

var (
	annotationName = regexp.MustCompile(`^[aA]nnotation[A-Z]|Key$|^label[A-Z]`)
	annotationKey  = regexp.MustCompile(`^(fnstore|com\.openfaas)\.[A-Za-z0-9._-]+$`)
)

// annotations finds the constants, with the comments beside them.
func annotations(t *testing.T) (list []annotation) {
	t.Helper()
	values := constants(t)
	for _, f := range goFiles(t) {
		if f.isTest() || strings.HasPrefix(f.path, "tests/") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok {
				return true
			}
			for _, s := range decl.Specs {
				spec, ok := s.(*ast.ValueSpec)
				if !ok || len(spec.Values) == 0 {
					continue
				}
				name, key := spec.Names[0].Name, text(spec.Values[0])
				if key == "" || strings.HasPrefix(name, "label") && strings.HasPrefix(key, "fnstore.") || !annotationName.MatchString(name) && name != "DevAnnotation" ||
					!annotationKey.MatchString(key) && !strings.HasPrefix(strings.ToLower(name), "annotation") {
					continue
				}
				known, there := defaults[key]
				if !there {
					t.Errorf("%s: the annotation %s has no default and value in docs/settings.md. Add them to the table defaults of tests/architecture/annotations_test.go.", f.line(spec), key)
				}
				def := known.def
				if strings.HasPrefix(def, "runtime/") || strings.HasPrefix(def, "connectors/") {
					if values[def] == "" {
						t.Errorf("%s, the default of %s, is not a constant any more: change the table defaults of tests/architecture/annotations_test.go.", def, key)
					}
					def = values[def]
				}
				list = append(list, annotation{key, def, known.value, comment(name, spec, decl)})
			}
			return true
		})
	}
	list = append(list, scaling(t)...)
	slices.SortFunc(list, func(a, b annotation) int { return cmp.Compare(a.key, b.key) })
	// Two packages that may not import each other read the same key.
	return slices.CompactFunc(list, func(a, b annotation) bool { return a.key == b.key })
}

// comment is what the code says about a constant, in one line.
func comment(name string, spec *ast.ValueSpec, decl *ast.GenDecl) string {
	said := explained[text(spec.Values[0])]
	if said == "" {
		said = spec.Comment.Text()
	}
	if said == "" {
		said = spec.Doc.Text()
	}
	if said == "" {
		said = decl.Doc.Text()
	}
	said = strings.TrimPrefix(strings.Join(strings.Fields(said), " "), name+" ")
	return strings.ReplaceAll(said, "|", "\\|")
}

// constants gives constants and variables by folder and name, as text.
func constants(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		for _, d := range f.ast.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range decl.Specs {
				if spec, ok := s.(*ast.ValueSpec); ok {
					for i, name := range spec.Names {
						if i < len(spec.Values) {
							all[f.dir()+"."+name.Name] = plain(f, spec.Values[i])
						}
					}
				}
			}
		}
	}
	return all
}

var product = regexp.MustCompile(`^(?:(\d+) \* )?time\.(Second|Minute|Hour)$`)

// plain writes an expression as a person does: 15 * time.Minute is 15m.
func plain(f *file, e ast.Expr) string {
	if s := text(e); s != "" {
		return s
	}
	var b strings.Builder
	_ = printer.Fprint(&b, f.fset, e) // to memory
	s := strings.ReplaceAll(b.String(), "*time", " * time")
	s = strings.ReplaceAll(s, "  *", " *")
	if m := product.FindStringSubmatch(s); m != nil {
		return cmp.Or(m[1], "1") + strings.ToLower(m[2][:1])
	}
	return s
}

// scaling reads runtime/provider/scaling.go: read("key", parse(&s.field)) says
// which keys there are, defaultScaling and the struct's comments the rest.
func scaling(t *testing.T) (list []annotation) {
	t.Helper()
	for _, f := range goFiles(t) {
		if f.path != "runtime/provider/scaling.go" {
			continue
		}
		about, def := map[string]string{}, map[string]string{}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.StructType:
				for _, field := range n.Fields.List {
					for _, name := range field.Names {
						about[name.Name] = strings.Join(strings.Fields(field.Comment.Text()), " ")
					}
				}
			case *ast.CompositeLit:
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						if name, ok := kv.Key.(*ast.Ident); ok {
							def[name.Name] = plain(f, kv.Value)
						}
					}
				}
			}
			return true
		})
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			fun, isName := call.Fun.(*ast.Ident)
			parse, isCall := call.Args[1].(*ast.CallExpr)
			if !isName || fun.Name != "read" || !isCall {
				return true
			}
			if ref, ok := parse.Args[0].(*ast.UnaryExpr); ok {
				if field, ok := ref.X.(*ast.SelectorExpr); ok {
					key := text(call.Args[0])
					list = append(list, annotation{"fnstore.scale." + key, def[field.Sel.Name], units[key], cmp.Or(explained["fnstore.scale."+key], about[field.Sel.Name])})
				}
			}
			return true
		})
	}
	if len(list) < 6 {
		t.Errorf("runtime/provider/scaling.go reads %d annotations by read(key, …): this test knew six. Change it with the code.", len(list))
	}
	return list
}
