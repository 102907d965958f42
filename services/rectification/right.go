package rectification

import (
	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Right is a way to have a say on a problem: one of the roles, in the scope to
// its unit.
type Right struct {
	Scope accessv1.Scope
	Roles []accessv1.Role
}

// The sides from which one acts on a problem.
var (
	unitsOffice  = Right{accessv1.Scope_SCOPE_OWN, []accessv1.Role{accessv1.Role_ROLE_CLERK, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_HEAD}}
	unitsLeaders = Right{accessv1.Scope_SCOPE_OWN, []accessv1.Role{accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_HEAD}}
	unitsOwn     = Right{accessv1.Scope_SCOPE_OWN, []accessv1.Role{accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_SUPERVISOR}}
	above        = Right{accessv1.Scope_SCOPE_SUPERIOR, []accessv1.Role{accessv1.Role_ROLE_SUPERVISOR, accessv1.Role_ROLE_LEADER}}
)

// entrants says who enters problems of a source by hand. What an inspection finds
// comes by RecordInspection, and what complaints bring by their service.
var entrants = map[rectificationv1.Problem_Source][]Right{
	rectificationv1.Problem_SOURCE_SELF_CHECK: {unitsOffice},
	rectificationv1.Problem_SOURCE_OUTREACH:   {unitsOffice},
	rectificationv1.Problem_SOURCE_AUDIT:      {unitsOffice, above},
	rectificationv1.Problem_SOURCE_LETTER:     {unitsOffice, above},
	rectificationv1.Problem_SOURCE_EVALUATION: {above},
	rectificationv1.Problem_SOURCE_SUPERIOR:   {above},
}

// Entrants returns who may enter problems of the source.
func Entrants(s rectificationv1.Problem_Source) []Right { return entrants[s] }

// ByService says whether a service may enter problems of the source in its own
// name.
func ByService(service string, s rectificationv1.Problem_Source) bool {
	return service == "complaint" && s == rectificationv1.Problem_SOURCE_COMPLAINT
}

// ownFinding says whether the unit found the problem itself.
func ownFinding(s rectificationv1.Problem_Source) bool {
	return s == rectificationv1.Problem_SOURCE_SELF_CHECK || s == rectificationv1.Problem_SOURCE_OUTREACH
}

// Verifiers returns who may verify problems of the source, send them back, or reopen them. Of
// the topmost unit's problems its own leaders and supervisors do, whoever found them: nobody
// is above.
func Verifiers(s rectificationv1.Problem_Source, topmost bool) []Right {
	switch {
	case topmost:
		return []Right{unitsOwn}
	case ownFinding(s):
		return []Right{unitsLeaders, above}
	default:
		return []Right{above}
	}
}

// Superiors returns who decides on what a bureau is to decide on: those of them who act
// for it or for a unit above it.
func Superiors() Right { return above }

// Bureau returns the bureau that makes the move on p, or those above it: the one that
// found p (发现单位). What a complaint led to says of no desk that it heard that, so that
// nothing of it is dropped or put off but by the topmost unit, whichever it was. It is
// empty if any superior does.
func Bureau(p *rectificationv1.Problem, m ProblemMove, topmost string) string {
	final := m == Cancelling || m == Granting || m == Refusing
	if p.GetSource() == rectificationv1.Problem_SOURCE_COMPLAINT && final {
		return topmost
	}
	return p.GetFoundBy()
}

// Closers returns who may close p: what the unit found itself a leader of the unit, of
// whom these are all; or a superior, too, if none of them is free to or was when it was
// verified. All else a supervisor or leader above closes, and of the topmost unit's its own
// leaders and supervisors.
func Closers(p *rectificationv1.Problem, leaders []string, topmost bool) []Right {
	switch {
	case topmost:
		return []Right{unitsOwn}
	case !ownFinding(p.GetSource()):
		return []Right{above}
	case p.GetCloseAbove() || nobodyFree(p, leaders, mayClose):
		return []Right{unitsLeaders, above}
	default:
		return []Right{unitsLeaders}
	}
}

// Leading returns the roles by which one closes for the unit what it found itself.
func Leading() []accessv1.Role { return unitsLeaders.Roles }
