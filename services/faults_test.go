package services_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
)

// TestFaultsNameTheirFields: wherever the sources refuse for a reason that lies at
// a field of the request, by what the contract says of it, they say at which. The
// sources are read, so that no refusal escapes that no test brings about.
func TestFaultsNameTheirFields(t *testing.T) {
	texts, declared, files := reasons(), map[string]string{}, map[string]*ast.File{}
	fset := token.NewFileSet()
	sources(t, func(file string) {
		f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[file] = f
		for name, reason := range declarations(f) {
			declared[path.Dir(filepath.ToSlash(file))+"."+name] = reason
		}
	})
	seen := 0
	for file, f := range files {
		for _, u := range uses(f, path.Dir(filepath.ToSlash(file)), declared) {
			if text, ok := texts[u.reason]; !ok {
				t.Errorf("%s: %s is no reason of the contract", fset.Position(u.at), u.reason)
			} else if atField(text) {
				seen++
				if !u.placed {
					t.Errorf("%s: %s lies at a field and names none", fset.Position(u.at), u.reason)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d refusals at fields were looked at, which cannot be all", seen)
	}
}

// spoken are the facts that both languages write alike: numbers, days, moments, names of
// units, scopes of keys, and what the caller has written itself.
var spoken = []string{"limit", "count", "left", "files", "bytes", "sequence", "start", "end", "day", "date", "code", "unit", "channel", "latest", "scope", "scopes", "networks"}

// TestChineseSentencesHaveNoCodes: what a Chinese sentence is filled with has words in
// it (Fault.Say), unless both languages write it alike.
func TestChineseSentencesHaveNoCodes(t *testing.T) {
	words := map[string]bool{}
	for _, text := range reasons() {
		for _, fact := range regexp.MustCompile(`\{([a-z]+)\}`).FindAllStringSubmatch(text.GetZh(), -1) {
			words[fact[1]] = !slices.Contains(spoken, fact[1])
		}
	}
	seen, fset := 0, token.NewFileSet()
	sources(t, func(file string) {
		f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			with, _ := call.Fun.(*ast.SelectorExpr)
			fact, literal := call.Args[0].(*ast.BasicLit)
			if with == nil || with.Sel.Name != "With" || !literal {
				return true
			}
			seen++
			if words[strings.Trim(fact.Value, `"`)] {
				t.Errorf("%s: a Chinese sentence is filled with a code, %s: Say a word", fset.Position(call.Pos()), fact.Value)
			}
			return true
		})
	})
	if seen < 30 {
		t.Errorf("%d facts were looked at, which cannot be all", seen)
	}
}

// atField says whether refusals for a reason with the text name fields.
func atField(text *faultv1.Text) bool {
	if text.Field != nil {
		return text.GetField()
	}
	return text.GetKind() == faultv1.Kind_KIND_INVALID || text.GetKind() == faultv1.Kind_KIND_EXISTS
}

// reasons are the texts of all reasons of the contract.
func reasons() map[string]*faultv1.Text {
	all := map[string]*faultv1.Text{}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if e := f.Enums().ByName("Reason"); e != nil {
			for i := range e.Values().Len() {
				v := e.Values().Get(i)
				all[string(v.Name())], _ = protobuf.GetExtension(v.Options(), faultv1.E_Text).(*faultv1.Text)
			}
		}
		return true
	})
	return all
}

// declarations are the variables of a package that stand for a reason: bare, since
// what is declared with its field says it wherever it is used.
func declarations(f *ast.File) map[string]string {
	found := map[string]string{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, value := range v.Values {
				if reason := reasonOf(value); reason != "" && len(v.Values) == len(v.Names) {
					found[v.Names[i].Name] = reason
				}
			}
		}
	}
	return found
}

// reasonOf is the reason of the call fault.Of(…Reason_REASON_X), or "".
func reasonOf(e ast.Expr) string {
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 || spelled(call.Fun) != "fault.Of" {
		return ""
	}
	_, reason, _ := strings.Cut(spelled(call.Args[0]), ".Reason_")
	return reason
}

// spelled is an identifier, or a selector of one, as it stands.
func spelled(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	}
	return ""
}

// use is a place where a fault is made or handed on.
type use struct {
	reason string
	at     token.Pos
	placed bool // at a field, or only compared with
}

// uses finds where a file, of a package in folder, uses what is declared.
func uses(f *ast.File, folder string, declared map[string]string) (found []use) {
	imported := imports(f)
	var stack []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		reason := reasonOf(e)
		if pkg, name, selected := strings.Cut(spelled(e), "."); selected {
			reason = declared[imported[pkg]+"."+name]
		} else if reason == "" && pkg != "" {
			reason = declared[folder+"."+pkg]
		}
		if reason != "" && !declares(stack) {
			found = append(found, use{reason, e.Pos(), placed(stack)})
		}
		return true
	})
	return found
}

// imports are the packages of this module that a file imports, by name, as the
// folders that they lie in.
func imports(f *ast.File) map[string]string {
	folders := map[string]string{}
	for _, i := range f.Imports {
		p, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), root)
		if !ours {
			continue
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		folders[name] = p
	}
	return folders
}

// declares says whether the innermost expression is itself what a variable is
// declared as, or the variable.
func declares(stack []ast.Node) bool {
	_, ok := stack[len(stack)-2].(*ast.ValueSpec)
	return ok
}

// placed says whether the innermost expression is at last given a field, or is
// only compared with.
func placed(stack []ast.Node) bool {
	for i := len(stack) - 1; i >= 2; i -= 2 {
		switch outer := stack[i-1].(type) {
		case *ast.SelectorExpr:
			if outer.Sel.Name == "At" {
				return true
			}
		case *ast.CallExpr:
			compared := spelled(outer.Fun) == "errors.Is" || strings.HasSuffix(spelled(outer.Fun), ".Is")
			return compared && slices.Contains(outer.Args, stack[i].(ast.Expr))
		case *ast.AssignStmt:
			return len(outer.Lhs) == 1 && gathers(stack, spelled(outer.Lhs[0]))
		default:
			return false
		}
	}
	return false
}

// gathers says whether the function around gives the variable its fields.
func gathers(stack []ast.Node, variable string) (found bool) {
	i := slices.IndexFunc(stack, func(n ast.Node) bool { _, ok := n.(*ast.FuncDecl); return ok })
	ast.Inspect(stack[i], func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && spelled(e) == variable+".At" {
			found = true
		}
		return !found
	})
	return found
}

// TestRefusalsNameNoFieldsAsProtosDo: callers over REST know displayName, and never
// wrote display_name. What is wrong at a field, and the sentence of a reason, are
// held to it.
func TestRefusalsNameNoFieldsAsProtosDo(t *testing.T) {
	snake := regexp.MustCompile(`\b[a-z]+_[a-z_]+\b`)
	seen := 0
	sources(t, func(file string) {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			if at, ok := call.Fun.(*ast.SelectorExpr); !ok || at.Sel.Name != "At" {
				return true
			}
			for _, arg := range call.Args[1:] {
				seen++
				if said, ok := arg.(*ast.BasicLit); ok && snake.MatchString(said.Value) {
					t.Errorf("%s: %s names a field as no REST client does", fset.Position(said.Pos()), said.Value)
				}
			}
			return true
		})
	})
	if seen < 100 {
		t.Errorf("%d texts were looked at, which cannot be all", seen)
	}
	for reason, text := range reasons() {
		if said := facts.ReplaceAllString(text.GetZh()+text.GetEn(), ""); snake.MatchString(said) {
			t.Errorf("%s says %q, which names a field as no REST client does", reason, said)
		}
	}
}

// facts are the places of what a sentence is told.
var facts = regexp.MustCompile(`\{[^}]*\}`)
