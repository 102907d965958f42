package services_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/clock/v1" // with the suite's, every contract is linked
	_ "github.com/duban-project/duban/services/internal/suite"
)

// call is a service that calls a method in its own name.
type call struct {
	service string // "*": any
	method  protoreflect.FullName
}

// TestServicesCallWhatTheyMay reads the sources: a server calls no method of
// another service that the contract does not allow it, and the contract allows
// nothing that no server calls.
func TestServicesCallWhatTheyMay(t *testing.T) {
	may, made := allowedCalls(), madeCalls(t)
	if len(made) < 5 {
		t.Fatalf("only %v were found in the sources, which cannot be all", made)
	}
	for _, c := range made {
		if !slices.Contains(may, c) && !slices.Contains(may, call{"*", c.method}) && !public(c.method) {
			t.Errorf("%s calls %s, which the contract does not allow it", c.service, c.method)
		}
	}
	for _, c := range may {
		used := slices.ContainsFunc(made, func(m call) bool { return m == c || c.service == "*" && m.method == c.method })
		if !used {
			t.Errorf("%v is allowed, and nobody calls it: mend the contract's services", c)
		}
	}
}

// allowedCalls are the entries of `services` in the contract.
func allowedCalls() (all []call) {
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for m := range methodsOf(f) {
			rule, _ := protobuf.GetExtension(m.Options(), accessv1.E_Rule).(*accessv1.Rule)
			for _, s := range rule.GetServices() {
				all = append(all, call{s, m.FullName()})
			}
		}
		return true
	})
	return all
}

// public says whether the contract lets anybody call.
func public(method protoreflect.FullName) bool {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(method)
	if err != nil {
		return false
	}
	rule, _ := protobuf.GetExtension(found.Options(), accessv1.E_Rule).(*accessv1.Rule)
	return rule.GetPublic()
}

func methodsOf(f protoreflect.FileDescriptor) func(func(protoreflect.MethodDescriptor) bool) {
	return func(yield func(protoreflect.MethodDescriptor) bool) {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				if !yield(f.Services().Get(i).Methods().Get(j)) {
					return
				}
			}
		}
	}
}

// elsewhere are packages, other than servers, that hold clients; they call in
// the name of every service.
var elsewhere = []string{"internal/directory", "internal/feed", "internal/feed/server", "internal/suite"}

// besideServers are packages, other than servers, that hold clients and call in the name of
// the service they belong to.
var besideServers = []string{"federation/own", "federation/streams"}

// madeCalls finds, in every server and room that names a generated client, the
// calls that bear the name of one of that client's methods. They have arguments; a
// stream is opened with one.
func madeCalls(t *testing.T) (all []call) {
	clients, named := map[string][]protoreflect.MethodDescriptor{}, map[string]map[string]bool{}
	sources(t, func(file string) {
		pkg := path.Dir(filepath.ToSlash(file))
		if path.Base(pkg) != "server" && !slices.Contains(slices.Concat(elsewhere, besideServers), pkg) {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if named[pkg] == nil {
			named[pkg] = map[string]bool{}
		}
		collect(f, func(client string) { clients[pkg] = append(clients[pkg], clientMethods(client)...) }, named[pkg])
	})
	for pkg, methods := range clients {
		for _, m := range methods {
			if c := (call{inNameOf(pkg), m.FullName()}); named[pkg][string(m.Name())] && !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// inNameOf says in whose name a package calls.
func inNameOf(pkg string) string {
	if slices.Contains(elsewhere, pkg) {
		return "*"
	}
	return path.Dir(pkg)
}

// collect tells of each client that the file names, and notes what it calls.
func collect(f *ast.File, client func(string), called map[string]bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && strings.HasSuffix(n.Sel.Name, "ServiceClient") {
				client(x.Name + "." + strings.TrimPrefix(strings.TrimSuffix(n.Sel.Name, "Client"), "New"))
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) >= 1 {
				called[f.Sel.Name] = true
			}
		}
		return true
	})
}

// clientMethods are the methods of a client by its Go name, such as
// "campaignv1.CampaignService".
func clientMethods(client string) (all []protoreflect.MethodDescriptor) {
	pkg, service, _ := strings.Cut(client, ".")
	name := protoreflect.FullName("duban." + strings.TrimSuffix(pkg, "v1") + ".v1." + service)
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil
	}
	for m := range methodsOf(found.ParentFile()) {
		if m.Parent().FullName() == name {
			all = append(all, m)
		}
	}
	return all
}
