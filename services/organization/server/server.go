// Package server serves OrganizationService: it finds units, people, grants and
// keys, asks package organization what should become of them, and stores that.
package server

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/organization"
)

// Past answers for the tree as it was.
type Past interface {
	// CatchUp takes in what this service has stored so far.
	CatchUp(context.Context) error
	// CatchUpBelow takes in what is known of the units of installations below.
	CatchUpBelow(context.Context) error
	// Below returns the names of these units behind the one of that name, in their
	// order.
	Below(after string) []string
	// Installation returns the installation that keeps what lies beneath the unit,
	// or "" for this one.
	Installation(name string) string
	Unit(name string) *organizationv1.Unit
	UnitAt(name string, t time.Time) *organizationv1.Unit
	UnitsAt(t time.Time) []*organizationv1.Unit
	PathAt(name string, t time.Time) []string
	// DormantSince returns since when posts give a role on a unit no right, as the tree has it, or "".
	DormantSince(role accessv1.Role, on string, posts []*organizationv1.Post, today string) string
}

// Signs is what counts as a signature here.
type Signs struct {
	// Keys says whether a key does by itself.
	Keys bool
	// Believed says whether tokens of an issuer of that name are believed.
	Believed func(issuer string) bool
}

// Service implements OrganizationService.
type Service struct {
	organizationv1.UnimplementedOrganizationServiceServer

	book     *change.Book
	past     Past
	form     authn.Form
	signs    Signs
	units    change.Kind[*organizationv1.Unit]
	members  change.Kind[*organizationv1.Member]
	machines change.Kind[*organizationv1.Machine]
	grants   change.Kind[*organizationv1.RoleGrant]
	keys     change.Kind[*organizationv1.ApiKey]

	identities change.Kind[*organizationv1.Identity]
	uses       uses
}

// Schema is what the service keeps beside its feed.
var Schema = store.Schema{
	Indexes: map[string][]string{
		"duban.organization.v1.Unit":      {"parent"},
		"duban.organization.v1.RoleGrant": {"principal", "unit"},
		"duban.organization.v1.ApiKey":    {"principal"},
		"duban.organization.v1.Identity":  {"principal"},
	},
	Buckets: []string{accounts, digests, unshown, usage},
	Forms:   forms,
}

// New returns the service that writes in book and issues keys of that form.
func New(book *change.Book, past Past, form authn.Form, signs Signs) *Service {
	s := &Service{book: book, past: past, form: form, signs: signs}
	s.units = change.Kind[*organizationv1.Unit]{
		Still: true,
		Book:  book,
		Unit:  (*organizationv1.Unit).GetName, Show: s.marked,
	}
	s.members = change.Kind[*organizationv1.Member]{Book: book, Unit: func(m *organizationv1.Member) string { return authn.Home(m.GetName()) }}
	s.machines = change.Kind[*organizationv1.Machine]{Book: book, Unit: (*organizationv1.Machine).GetUnit}
	s.grants = change.Kind[*organizationv1.RoleGrant]{
		Book: book,
		Unit: (*organizationv1.RoleGrant).GetUnit, Show: s.awake,
	}
	s.keys = change.Kind[*organizationv1.ApiKey]{
		Book: book,
		Real: true,
		May:  s.mayKey,
		Show: s.used,
	}
	s.identities = change.Kind[*organizationv1.Identity]{
		Book: book,
		May:  func(tx *change.Tx, i *organizationv1.Identity) error { return s.mayPrincipal(tx, i.GetPrincipal()) },
	}
	return s
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	organizationv1.RegisterOrganizationServiceServer(r, s)
}

// answers is the unit that answers for a principal, or authz.ErrNotFound.
func (s *Service) answers(tx *change.Tx, principal string) (string, error) {
	if strings.HasPrefix(principal, "machines/") {
		m, err := s.machines.Find(tx, principal)
		return m.GetUnit(), err
	}
	m, err := s.members.Find(tx, principal)
	return authn.Home(m.GetName()), err
}

// inUse refuses a unit that is not there, or to which nothing is entered any more.
func (s *Service) inUse(tx *change.Tx, unit string) error {
	u, err := s.units.Find(tx, unit)
	if err != nil {
		return err
	}
	return organization.Editable(u)
}

// path returns the unit and those above it, nearest first, as they stand in this
// transaction.
func (s *Service) path(tx *change.Tx, name string) (path []*organizationv1.Unit, err error) {
	for name != "" {
		u, err := s.units.Find(tx, name)
		if err != nil {
			return nil, err
		}
		u.Installation = s.past.Installation(name)
		path = append(path, u)
		name = u.GetParent()
	}
	return path, nil
}

// children returns the units directly beneath.
func (s *Service) children(tx *change.Tx, name string) (units []*organizationv1.Unit, err error) {
	for u, err := range s.units.Lookup(tx, "parent", name, "") {
		if err != nil {
			return nil, err
		}
		units = append(units, u)
	}
	return units, nil
}

// levels counts how deep the tree of active units beneath the unit is, with the unit
// itself. What has ended stays where it was, however many mergers follow.
func (s *Service) levels(tx *change.Tx, name string) (int, error) {
	children, err := s.children(tx, name)
	if err != nil {
		return 0, err
	}
	deepest := 0
	for _, c := range children {
		if c.GetState() != organizationv1.Unit_STATE_ACTIVE {
			continue
		}
		n, err := s.levels(tx, c.GetName())
		if err != nil {
			return 0, err
		}
		deepest = max(deepest, n)
	}
	return deepest + 1, nil
}
