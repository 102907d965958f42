package rectification

import (
	"slices"
	"strconv"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// MaxRectifiers is how many persons work on a problem from its being found or
// reopened to its being struck off.
const MaxRectifiers = 200

// MaxInvolved is how many persons have a part in a problem in all its life; they are
// kept, so that they never decide on it as superiors. Who decides for the unit is let
// through however many there are, and those who have a part in it already go on.
const MaxInvolved = 500

// leaders are who leads the rectification of p, and who did before.
func leaders(p *rectificationv1.Problem) []string {
	return append(slices.Clone(p.GetLeaders()), p.GetLeaderResponsible())
}

// leading are the leaders of p, if that keeps them from verifying: what the unit found
// itself its leaders verify, what others found they do not.
func leading(p *rectificationv1.Problem) []string {
	if ownFinding(p.GetSource()) {
		return nil
	}
	return leaders(p)
}

// mayVerify says whether who neither worked on p, nor leads or led it if others found it.
func mayVerify(p *rectificationv1.Problem, who string) error {
	return another(who, p, leading(p)...)
}

// mayClose says whether who neither worked on p, nor leads or led it, nor verified it.
func mayClose(p *rectificationv1.Problem, who string) error {
	return another(who, p, append(leaders(p), p.GetVerifier())...)
}

// nobodyFree says whether none of them may do with p what the rule is about.
func nobodyFree(p *rectificationv1.Problem, them []string, may func(*rectificationv1.Problem, string) error) bool {
	return !slices.ContainsFunc(them, func(who string) bool { return may(p, who) == nil })
}

// Decided returns after, which it changes, as what who made of p by the right, if they are one
// to decide on it: for the unit whoever is in office there, who is kept, and as a superior who
// had no part in it.
func Decided(p, after *rectificationv1.Problem, who string, by Right, serves Serves) (*rectificationv1.Problem, error) {
	switch {
	case by.Scope == accessv1.Scope_SCOPE_SUPERIOR:
		return after, Uninvolved(who, p)
	case !serves(p.GetUnit(), who):
		return nil, ErrProblemDeciderOutside
	default:
		after.Former = with(after.GetFormer(), who)
		return after, nil
	}
}

// Uninvolved says whether who neither entered p for the unit, nor ever worked on it, answered
// for it or led it, asked for another deadline, or verified, returned, closed or reopened it for
// the unit: a superior decides about others.
func Uninvolved(who string, p *rectificationv1.Problem) error {
	if who == p.GetEnteredBy() || slices.Contains(parts(p), who) {
		return ErrProblemDeciderInvolved
	}
	return nil
}

// parts are all who have a part in p, or had one since it was found, each once.
func parts(p *rectificationv1.Problem) (all []string) {
	now := []string{p.GetLeaderResponsible(), p.GetPersonResponsible(), p.GetSubmitter(), p.GetExtensionAsker()}
	for _, who := range slices.Concat(p.GetFormer(), p.GetLeaders(), p.GetRectifiers(), now) {
		all = with(all, who)
	}
	return all
}

// kept returns after, which it changes, with those who had a part in before and would be
// forgotten.
func kept(before, after *rectificationv1.Problem) *rectificationv1.Problem {
	there := parts(after)
	for _, who := range parts(before) {
		if !slices.Contains(there, who) {
			after.Former = append(after.Former, who)
		}
	}
	return after
}

// another says whether who is neither one of those who worked on p, or have to,
// nor one of the others.
func another(who string, p *rectificationv1.Problem, others ...string) error {
	others = append(others, p.GetSubmitter(), p.GetPersonResponsible())
	if slices.Contains(others, who) || slices.Contains(p.GetRectifiers(), who) {
		return ErrProblemSamePerson
	}
	return nil
}

// underway returns p, which it changes, after who made it of before while it is rectified:
// who answers for it and leads it then is kept, whoever does later.
func underway(before, p *rectificationv1.Problem, who string) (*rectificationv1.Problem, error) {
	p.Leaders = with(p.GetLeaders(), p.GetLeaderResponsible())
	return worked(before, p, p.GetPersonResponsible(), who)
}

// with are the names, with one more if it is not among them.
func with(names []string, name string) []string {
	if name == "" || slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// worked returns p, which it changes, with those who worked on it and made it of before.
func worked(before, p *rectificationv1.Problem, who ...string) (*rectificationv1.Problem, error) {
	for _, w := range who {
		p.Rectifiers = with(p.GetRectifiers(), w)
	}
	if max(len(p.GetRectifiers()), len(p.GetLeaders())) > MaxRectifiers {
		return nil, ErrProblemRectifiersFull.With("limit", strconv.Itoa(MaxRectifiers))
	}
	if p = kept(before, p); len(parts(p)) > max(MaxInvolved, len(parts(before))) {
		return nil, ErrProblemRectifiersFull.With("limit", strconv.Itoa(MaxInvolved))
	}
	return p, nil
}
