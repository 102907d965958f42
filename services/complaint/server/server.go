// Package server serves ComplaintService: it finds complaints, decides who may
// know of them, asks package complaint what should become of them, encrypts
// what must not lie in the open, and stores that. A worker of its own enters
// the problems that officers order into ledgers, which belong to rectification.
package server

import (
	"slices"
	"time"

	"google.golang.org/grpc"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/announced"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/directory"
	"github.com/duban-project/duban/services/internal/store"
)

// People are who holds office and roles, and ever did.
type People interface {
	Holders(unit string, role accessv1.Role) []string
	Departed(unit string, role accessv1.Role) []string
	Heads(unit, day string) []string
	Belongs(principal, unit string) bool
	Tied(principal string) []directory.Tie
}

// Tree is what the service asks of units and grants.
type Tree interface {
	People
	Path(unit string) []string
	Stood(unit string, at time.Time) []string
	Heir(unit string) string
	House(unit string) string
	HeirAt(unit string, at time.Time) string
	Unit(name string) *organizationv1.Unit
	Whole(name string) []string
	Root() string
}

// Desks encrypts to desks and opens for them. What is sealed opens only for the
// same desk and as the same thing.
type Desks interface {
	Seal(desk, what string, content []byte) ([]byte, error)
	Open(desk, what string, sealed []byte) ([]byte, error)
}

// Custody takes complainants' identities and does not give them back.
type Custody interface {
	Seal(what string, content []byte) ([]byte, error)
}

// Parts are what the service is built from beside its book.
type Parts struct {
	Tree    Tree
	Desks   Desks
	Custody Custody
	// Receipt hides a receipt's code: a keyed hash, so that the store alone
	// does not tell which codes there are.
	Receipt func(code string) []byte
	Packs   *complaint.Packs
	Days    *calendar.Calendar
	// Admit says whether somebody on the network, which is a hash that nobody can
	// undo or "", may file one more complaint now. What is validated only is
	// counted apart.
	Admit func(network string, validateOnly bool, now time.Time) bool
	// Ledgers, Feed and Self are called in the service's own name.
	Ledgers Ledgers
	Feed    feedv1.FeedServiceClient
	Self    complaintv1.ComplaintServiceClient
}

// Service implements ComplaintService.
type Service struct {
	complaintv1.UnimplementedComplaintServiceServer
	Parts

	book  *change.Book
	bench bench
	// cases are complaints as their desk decides on them; owned as who is responsible acts
	// on them; answerable as they are answered, which the unit that an open one is
	// assigned to may do too; readable as they are read, which whoever may take a vacant
	// one over may do too; and heritable as they are taken over.
	cases, owned, answerable, readable, heritable change.Kind[*complaintv1.Complaint]

	openings  change.Kind[*complaintv1.Opening]
	announced announced.Days[*complaintv1.Complaint]

	concerned concerned
}

// Schema is what the service keeps beside its feed.
var Schema = store.Schema{
	Indexes: map[string][]string{
		"duban.complaint.v1.Complaint": {"desk"},
	},
	Buckets: []string{contentsBucket, identitiesBucket, cursorsBucket, receiptsBucket, ordersBucket, asideBucket, announced.Bucket("complaint")},
	Forms: map[string]store.Form{
		announced.Bucket("complaint"): announced.Form, ordersBucket: orderRow, asideBucket: asideRow,
	},
}

// New returns the service that writes in book.
func New(book *change.Book, parts Parts) *Service {
	s := &Service{Parts: parts, book: book, bench: bench{parts.Tree, book.Today}}
	s.cases = change.Kind[*complaintv1.Complaint]{Book: book, May: s.mayHear, Show: s.shown}
	s.owned, s.answerable, s.readable, s.heritable = s.cases, s.cases, s.cases, s.cases
	s.owned.May, s.answerable.May, s.readable.May, s.heritable.May = s.mayLead, s.mayAnswer, s.mayRead, s.mayInherit
	s.openings = change.Kind[*complaintv1.Opening]{Book: book, Unit: (*complaintv1.Opening).GetDesk}
	s.announced = announced.Days[*complaintv1.Complaint]{
		Service: "complaint", Kind: &s.cases, Event: "complaint.recounted", Calendar: parts.Days, Recount: parts.Packs.Recount,
	}
	return s
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	complaintv1.RegisterComplaintServiceServer(r, s)
}

// bench answers routing from the tree.
type bench struct {
	Tree
	today func() string
}

// Path implements complaint.Bench.
func (b bench) Path(unit string, at time.Time) []string {
	if at.IsZero() {
		return b.Tree.Path(unit)
	}
	return b.Stood(unit, at)
}

// Heir implements complaint.Bench.
func (b bench) Heir(unit string, at time.Time) string {
	if at.IsZero() {
		return b.Tree.Heir(unit)
	}
	return b.HeirAt(unit, at)
}

// Own implements complaint.Bench, by the rule of SCOPE_OWN.
func (b bench) Own(unit string) []string {
	path := b.Tree.Path(unit)
	last := slices.Index(path, b.House(unit))
	return path[:last+1]
}

// Heads implements complaint.Bench.
func (b bench) Heads(unit string) []string { return b.Tree.Heads(unit, b.today()) }

// Tied implements complaint.Bench.
func (b bench) Tied(principal string) (ties []complaint.Tie) {
	for _, t := range b.Tree.Tied(principal) {
		ties = append(ties, complaint.Tie(t))
	}
	return ties
}

// active is Path for a unit that gets new work, and nil for others.
func (b bench) active(unit string) []string {
	if b.Unit(unit).GetState() != organizationv1.Unit_STATE_ACTIVE {
		return nil
	}
	return b.Tree.Path(unit)
}
