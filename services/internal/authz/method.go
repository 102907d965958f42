package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
)

// Method is a method of the contract and the rule beside it.
type Method struct {
	FullName string // /duban.organization.v1.OrganizationService/GetUnit
	Service  string // organization
	Rule     *accessv1.Rule
	Reads    bool // it changes nothing
}

// Scope is what a key that is narrowed to scopes must name to call the method, such as
// "complaint:write".
func (m *Method) Scope() string {
	if m.Reads {
		return m.Service + ":read"
	}
	return m.Service + ":write"
}

// Scopes are all that a key may be narrowed to: those of the methods of the contract
// that take a grant.
var Scopes = sync.OnceValue(func() []string {
	all := map[string]struct{}{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				if m, err := method(methods.Get(j)); err == nil && m.Rule.GetScope() != accessv1.Scope_SCOPE_UNSPECIFIED {
					all[m.Scope()] = struct{}{}
				}
			}
		}
		return true
	})
	return slices.Sorted(maps.Keys(all))
})

// Kind names the entry that a success of the method appends to the feed, such as
// "rectification.problem.closed.v1".
func (m *Method) Kind(event string) string { return m.Service + "." + event + ".v1" }

// GetMaxMiB returns how many MiB a request of the method may have; 0 if the rule
// does not say, or there is no such method.
func (m *Method) GetMaxMiB() int32 {
	if m == nil {
		return 0
	}
	return m.Rule.GetMaxMib()
}

// Roles are those that the contract names at the method of that full name, such as
// /duban.organization.v1.OrganizationService/GetUnit; none if there is no such method.
func Roles(fullName string) []accessv1.Role {
	name := strings.ReplaceAll(strings.TrimPrefix(fullName, "/"), "/", ".")
	d, _ := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	found, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil
	}
	rule, _ := proto.GetExtension(found.Options(), accessv1.E_Rule).(*accessv1.Rule)
	return rule.GetRoles()
}

// Methods reads the rule of every method of the services. It fails if one has
// none, so that a forgotten rule stops the process from starting.
func Methods(services ...string) (map[string]*Method, error) {
	methods := map[string]*Method{}
	for _, name := range services {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all := d.(protoreflect.ServiceDescriptor).Methods()
		for i := range all.Len() {
			m, err := method(all.Get(i))
			if err != nil {
				return nil, err
			}
			methods[m.FullName] = m
		}
	}
	return methods, nil
}

func method(d protoreflect.MethodDescriptor) (*Method, error) {
	rule, _ := proto.GetExtension(d.Options(), accessv1.E_Rule).(*accessv1.Rule)
	if rule == nil {
		return nil, fmt.Errorf("%s has no access rule", d.FullName())
	}
	return &Method{
		FullName: fmt.Sprintf("/%s/%s", d.Parent().FullName(), d.Name()),
		Service:  strings.Split(string(d.FullName()), ".")[1],
		Rule:     rule,
		Reads:    reads(d, rule),
	}, nil
}

// reads says whether a method changes nothing: it leaves no event, and is GET over REST.
func reads(d protoreflect.MethodDescriptor, rule *accessv1.Rule) bool {
	http, _ := proto.GetExtension(d.Options(), annotations.E_Http).(*annotations.HttpRule)
	return rule.GetEvent() == "" && http.GetGet() != ""
}
