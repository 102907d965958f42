package federation

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// maxDepth is how many levels of remote units may lie beneath a unit of this
// installation.
const maxDepth = 8

// Owner says who has a unit and what lies above it. Held says that there is one.
type Owner struct {
	Installation string // installations/…; empty: this one
	Parent       string // empty: not known, or kept here
	Held         bool
}

// Place says whether a unit that an installation has under parent gets a place in
// the tree here: its id must be free or the installation's, and the units above
// it the installation's own, up to its root. It answers 0 or why not. owner is
// asked for units by name.
func Place(installation, root, unit, parent string, owner func(string) (Owner, error)) (federationv1.RefusedUnit_Reason, error) {
	o, err := owner(unit)
	if err != nil {
		return 0, err
	}
	if o.Held && o.Installation != installation {
		return federationv1.RefusedUnit_REASON_TAKEN, nil
	}
	within := false
	for depth := 1; parent != ""; depth++ {
		if depth > maxDepth || parent == unit {
			return federationv1.RefusedUnit_REASON_TOO_DEEP, nil
		}
		within = within || parent == root
		if o, err = owner(parent); err != nil {
			return 0, err
		}
		if !within && (!o.Held || o.Installation != installation) {
			return federationv1.RefusedUnit_REASON_ELSEWHERE, nil
		}
		parent = o.Parent
	}
	if !within {
		return federationv1.RefusedUnit_REASON_ELSEWHERE, nil
	}
	return 0, nil
}

// RemoteName is the name of the record of a remote unit.
func RemoteName(unit string) string { return "remoteUnits/" + strings.TrimPrefix(unit, "units/") }

// maxRefused is how many refused units of a log are listed.
const maxRefused = 100

// RefuseUnit notes on a mirror that a unit of the log has no place.
func RefuseUnit(m *federationv1.Mirror, r *federationv1.RefusedUnit) {
	m.RefusedCount++
	if len(m.GetRefusedUnits()) < maxRefused {
		m.RefusedUnits = append(m.RefusedUnits, r)
	}
}

// RefuseGreeting notes on the mirror of an installation's voice that somebody came as it at a
// moment and was not believed; claims is the log in an era which nobody has enrolled, or empty.
func RefuseGreeting(m *federationv1.Mirror, code federationv1.Code, claims string, now time.Time) {
	at := timestamppb.New(now)
	for _, g := range m.GetRefusedGreetings() {
		if g.GetCode() == code {
			g.Origin, g.LastTime, g.Count, g.EnrolmentTime = claims, at, g.GetCount()+1, nil
			return
		}
	}
	m.RefusedGreetings = append(m.RefusedGreetings, &federationv1.RefusedGreeting{Code: code, Origin: claims, FirstTime: at, LastTime: at, Count: 1})
}

// EnrolGreeting notes on the mirror of an installation's voice that its enrolment was changed at a
// moment: whoever was refused before came before that. What came stays, for it may have been a thief.
func EnrolGreeting(m *federationv1.Mirror, now time.Time) {
	for _, g := range m.GetRefusedGreetings() {
		if g.GetEnrolmentTime() == nil {
			g.EnrolmentTime = timestamppb.New(now)
		}
	}
}
