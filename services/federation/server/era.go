package server

import (
	"fmt"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/store"
)

// A log in a new era, once that is enrolled, is mirrored from its first entry on, beside
// the mirror of the era before, of which nothing more is taken. It MUST carry on all that
// is there: what those here have counted and judged by it was said of these entries, and
// is not said twice.

// before finds what is mirrored of the log in the eras before, where the most of it is;
// nil if nothing is.
func (s *Service) before(tx store.Tx, e enrolment, log string) (was *held, err error) {
	for _, l := range federation.Earlier(e.in, federation.OriginOf(log)) {
		m, err := s.mirrors.of(federation.Relayed(l.GetOrigin(), e.of.Unit), l.GetVerifierKey())
		if err != nil {
			return nil, err
		}
		h := &held{mirror: m, tx: store.Under(tx, m.prefix), all: tx}
		if err := h.measure(); err != nil {
			return nil, err
		}
		if h.size > 0 && (was == nil || h.size > was.size) {
			was = h
		}
	}
	return was, nil
}

// behind says whether less is here than of the era before.
func (h *held) behind() bool { return h.was != nil && h.size < h.was.size }

// carried counts the entries at the start of the run that are here of the era before. An
// era that goes on with others there is refused.
func (h *held) carried(run []*feedv1.Entry, records []*feedv1.Record) (n int, err error) {
	for n < len(run) && h.was != nil && run[n].GetSeq() < h.was.size {
		leaf, err := h.was.log.Leaf(h.was.tx, run[n].GetSeq())
		if err != nil {
			return n, err
		}
		if leaf != leafOf(records[n]) {
			return n, h.refuse(federationv1.Code_CODE_ROLLBACK, fmt.Sprintf(
				"of the era before, %d entries are here, and this one goes on after %d", h.was.size, run[n].GetSeq()))
		}
		n++
	}
	return n, nil
}
