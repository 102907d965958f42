package event

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Place is whose a change is. Units and campaigns are resource names.
type Place struct {
	// Unit is whose resource it is.
	Unit string
	// Assigned is a unit that may read it too, or "".
	Assigned string
	// Campaign is the one that it belongs to, or "".
	Campaign string
}

// PlaceOf says whose a resource is, as it is after a change. Nobody is told of
// what it does not name: sealed cases, keys, ballots, results that are not
// published, and whatever this version does not know.
func PlaceOf(body proto.Message) (p Place, told bool) {
	switch r := body.(type) {
	case *campaignv1.Campaign:
		return Place{Unit: r.GetOwner(), Campaign: r.GetName()}, true
	case *complaintv1.Complaint:
		return Place{Unit: r.GetDesk(), Assigned: r.GetAssignedUnit()}, open(r)
	case *evaluationv1.Round:
		return Place{Unit: r.GetOwner()}, true
	case *evaluationv1.Result:
		return Place{Unit: r.GetUnit()}, r.GetPublishTime() != nil
	case *organizationv1.Unit:
		return Place{Unit: r.GetName()}, true
	case *organizationv1.Member:
		return Place{Unit: home(r.GetName())}, true
	case *organizationv1.Machine, *organizationv1.RoleGrant,
		*aggregationv1.Report, *aggregationv1.ReportSource, *aggregationv1.ReportLeave:
		return Place{Unit: r.(owned).GetUnit()}, true
	case *campaignv1.Assignment, *rectificationv1.Ledger, *rectificationv1.LedgerVersion, *rectificationv1.FiledProblem,
		*rectificationv1.Problem, *rectificationv1.Inspection:
		return placeIn(r.(owned)), true
	default:
		return Place{}, false
	}
}

// owned is a resource that names its unit.
type owned interface{ GetUnit() string }

// placeIn is that of a resource that may name its campaign too.
func placeIn(r owned) Place {
	p := Place{Unit: r.GetUnit()}
	if c, ok := r.(interface{ GetCampaign() string }); ok {
		p.Campaign = c.GetCampaign()
	}
	return p
}

// Concerned returns the units that a resource is about and whose people are not told of
// it for its unit, whatever they may there (回避): those that an inspection visits, and the
// one that a complaint is about which another hears.
func Concerned(body *anypb.Any) ([]string, error) {
	switch body.MessageName() {
	case "duban.complaint.v1.Complaint":
		c := &complaintv1.Complaint{}
		if err := body.UnmarshalTo(c); err != nil || c.GetUnit() == c.GetDesk() {
			return nil, err
		}
		return []string{c.GetUnit()}, nil
	case "duban.rectification.v1.Inspection":
		i := &rectificationv1.Inspection{}
		err := body.UnmarshalTo(i)
		return i.GetTargets(), err
	default:
		return nil, nil
	}
}

// open says whether a complaint is of the open types and concerns nobody's head:
// all others exist for their desk alone.
func open(c *complaintv1.Complaint) bool {
	return !c.GetSealed() && !c.GetAboutHead() && c.GetType() != complaintv1.Complaint_TYPE_REPORT
}

// home is the unit that a member is entered in.
func home(member string) string {
	for i := len("units/"); i < len(member); i++ {
		if member[i] == '/' {
			return member[:i]
		}
	}
	return member
}

// Readers are the roles of which a reader of a resource of that type must hold
// one on its place or above; none means any role at all. They are those of the
// method that reads the resource.
func Readers(message protoreflect.FullName) []accessv1.Role {
	switch message {
	case "duban.complaint.v1.Complaint":
		return []accessv1.Role{
			accessv1.Role_ROLE_COMPLAINT_OFFICER, accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_CLERK,
		}
	case "duban.organization.v1.RoleGrant":
		return []accessv1.Role{accessv1.Role_ROLE_SECURITY_ADMIN, accessv1.Role_ROLE_SYSTEM_ADMIN, accessv1.Role_ROLE_AUDITOR}
	default:
		return nil
	}
}
