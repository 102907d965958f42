package gateway

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/gateway/internal/problem"
	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

// ruleOf says who may make a call.
func ruleOf(call protoreflect.MethodDescriptor) *accessv1.Rule {
	rule, _ := proto.GetExtension(call.Options(), accessv1.E_Rule).(*accessv1.Rule)
	return rule
}

// public says whether a call is for everybody, at least at first.
func public(rule *accessv1.Rule) bool { return rule.GetPublic() || rule.GetBootstrap() }

// refused is what the service answers the caller whatever the body says: that the key is
// narrowed to other scopes (REASON_KEY_SCOPE_DENIED), or that none of its grants has a role of
// the rule (REASON_PERMISSION_DENIED), or a dormant one alone (REASON_PRINCIPAL_POSTS_OVER). Of nil
// the service decides. The call has a body, and so reads nothing alone.
func refused(call protoreflect.MethodDescriptor, caller *organizationv1.Caller) error {
	rule := ruleOf(call)
	scope := strings.Split(string(call.FullName()), ".")[1] + ":write"
	listed := func(g *organizationv1.RoleGrant) bool {
		return len(rule.GetRoles()) == 0 || slices.Contains(rule.GetRoles(), g.GetRole())
	}
	switch {
	case rule.GetScope() == accessv1.Scope_SCOPE_UNSPECIFIED:
		return nil
	case len(caller.GetScopes()) > 0 && !slices.Contains(caller.GetScopes(), scope):
		return &problem.Problem{Reason: faultv1.Reason_REASON_KEY_SCOPE_DENIED, Facts: map[string]problem.Text{"scope": problem.Same(scope)}}
	case slices.ContainsFunc(caller.GetGrants(), listed):
		return nil
	case slices.ContainsFunc(caller.GetDormant(), listed):
		return problem.Of(faultv1.Reason_REASON_PRINCIPAL_POSTS_OVER)
	default:
		return problem.Of(faultv1.Reason_REASON_PERMISSION_DENIED)
	}
}
