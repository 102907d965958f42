package authz

import (
	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/authn"
)

// Own is the right by which a service's worker changes the service's own
// records, when no caller asks for it. It reaches every unit, and what is done by
// it bears the service's name.
func Own(service string) *Access {
	return &Access{
		Method:    &Method{Service: service, Rule: &accessv1.Rule{Services: []string{service}}},
		Principal: authn.Principal{Name: "services/" + service},
	}
}
