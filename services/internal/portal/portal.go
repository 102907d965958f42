// Package portal says which records third-party portals (第三方平台) may know of, to the
// services that keep them and to those that tell of them: what a superior has accepted
// and what is published; and leaves out of answers whom they name. Who is a portal, and
// what else a caller may see, package authz says.
package portal

import (
	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Public says whether a record, as it stands, may be known to portals. Before, it is
// the business of those inside; and so is for ever what is not named here: staff,
// machines, grants and keys, targets, sources of reports and their codes, leaves and
// dues, complaints, installations below.
func Public(record proto.Message) bool {
	switch r := record.(type) {
	case *organizationv1.Unit, *rectificationv1.LedgerVersion, *rectificationv1.FiledProblem:
		return true // what is filed is a version
	case *campaignv1.Campaign:
		return r.GetState() >= campaignv1.Campaign_STATE_PUBLISHED
	case *campaignv1.Assignment:
		return r.GetState() == campaignv1.Assignment_STATE_APPROVED
	case *rectificationv1.Inspection:
		return r.GetState() == rectificationv1.Inspection_STATE_CONCLUDED
	case *rectificationv1.Ledger:
		return r.GetVersion() > 0
	case *rectificationv1.Problem:
		return r.GetFiledVersion() > 0
	case *aggregationv1.Report:
		return r.GetState() == aggregationv1.Report_STATE_ACCEPTED
	case *evaluationv1.Round:
		return r.GetState() == evaluationv1.Round_STATE_PUBLISHED
	case *evaluationv1.Result:
		return r.GetPublishTime() != nil
	default:
		return false
	}
}
