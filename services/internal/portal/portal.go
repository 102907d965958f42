// Package portal says which records third-party portals (第三方平台) may know of, to the
// services that keep them and to those that tell of them: what a superior has accepted
// and what is published; and leaves out of answers whom they name. It says as well what
// those read of a record who know of it by its assignment alone. Who is a portal, and what
// else a caller may see, package authz says.
package portal

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/feed"
)

// Public says whether a record, as it stands, may be known to portals. Before, it is
// the business of those inside; and so is for ever what is not named here: staff,
// machines, grants and keys, targets, sources of reports and their codes, leaves and
// dues, complaints, files (佐证材料), installations below. What was filed of a problem does not say
// whether it was accepted: who may read an acknowledged version may read what is in it.
//
// A record that is public MUST stay so: who folds the events ends with what GET answers. A
// report alone ends: once accepted, its correction says which one it supersedes.
func Public(record proto.Message) bool {
	switch r := record.(type) {
	case *organizationv1.Unit:
		return true
	case *campaignv1.Campaign:
		return r.GetState() >= campaignv1.Campaign_STATE_PUBLISHED
	case *campaignv1.Assignment:
		return r.GetState() == campaignv1.Assignment_STATE_APPROVED
	case *rectificationv1.Inspection:
		return r.GetState() == rectificationv1.Inspection_STATE_CONCLUDED && len(r.GetVisits()) > 0
	case *rectificationv1.Ledger:
		return r.GetAcknowledgedVersion() > 0
	case *rectificationv1.LedgerVersion:
		return r.GetState() == rectificationv1.LedgerVersion_STATE_ACKNOWLEDGED
	case *rectificationv1.Problem:
		return r.GetAccepted()
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

// Shown is a public record as portals read it: without what its log has behind
// commitments, which is personal or what somebody wrote of their own work, and without
// what no superior has accepted: a ledger as its superior acknowledged it, and a problem by
// the content with which it counts, not by what the unit has made of them since. How far
// the rectification has come is as it is. It does not change the record.
func Shown[M proto.Message](record M) M {
	shown := proto.CloneOf(record)
	unsealed(shown.ProtoReflect())
	switch r := any(shown).(type) {
	case *rectificationv1.Ledger:
		acknowledged(r)
	case *rectificationv1.Problem:
		accepted(r)
	case *rectificationv1.Inspection:
		visited(r)
	case *campaignv1.Assignment:
		for _, e := range r.GetEvidence() {
			e.Attachment = "" // files are for those inside
		}
	case *aggregationv1.Report:
		r.SupersededBy = "" // it awaits its superior, as long as this one is accepted
		r.Rows = slices.DeleteFunc(r.GetRows(), func(row *aggregationv1.Report_Row) bool { return !Counted(row) })
		r.Columns, r.Progress = nil, nil
	}
	return shown
}

// Counted says whether a row of an accepted report is for portals: what did not become a
// figure may be anything that its sender typed.
func Counted(row *aggregationv1.Report_Row) bool { return row.GetCounted() }

// unsealed clears the fields that events leave out for everybody.
func unsealed(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if feed.Label(f) != "" {
			m.Clear(f)
		}
		return true
	})
}

// acknowledged makes of a ledger what its superior acknowledged.
func acknowledged(l *rectificationv1.Ledger) {
	l.State, l.Version = rectificationv1.Ledger_STATE_ACKNOWLEDGED, l.GetAcknowledgedVersion()
	l.PendingChanges, l.ReturnReason, l.ContentDigest = false, "", ""
	l.ProblemCount = 0 // of these some are not filed; the version says how many are in it
	l.AcknowledgeDueDate, l.AcknowledgeDueProvisional, l.AcknowledgeDueFromDate, l.HandedInDate = "", false, "", ""
}

// visited leaves of an inspection the units that were visited, and the visits: what it was
// meant to find, whom it did not go to and what it made of all is for those who sent it.
func visited(i *rectificationv1.Inspection) {
	i.Plan, i.Conclusion = "", ""
	i.Targets = slices.DeleteFunc(i.GetTargets(), func(target string) bool {
		return !slices.ContainsFunc(i.GetVisits(), func(v *rectificationv1.Visit) bool { return v.GetTarget() == target })
	})
}

// accepted gives a problem the content by which it counts, and leaves out what was asked and
// not granted, why it was returned, and files, which are for those inside.
func accepted(p *rectificationv1.Problem) {
	p.Reason, p.Evidence, p.SubmittedProgress = "", nil, 0
	p.Extensions = slices.DeleteFunc(p.GetExtensions(), func(e *rectificationv1.Extension) bool {
		return e.GetState() != rectificationv1.Extension_STATE_APPROVED
	})
	content := p.GetAcceptedContent()
	_, filed, _ := strings.Cut(content.GetFiledProblem(), "/versions/")
	number, _, _ := strings.Cut(filed, "/")
	n, _ := strconv.ParseInt(number, 10, 32)                                         // none: it was entered, not filed
	if n == 0 || p.GetFiledVersion() != int32(n) || content.GetDescription() != "" { // an older version kept no text
		p.Description, p.Cause, p.Measures = content.GetDescription(), content.GetCause(), content.GetMeasures()
	}
	p.Category, p.Item, p.Level, p.Deadline = content.GetCategory(), content.GetItem(), content.GetLevel(), content.GetDeadline()
	p.FiledVersion = int32(n)
}
