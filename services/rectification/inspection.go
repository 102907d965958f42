package rectification

import (
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
	Recording  InspectionMove = "record"
	Concluding InspectionMove = "conclude"
)

// InspectionLife says which moves are allowed from which state.
var InspectionLife = lifecycle.Table[rectificationv1.Inspection_State, InspectionMove]{
	rectificationv1.Inspection_STATE_PLANNED: {
		Recording: rectificationv1.Inspection_STATE_RECORDED,
	},
	rectificationv1.Inspection_STATE_RECORDED: {
		Recording:  rectificationv1.Inspection_STATE_RECORDED,
		Concluding: rectificationv1.Inspection_STATE_CONCLUDED,
	},
}

func moveInspection(i *rectificationv1.Inspection, m InspectionMove) (*rectificationv1.Inspection, error) {
	return lifecycle.Move(InspectionLife, i, m, ErrInspectionIllegalMove)
}

// Path returns a unit and those above it, nearest first; nil if there is no such
// unit.
type Path func(unit string) []string

// NewInspection returns the inspection that i asks for, under name. path is the
// tree as it is.
func NewInspection(name string, i *rectificationv1.Inspection, path Path, serves Serves) (*rectificationv1.Inspection, error) {
	for _, m := range i.GetTeam() {
		if path(home(m)) == nil || !serves(home(m), m) {
			return nil, ErrInspectionMemberUnknown.With("unit", home(m))
		}
	}
	for _, t := range i.GetTargets() {
		if err := visitable(i, t, path); err != nil {
			return nil, err
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

// visitable says whether the target lies beneath the bureau and is not the own
// unit of one of the team, nor above it.
func visitable(i *rectificationv1.Inspection, target string, path Path) error {
	if p := path(target); target == i.GetUnit() || !slices.Contains(p, i.GetUnit()) {
		return ErrInspectionTargetOutside.With("target", target)
	}
	for _, m := range i.GetTeam() {
		if err := Disinterested(m, target, path); err != nil {
			return err
		}
	}
	return nil
}

// Disinterested says whether the member's own unit is neither the target nor
// beneath it.
func Disinterested(member, target string, path Path) error {
	if slices.Contains(path(home(member)), target) {
		return ErrInspectionOwnUnit.With("target", target)
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

// Record returns i with the visit.
func Record(i *rectificationv1.Inspection, v Visited, path Path) (*rectificationv1.Inspection, error) {
	i, err := moveInspection(i, Recording)
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(i.GetTeam(), v.By):
		return nil, ErrInspectionNotOfTeam
	case !slices.Contains(i.GetTargets(), v.Target):
		return nil, ErrInspectionTargetUnknown.With("target", v.Target)
	case visited(i, v.Target):
		return nil, ErrInspectionTargetRecorded.With("target", v.Target)
	}
	if err := visitable(i, v.Target, path); err != nil {
		return nil, err
	}
	i.Visits = append(i.Visits, &rectificationv1.Visit{
		Target: v.Target, Summary: v.Summary, Problems: v.Problems, Time: timestamppb.New(v.Time),
	})
	return i, Disinterested(v.By, v.Target, path)
}

// visited says whether the visit to the target is recorded.
func visited(i *rectificationv1.Inspection, target string) bool {
	return slices.ContainsFunc(i.GetVisits(), func(v *rectificationv1.Visit) bool { return v.GetTarget() == target })
}

// Conclude returns i as ended by who.
func Conclude(i *rectificationv1.Inspection, conclusion, who string, now time.Time) (*rectificationv1.Inspection, error) {
	i, err := moveInspection(i, Concluding)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(i.GetTeam(), who) {
		return nil, ErrInspectionNotOfTeam
	}
	i.Conclusion, i.ConcludeTime = conclusion, timestamppb.New(now)
	return i, nil
}

// Shown returns of i what a reader may know who is called reader and sees the
// units that sees tells: all of it, if that is the inspecting bureau or the
// reader is of the team; else the part of the targets that the reader sees and
// that know of it; or nil if there is none.
func Shown(i *rectificationv1.Inspection, reader string, sees func(unit string) bool) *rectificationv1.Inspection {
	if sees(i.GetUnit()) || slices.Contains(i.GetTeam(), reader) {
		return i
	}
	knows := func(target string) bool { return sees(target) && (i.GetAnnounced() || visited(i, target)) }
	part := proto.CloneOf(i)
	part.Plan, part.Conclusion, part.Team = "", "", nil
	part.Targets = slices.DeleteFunc(part.Targets, func(t string) bool { return !knows(t) })
	part.Visits = slices.DeleteFunc(part.Visits, func(v *rectificationv1.Visit) bool { return !knows(v.GetTarget()) })
	if len(part.Targets) == 0 {
		return nil
	}
	return part
}
