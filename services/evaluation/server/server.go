// Package server serves EvaluationService: it finds rounds and results, asks
// package evaluation what should become of them, stores that, and keeps the
// ballot box. What a ballot must say and how it counts is decided there; who
// may see what of it, here.
package server

import (
	"errors"
	"slices"
	"time"

	"google.golang.org/grpc"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/evaluation/schemes"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// Units tells of the tree.
type Units interface {
	Path(unit string) []string
	Unit(name string) *organizationv1.Unit
	// Merges returns the units that were merged into the unit (撤并), and those that
	// had been merged into them.
	Merges(unit string) []string
	// Heir returns the unit that the unit was merged into, in the end, or the unit.
	Heir(unit string) string
	// Standing returns where the principal stands on a day YYYY-MM-DD: the path of each unit
	// that they belong to or hold a role on, and what was merged into the units of it.
	Standing(principal, day string) [][]string
}

// Service implements EvaluationService.
type Service struct {
	evaluationv1.UnimplementedEvaluationServiceServer

	book    *change.Book
	units   Units
	figures Figures
	every   time.Duration
	schemes []*evaluationv1.EvaluationScheme
	rounds  change.Kind[*evaluationv1.Round]
	run     change.Kind[*evaluationv1.Round] // rounds as they are run, by nobody among the evaluated
	results change.Kind[*evaluationv1.Result]
}

// Schema is what the service keeps beside its feed.
var Schema = store.Schema{
	Indexes: map[string][]string{
		"duban.evaluation.v1.Round": {"owner", "subjects"},
	},
	Buckets: []string{peppers, codes, staged, waiting, final},
	Forms:   forms,
}

// New returns the service that writes in book. While it works it looks at the
// ballot boxes so often as every says, in real time. It fails if a scheme that
// ships with it does not hold.
func New(book *change.Book, units Units, figures Figures, every time.Duration) (*Service, error) {
	all, err := schemes.All()
	if err != nil {
		return nil, err
	}
	s := &Service{book: book, units: units, figures: figures, every: every, schemes: all}
	s.rounds = change.Kind[*evaluationv1.Round]{
		Book: book,
		Unit: (*evaluationv1.Round).GetOwner,
		May:  s.mayRound,
	}
	s.run = s.rounds
	s.run.May = s.mayRun
	s.results = change.Kind[*evaluationv1.Result]{Book: book, May: s.mayResult}
	return s, nil
}

// Register adds the service to r.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	evaluationv1.RegisterEvaluationServiceServer(r, s)
}

// mayRound decides about a round: the owner's side by the rule, the units rated
// by reading it once it is published.
func (s *Service) mayRound(tx *change.Tx, r *evaluationv1.Round) error {
	return tx.KnowsOr(r.GetOwner(), r, func() bool { return published(r) && rated(tx, r) })
}

// mayResult decides about reading a result: the owner's side always, the unit
// itself once published, and then the others rated if the scheme says so.
func (s *Service) mayResult(tx *change.Tx, result *evaluationv1.Result) error {
	r, err := s.rounds.Find(tx, result.GetRound())
	if err != nil {
		return err
	}
	if err := tx.Knows(r.GetOwner(), result); !errors.Is(err, authz.ErrNotFound) {
		return err
	}
	all := r.GetFrozenScheme().GetPublish() == evaluationv1.EvaluationScheme_PUBLISH_PUBLIC
	if published(r) && (tx.Access.Sees(result.GetUnit()) || all && rated(tx, r)) {
		return nil
	}
	return authz.ErrNotFound
}

func published(r *evaluationv1.Round) bool {
	return r.GetState() == evaluationv1.Round_STATE_PUBLISHED
}

// rated says whether the caller sees one of the units rated.
func rated(tx *change.Tx, r *evaluationv1.Round) bool {
	return slices.ContainsFunc(r.GetSubjects(), tx.Access.Sees)
}
