package server

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/change"
)

// lost tells the operator what is wrong with the rows of a case, and the caller that
// something is.
func lost(c *complaintv1.Complaint, cause error) error {
	slog.Error("what is kept of a case outside of the feed is missing or altered", "complaint", c.GetName(), "cause", cause)
	return complaint.ErrContentMissing
}

// about returns c with what says who has a part in it. Where the content is lost, that
// is found by its mark, and is empty if it has none, as when it came back with a tail: then
// those know of the case who were held against it when it became theirs, or else keep it.
func (s *Service) about(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
	whole, err := s.whole(tx, c)
	if !errors.Is(err, complaint.ErrContentMissing) {
		return whole, err
	}
	about := proto.CloneOf(c)
	if unit := s.concerned.unit(c.GetDigests().GetConcerned(), s.candidates(c), s.marked(c)); unit != "" {
		about.Unit, about.AboutHead = unit, true // by either or as a report it was sealed
	}
	return about, nil
}

// forsake ends a case that can be heard no more, because what it was about is lost with a
// tail: what the log has not signed to be so, a backup may still have.
func (s *Service) forsake(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
	gone, err := s.book.Log.Gone(tx, c.GetName())
	switch {
	case err != nil:
		return nil, err
	case !gone:
		return nil, complaint.ErrContentMissing
	}
	if c, err = complaint.Forsake(c, tx.Access.Principal.Name, tx.Now); err != nil {
		return nil, err
	}
	if c, err = s.owned.Put(tx, c); err != nil {
		return nil, err
	}
	return s.shown(tx, c)
}

// mark hides which unit a case is about.
func (s *Service) mark(name, unit string) []byte {
	return s.book.Pseudonym(name + " is about " + unit)
}

func (s *Service) marked(c *complaintv1.Complaint) func(unit string) []byte {
	return func(unit string) []byte { return s.mark(c.GetName(), unit) }
}

// candidates are all units, and before them those of the desk: most cases are about one
// of these.
func (s *Service) candidates(c *complaintv1.Complaint) func() []string {
	return func() []string { return slices.Concat(s.Tree.Whole(c.GetDesk()), s.Tree.Whole(s.Tree.Root())) }
}

// remembered is of how many lost cases it is kept in mind which unit they are about.
const remembered = 4096

// concerned finds by their marks which units lost cases are about. To compare a mark
// costs a hash for every unit: so that is done once for each case, and not whenever it
// is read. The zero concerned is fit for use.
type concerned struct {
	mu    sync.Mutex
	known map[string]finding // by mark
}

// finding is the unit of a mark among so many candidates, or "".
type finding struct {
	unit string
	of   int
}

// unit returns the candidate that is hidden by the mark, or "". What was not found is
// looked for again when there are other candidates.
func (k *concerned) unit(mark []byte, candidates func() []string, hide func(unit string) []byte) string {
	if len(mark) == 0 {
		return ""
	}
	before := k.get(mark)
	if before.unit != "" {
		return before.unit
	}
	all := candidates()
	if before.of == len(all) {
		return ""
	}
	found := finding{of: len(all)}
	if i := slices.IndexFunc(all, func(unit string) bool { return bytes.Equal(hide(unit), mark) }); i >= 0 {
		found.unit = all[i]
	}
	k.put(mark, found)
	return found.unit
}

func (k *concerned) get(mark []byte) finding {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[string(mark)]
}

// put keeps a finding, and forgets all others if they are too many.
func (k *concerned) put(mark []byte, found finding) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= remembered {
		k.known = map[string]finding{}
	}
	k.known[string(mark)] = found
}
