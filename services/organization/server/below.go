package server

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/change"
)

// marked is a unit as it is shown: it says if an installation below keeps what
// lies beneath it.
func (s *Service) marked(_ *change.Tx, u *organizationv1.Unit) (*organizationv1.Unit, error) {
	in := s.past.Installation(u.GetName())
	if in == u.GetInstallation() {
		return u, nil
	}
	u = proto.CloneOf(u)
	u.Installation = in
	return u, nil
}

// unit reads a unit that is kept here or by an installation below.
func (s *Service) unit(ctx context.Context, name string) (*organizationv1.Unit, error) {
	u := s.past.Unit(name)
	if u.GetInstallation() == "" {
		return s.units.Get(ctx, name)
	}
	return u, s.book.View(ctx, func(tx *change.Tx) error { return tx.Check(name) })
}

// below yields the units that installations below keep, behind the one of that
// name.
func (s *Service) below(after string) iter.Seq2[*organizationv1.Unit, error] {
	return func(yield func(*organizationv1.Unit, error) bool) {
		for _, name := range s.past.Below(after) {
			if !yield(s.past.Unit(name), nil) {
				return
			}
		}
	}
}

// joined yields the units of two sequences in the order of their names; of two
// of one name the first sequence's.
func joined(a, b iter.Seq2[*organizationv1.Unit, error]) iter.Seq2[*organizationv1.Unit, error] {
	return func(yield func(*organizationv1.Unit, error) bool) {
		next, stop := iter.Pull2(b)
		defer stop()
		other, err, more := next()
		for u, failed := range a {
			for more && failed == nil && other.GetName() <= u.GetName() {
				if other.GetName() < u.GetName() && !yield(other, err) {
					return
				}
				other, err, more = next()
			}
			if !yield(u, failed) {
				return
			}
		}
		for more && yield(other, err) {
			other, err, more = next()
		}
	}
}
