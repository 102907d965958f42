// Package campaign holds the rules of campaigns (活动、专项行动) and of the
// assignments that they give to units: what a coherent campaign is, whom it
// concerns, what publishing it gives to whom, and how an assignment goes from
// issue to approval. The templates that ship with the suite are read here too.
//
// Every function is pure: time, names and the tree of units come in, and what
// was given is never changed. The server beside it finds and stores the records.
// Ledgers, evaluations and figures belong to other services, which read
// campaigns.
package campaign

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// The reasons for which a rule refuses.
var (
	ErrIllegalMove          = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_ILLEGAL_MOVE)
	ErrExists               = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_EXISTS)
	ErrTemplateUnknown      = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_TEMPLATE_UNKNOWN)
	ErrYearInvalid          = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_YEAR_INVALID)
	ErrCodeRepeated         = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_CODE_REPEATED)
	ErrReferenceUnknown     = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_REFERENCE_UNKNOWN)
	ErrDatesReversed        = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_DATES_INVALID)
	ErrCountInvalid         = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_COUNT_INVALID)
	ErrUnitOutside          = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_UNIT_OUTSIDE)
	ErrDepartmentUnresolved = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_DEPARTMENT_MISSING)
	ErrIncomplete           = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_INCOMPLETE)
	ErrLeaderUnknown        = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_LEADER_UNKNOWN)
	ErrDatesOver            = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_DATES_OVER)
	ErrDatesOutside         = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_DATES_OUTSIDE)
	ErrScopeEmpty           = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_SCOPE_EMPTY)
	ErrParentInvalid        = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_PARENT_INVALID)
	ErrTooManyAssignments   = fault.Of(campaignv1.Reason_REASON_CAMPAIGN_ASSIGNMENTS_TOO_MANY)

	ErrAssignmentIllegalMove = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_ILLEGAL_MOVE)
	ErrCampaignClosed        = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_CAMPAIGN_CLOSED)
	ErrEvidenceMissing       = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_EVIDENCE_MISSING)
	ErrEvidenceUnknown       = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_EVIDENCE_UNKNOWN)
	ErrEvidenceKindUnknown   = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_EVIDENCE_KIND_UNKNOWN)
	ErrEvidenceMedia         = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_EVIDENCE_MEDIA_INVALID)
	ErrNilRefused            = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_NIL_RETURN_REFUSED)
	ErrSamePerson            = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_SAME_PERSON)
	ErrUnchanged             = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_UNCHANGED)
	ErrSubmittersFull        = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_SUBMITTERS_FULL)
	ErrTakesNoFiles          = fault.Of(campaignv1.Reason_REASON_ASSIGNMENT_ATTACHMENT_REFUSED)
)

// Editable are the fields of a draft that its owner sets.
var Editable = []string{
	"display_name", "basis", "objective", "leading_group", "phases", "categories",
	"actions", "evidence_kinds", "scope", "filing", "tasks", "parent",
}

// CheckParent says whether the campaign that c is part of can be one above the
// installation of that name, such as installations/510104, which keeps c.
func CheckParent(c *campaignv1.Campaign, installation string) error {
	if strings.HasPrefix(c.GetParent(), installation+"/") {
		return ErrParentInvalid.At("campaign.parent", "是本系统的活动", "is a campaign of this installation")
	}
	return nil
}

// Draft returns the draft that asked describes, under name: what asked leaves
// empty is as in template, which may be empty itself. land is the owner's
// subtree.
func Draft(name string, asked, template *campaignv1.Campaign, land Land) (*campaignv1.Campaign, error) {
	c := proto.CloneOf(template)
	from, to := proto.CloneOf(asked).ProtoReflect(), c.ProtoReflect()
	for _, field := range Editable {
		if f := to.Descriptor().Fields().ByName(protoreflect.Name(field)); from.Has(f) {
			to.Set(f, from.Get(f))
		}
	}
	c.Name, c.Owner, c.State = name, asked.GetOwner(), campaignv1.Campaign_STATE_DRAFT
	return Resolve(c, land), Check(c, land)
}

// Revise returns the draft c after its fields were set.
func Revise(c *campaignv1.Campaign, land Land) (*campaignv1.Campaign, error) {
	if _, err := move(c, Updating); err != nil {
		return nil, err
	}
	return Resolve(c, land), Check(c, land)
}
