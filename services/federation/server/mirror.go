package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/dated"
	"github.com/duban-project/duban/services/federation/heads"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/federation/witness"
	"github.com/duban-project/duban/services/internal/feed"
	feedserver "github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/store"
)

// What is mirrored lies under a prefix of its own for each log and era: a log as package feed keeps
// it, what packages heads and dated do, and that what is here is the start of what was signed: newest → Branch.
const (
	coverBucket = "cover"
	newest      = "newest"
)

// mirrors finds the logs that are mirrored.
type mirrors struct {
	mu   sync.Mutex
	open map[string]*mirror // by name
}

// mirror is one mirrored log.
type mirror struct {
	name   string // by which it is pushed: see federation.Relayed
	origin federation.Origin
	prefix string
	log    *feed.Log
}

// of returns the mirror of a log that is enrolled with key. It opens each once,
// so that whoever waits for entries hears of them.
func (m *mirrors) of(name, key string) (*mirror, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.open[name]; found != nil {
		return found, nil
	}
	o, ok := federation.ParseLog(name)
	if !ok {
		return nil, fmt.Errorf("%q is no name of a log", name)
	}
	log, err := feed.NewMirror(o.Feed(), key)
	if err != nil {
		return nil, err
	}
	opened := &mirror{name, o, rows.In(o), log}
	m.open[name] = opened
	return opened, nil
}

// Mirror finds the mirror of that name for the feed API, or store.ErrNotFound: that of the
// newest era, or of one before, such as "510104.rectification.1".
func (s *Service) Mirror(ctx context.Context, name string) (source feedserver.Source, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		_, log, err := s.logOf(tx, name)
		if err != nil {
			return err
		}
		m, err := s.mirrors.of(log.GetOrigin(), log.GetVerifierKey())
		if err != nil {
			return err
		}
		source = feedserver.Source{Engine: store.Within(s.book.Store, m.prefix), Log: m.log}
		return nil
	})
	return source, err
}

// logOf finds the row of a mirror, and the log that the name means, with the name by which it
// is pushed as its origin: that of the row, or the same log in an era that was enrolled before;
// or store.ErrNotFound.
func (s *Service) logOf(tx store.Tx, name string) (*federationv1.Mirror, *federationv1.EnrolledLog, error) {
	parts := strings.SplitN(name, ".", 3)
	r, err := rows.Table.Get(tx, strings.Join(parts[:min(2, len(parts))], "."))
	if err != nil || len(parts) < 3 {
		return r, &federationv1.EnrolledLog{Origin: federation.LogOf(r), VerifierKey: r.GetVerifierKey()}, err
	}
	e, err := s.enrolled(tx, federation.LogOf(r))
	if err != nil {
		return nil, nil, err
	}
	for _, log := range e.in.GetLogs() {
		pushed := federation.Relayed(log.GetOrigin(), e.of.Unit)
		if o, _ := federation.ParseLog(pushed); o.Past() == name {
			return r, &federationv1.EnrolledLog{Origin: pushed, VerifierKey: log.GetVerifierKey()}, nil
		}
	}
	return nil, nil, store.ErrNotFound
}

// held is what a transaction holds of a mirror.
type held struct {
	*mirror
	tx   store.Tx // the mirror's part of the store
	all  store.Tx // the whole
	row  *federationv1.Mirror
	size uint64
	root tlog.Hash            // of an empty log: zero
	was  *held                // the log in an era before, with the most entries; nil: there is none
	kept bool                 // what was changed stays, even if the log is refused
	lost *federationv1.Branch // covers what is mirrored, if its installation has less
}

// hold reads the mirror of an enrolled log. One that is not kept yet is empty.
func (s *Service) hold(tx store.Tx, e enrolment, log string) (*held, error) {
	m, err := s.mirrors.of(log, e.key)
	if err != nil {
		return nil, err
	}
	h := &held{mirror: m, tx: store.Under(tx, m.prefix), all: tx}
	if h.was, err = s.before(tx, e, log); err != nil {
		return nil, err
	}
	h.row, err = rows.Of(tx, m.origin)
	switch origin := federation.OriginOf(log); {
	case errors.Is(err, store.ErrNotFound):
		h.row = e.mirror(origin)
	case err != nil:
		return nil, err
	case h.row.GetOrigin() != origin:
		h.row = federation.Turned(e.mirror(origin), h.row)
	default:
		h.row.Via = e.via // its installation may have gone to another
	}
	return h, errors.Join(witness.Hear(tx, h.row, m.origin), h.measure())
}

// measure reads size and root.
func (h *held) measure() (err error) {
	if h.size, err = h.log.Size(h.tx); err != nil || h.size == 0 {
		return err
	}
	h.root, err = h.log.Root(h.tx, h.size)
	return err
}

func (h *held) save() error { return rows.Save(h.all, h.row) }

// bracket finds when the last head without the entry was shown, and when the
// first with it was cosigned; zero where there is none. Of what an era before had it
// is known from that. What another relays was shown by that one, and its installation may not have
// been heard of: nothing is known of when it was without.
func (h *held) bracket(seq uint64) (without, with time.Time, err error) {
	h = h.of(seq)
	if h.origin.Unit == "" {
		if without, err = heads.Without(h.tx, seq); err != nil {
			return without, with, err
		}
	}
	with, err = heads.With(h.tx, seq)
	return without, with, err
}

// of finds the mirror that had the entry first: that of an era before, if it was there.
func (h *held) of(seq uint64) *held {
	if h.was != nil && seq < h.was.size {
		return h.was.of(seq)
	}
	return h
}

// dated holds against brackets what entries claim of their time.
func (h *held) dated(simulated bool) dated.Mirror {
	return dated.Mirror{Tx: h.tx, Log: h.log, Simulated: simulated}
}
