package server

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
)

// mayHear decides who decides about a complaint that came in: its desk. Who may only take it over
// is told so.
func (s *Service) mayHear(tx *change.Tx, c *complaintv1.Complaint) error {
	if c.GetSealed() {
		err := s.mayOpen(tx, c)
		if errors.Is(err, authz.ErrNotFound) && s.inherits(tx, c) != "" {
			return authz.ErrDenied
		}
		return err
	}
	err := s.mayHeed(tx, c)
	if errors.Is(err, authz.ErrNotFound) && c.GetAssignedUnit() != "" && tx.Access.Sees(c.GetAssignedUnit()) {
		return authz.ErrDenied
	}
	return err
}

// mayLead decides who acts on a complaint for its desk: who is responsible. Nobody
// learns who that is without knowing of the case.
func (s *Service) mayLead(tx *change.Tx, c *complaintv1.Complaint) error {
	if err := s.mayHear(tx, c); err != nil {
		return err
	}
	err := complaint.Leads(c, tx.Access.Principal.Name)
	if err != nil && s.keeps(tx, c) {
		return nil
	}
	return err
}

// mayAnswer decides who answers a complaint: who is responsible, and whom it is
// assigned to. That the desk assigned it to itself (自办) lets nobody else there answer.
func (s *Service) mayAnswer(tx *change.Tx, c *complaintv1.Complaint) error {
	err := s.mayLead(tx, c)
	switch unit := c.GetAssignedUnit(); {
	case err == nil, c.GetSealed() && errors.Is(err, complaint.ErrNotResponsible): // the assignee, of all who know of it
		return nil
	case unit == "", s.Tree.Heir(unit) == s.Tree.Heir(c.GetDesk()), tx.Check(unit) != nil:
		return err
	default:
		return nil
	}
}

// mayRead decides who reads of a complaint what lies in the open.
func (s *Service) mayRead(tx *change.Tx, c *complaintv1.Complaint) error {
	if c.GetSealed() {
		return s.mayKnow(tx, c)
	}
	err := s.mayHear(tx, c)
	if err == nil || c.GetAssignedUnit() == "" || tx.Check(c.GetAssignedUnit()) != nil {
		return err
	}
	return nil
}

// mayInherit decides who takes a vacant case over. To who hears a complaint
// anyway the rule says why not.
func (s *Service) mayInherit(tx *change.Tx, c *complaintv1.Complaint) error {
	if desk := s.inherits(tx, c); desk != "" {
		return tx.Check(desk)
	}
	return s.mayHear(tx, c)
}

// mayKnow decides for whom a sealed case exists: who may open it, and who may
// take it over. To everyone else it MUST look as if it were not there.
func (s *Service) mayKnow(tx *change.Tx, c *complaintv1.Complaint) error {
	err := s.mayOpen(tx, c)
	if errors.Is(err, authz.ErrNotFound) && s.inherits(tx, c) != "" {
		return nil
	}
	return err
}

// mayOpen decides who opens a sealed case and acts on it, and who would do so if its
// content were not lost.
func (s *Service) mayOpen(tx *change.Tx, c *complaintv1.Complaint) error {
	err := s.opens(tx, c)
	if errors.Is(err, authz.ErrNotFound) && s.keeps(tx, c) {
		return nil
	}
	return err
}

// opens decides who does: officers on exactly its desk who have no part in it, and of
// these, once it is accepted, who is responsible or was assigned. It MUST NOT matter whether
// the content can be read: who may not know of the case does not learn that.
func (s *Service) opens(tx *change.Tx, c *complaintv1.Complaint) error {
	if err := tx.Check(c.GetDesk()); err != nil {
		return authz.ErrNotFound
	}
	who := tx.Access.Principal
	if who.Service() != "" {
		return nil
	}
	if !officerAt(tx, c.GetDesk()) || !complaint.Knows(c, who.Name) {
		return authz.ErrNotFound
	}
	about, err := s.about(tx, c)
	switch {
	case err != nil:
		return err
	case about.GetUnit() == "" && c.GetResponsible() == "", complaint.Involved(s.bench, about, who.Name):
		return authz.ErrNotFound
	default:
		return nil
	}
}

// inherits returns the desk at which the caller may take the case over, or "". A
// sealed one of which it is not known whom it is about nobody inherits.
func (s *Service) inherits(tx *change.Tx, c *complaintv1.Complaint) string {
	if !c.GetSealed() {
		return s.heeds(tx, c)
	}
	if !s.nearby(tx, c) {
		return ""
	}
	about, err := s.about(tx, c)
	if err != nil || about.GetUnit() == "" {
		return ""
	}
	desk := complaint.Heir(s.bench, about)
	if !officerAt(tx, desk) || !tx.Access.Sees(desk) || complaint.Involved(s.bench, about, tx.Access.Principal.Name) {
		return ""
	}
	return desk
}

// heeds is inherits of an open case.
func (s *Service) heeds(tx *change.Tx, c *complaintv1.Complaint) string {
	if !tx.Access.Sees(c.GetDesk()) {
		return ""
	}
	at := proto.CloneOf(c)
	if at.Desk = complaint.Heir(s.bench, c); at.GetDesk() == "" || s.mayHeed(tx, at) != nil {
		return ""
	}
	return at.GetDesk()
}

// keeps says whether the caller knows of a case of which nobody can say any more whom it
// is about, and closes it: aloof officers on exactly the desk that keeps it.
func (s *Service) keeps(tx *change.Tx, c *complaintv1.Complaint) bool {
	if !s.nearby(tx, c) {
		return false
	}
	about, err := s.about(tx, c)
	if err != nil || about.GetUnit() != "" {
		return false
	}
	aloof := complaint.Aloof{Bench: s.bench, Units: s.candidates(c)}
	desk := aloof.Keeper(c)
	return officerAt(tx, desk) && tx.Check(desk) == nil && aloof.From(c, tx.Access.Principal.Name)
}

// nearby says whether the caller is an officer at the desk of a sealed case or above it: for
// everyone else it is not there, and need not be decrypted.
func (s *Service) nearby(tx *change.Tx, c *complaintv1.Complaint) bool {
	return c.GetSealed() && tx.Access.Sees(c.GetDesk()) &&
		slices.ContainsFunc(s.Tree.Path(c.GetDesk()), func(unit string) bool { return officerAt(tx, unit) })
}

// officerAt says whether the caller, as its key narrows it, is a complaint
// officer of exactly the unit.
func officerAt(tx *change.Tx, unit string) bool {
	return slices.ContainsFunc(tx.Access.Grants(), func(g authz.Grant) bool {
		return g.Role == accessv1.Role_ROLE_COMPLAINT_OFFICER && g.Unit == unit
	})
}

// mayHeed decides who acts on an open complaint for its desk. To who belongs to the unit
// that it is about, where another hears it, it is as if they had no right at the desk.
func (s *Service) mayHeed(tx *change.Tx, c *complaintv1.Complaint) error {
	if s.Tree.Heir(c.GetUnit()) != s.Tree.Heir(c.GetDesk()) && tx.Access.Belongs(c.GetUnit()) {
		return authz.ErrNotFound
	}
	return tx.Check(c.GetDesk())
}
