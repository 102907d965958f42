package rectification

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// InspectionMove is something that happens to an inspection.
type InspectionMove string

// The moves of an inspection.
const (
	Recording  InspectionMove = "record / 登记检查记录"
	Concluding InspectionMove = "conclude / 办结"
)

// InspectionLife says which moves are allowed from which state.
var InspectionLife = lifecycle.Table[rectificationv1.Inspection_State, InspectionMove]{
	rectificationv1.Inspection_STATE_PLANNED: {
		Recording:  rectificationv1.Inspection_STATE_RECORDED,
		Concluding: rectificationv1.Inspection_STATE_CONCLUDED, // if nobody is left to visit, or to visit them
	},
	rectificationv1.Inspection_STATE_RECORDED: {
		Recording:  rectificationv1.Inspection_STATE_RECORDED,
		Concluding: rectificationv1.Inspection_STATE_CONCLUDED,
	},
}

func moveInspection(i *rectificationv1.Inspection, m InspectionMove) (*rectificationv1.Inspection, error) {
	return lifecycle.Move(InspectionLife, i, m, ErrInspectionIllegalMove)
}

// NewInspection returns the inspection that i asks for, under name, as planner plans it,
// who belongs to none of the targets either. Its team is in office where they are entered or
// in the bureau, and one of them at least may record.
func NewInspection(name string, i *rectificationv1.Inspection, planner string, at Places, serves Serves) (*rectificationv1.Inspection, error) {
	for n, m := range i.GetTeam() {
		if at.Path(home(m)) == nil || !serves(home(m), m) && !serves(i.GetUnit(), m) {
			return nil, ErrInspectionMemberUnknown.With("unit", home(m)).
				At(fmt.Sprintf("inspection.team[%d]", n), "不存在或不在任", "is nobody in office")
		}
	}
	if !slices.ContainsFunc(i.GetTeam(), func(m string) bool { return at.Inspects(m, i.GetUnit()) }) {
		return nil, ErrInspectionTeamInvalid.At("inspection.team", "没有可以登记检查记录的人员", "has nobody who may record")
	}
	for n, t := range i.GetTargets() {
		field := fmt.Sprintf("inspection.targets[%d]", n)
		if err := visitable(i, t, at, field); err != nil {
			return nil, err
		}
		if at.Belongs(planner, t) {
			return nil, ErrInspectionOwnUnit.With("target", t).At(field, "您属于该单位", "is your own unit")
		}
	}
	return &rectificationv1.Inspection{
		Name: name, Unit: i.GetUnit(), Campaign: i.GetCampaign(), Title: i.GetTitle(), Plan: i.GetPlan(),
		Announced: i.GetAnnounced(), Team: i.GetTeam(), Targets: i.GetTargets(),
		State: rectificationv1.Inspection_STATE_PLANNED,
	}, nil
}

// home is the unit that a member is entered in.
func home(member string) string {
	unit, _, _ := strings.Cut(member, "/members/")
	return unit
}

// visitable says whether the target, which the request has at field, lies beneath
// the bureau and is active, and none of the team belongs to it.
func visitable(i *rectificationv1.Inspection, target string, at Places, field string) error {
	if p := at.Path(target); target == i.GetUnit() || !slices.Contains(p, i.GetUnit()) {
		return ErrInspectionTargetOutside.With("target", target).At(field, "不是检查单位的下级单位", "does not lie beneath the bureau that inspects")
	}
	if !at.Active(target) {
		return ErrInspectionTargetArchived.With("target", target).At(field, "已撤并", "is archived")
	}
	for _, m := range i.GetTeam() {
		if at.Belongs(m, target) {
			return ErrInspectionOwnUnit.With("target", target).At(field, "有检查组成员属于该单位", "is the unit of one of the team")
		}
	}
	return nil
}

// Visited is what a visit to a target brought.
type Visited struct {
	Target, Summary string
	Problems        []string
	By              string // who records it
	Time            time.Time
}

// Record returns i with the visit, as one of its team records it who is in office in the
// bureau.
func Record(i *rectificationv1.Inspection, v Visited, at Places) (*rectificationv1.Inspection, error) {
	i, err := moveInspection(i, Recording)
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(i.GetTeam(), v.By):
		return nil, ErrInspectionNotOfTeam
	case !at.Inspects(v.By, i.GetUnit()):
		return nil, ErrInspectionRecorderOutside
	case !slices.Contains(i.GetTargets(), v.Target):
		return nil, ErrInspectionTargetUnknown.With("target", v.Target).At("target", "不在受检单位之列", "is not a target of the inspection")
	case visited(i, v.Target):
		return nil, ErrInspectionTargetRecorded.With("target", v.Target).At("target", "已有检查记录", "has been visited")
	}
	if err := visitable(i, v.Target, at, "target"); err != nil {
		return nil, err
	}
	i.Visits = append(i.Visits, &rectificationv1.Visit{
		Target: v.Target, Summary: v.Summary, Problems: v.Problems, Time: timestamppb.New(v.Time),
	})
	return i, nil
}

// visited says whether the visit to the target is recorded.
func visited(i *rectificationv1.Inspection, target string) bool {
	return slices.ContainsFunc(i.GetVisits(), func(v *rectificationv1.Visit) bool { return v.GetTarget() == target })
}

// Ending is how an inspection ends.
type Ending struct {
	Conclusion string
	By         string // who concludes it
	Time       time.Time
}

// Conclude returns i as ended by one of its team who is in office in the bureau; or by another for the bureau, who
// belongs to none of the targets, once nobody of the team can: an inspection does not die
// with its team. Nobody ends one who has come to belong to what was visited. While there
// are targets that the team can visit, it records one visit at least first.
func Conclude(i *rectificationv1.Inspection, e Ending, at Places) (*rectificationv1.Inspection, error) {
	able := slices.ContainsFunc(i.GetTeam(), func(m string) bool {
		return at.Inspects(m, i.GetUnit()) && apart(m, seen(i), at) == nil
	})
	ended, err := moveInspection(i, Concluding)
	if err != nil {
		return nil, err
	}
	concerned := seen(i)
	if !slices.Contains(i.GetTeam(), e.By) {
		if able {
			return nil, ErrInspectionNotOfTeam
		}
		concerned = i.GetTargets()
	}
	if !at.Inspects(e.By, i.GetUnit()) {
		return nil, ErrInspectionRecorderOutside
	}
	left := func(target string) bool { return visitable(i, target, at, "") == nil }
	if able && i.GetState() == rectificationv1.Inspection_STATE_PLANNED && slices.ContainsFunc(i.GetTargets(), left) {
		return nil, lifecycle.Refused(i, Concluding, ErrInspectionIllegalMove)
	}
	ended.Conclusion, ended.Concluder, ended.ConcludeTime = e.Conclusion, e.By, timestamppb.New(e.Time)
	return ended, apart(e.By, concerned, at)
}

// seen are the targets that were visited.
func seen(i *rectificationv1.Inspection) (targets []string) {
	for _, v := range i.GetVisits() {
		targets = append(targets, v.GetTarget())
	}
	return targets
}

// apart says whether the member belongs to none of the units.
func apart(member string, units []string, at Places) error {
	for _, u := range units {
		if at.Belongs(member, u) {
			return ErrInspectionConcluderInvolved.With("target", u)
		}
	}
	return nil
}

// Reader is who reads an inspection.
type Reader struct {
	Name    string
	Sees    func(unit string) bool // whether they see the unit's records, as no portal does
	Portal  func(unit string) bool // whether the inspection is public and they see what is so of the unit
	Belongs func(unit string) bool // whether they belong to the unit or to what lies beneath it
}

// Shown returns of i what r may know: all of it, if r sees the inspecting bureau and
// belongs to none of the targets, or is of the team; else the part of the targets that r
// sees and that know of it, and for portals of those that were visited once it is
// concluded; or nil if there is none.
func Shown(i *rectificationv1.Inspection, r Reader) *rectificationv1.Inspection {
	if r.Sees(i.GetUnit()) && !slices.ContainsFunc(i.GetTargets(), r.Belongs) || slices.Contains(i.GetTeam(), r.Name) {
		return i
	}
	knows := func(target string) bool {
		was := visited(i, target)
		return r.Sees(target) && (i.GetAnnounced() || was) || was && r.Portal(target)
	}
	part := proto.CloneOf(i)
	part.Plan, part.Conclusion, part.Team, part.Concluder = "", "", nil, ""
	part.Targets = slices.DeleteFunc(part.Targets, func(t string) bool { return !knows(t) })
	part.Visits = slices.DeleteFunc(part.Visits, func(v *rectificationv1.Visit) bool { return !knows(v.GetTarget()) })
	if len(part.Targets) == 0 {
		return nil
	}
	return part
}
