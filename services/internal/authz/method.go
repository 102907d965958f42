package authz

import (
	"fmt"
	"strings"

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
}

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
	}, nil
}
