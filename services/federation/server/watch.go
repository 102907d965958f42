package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/store"
)

// Watched is what an operator watches of a mirrored log.
type Watched struct {
	// Installation and Service name it.
	Installation, Service string
	// State is active, silent, behind or frozen.
	State string
	// Relayed says that its installation pushes to another below this one.
	Relayed bool
	// Heard is how long ago it was heard of.
	Heard time.Duration
	// Behind is how many entries are known of and not here yet.
	Behind uint64
}

// Watch returns what is to be watched of all mirrored logs, by name.
func (s *Service) Watch(ctx context.Context) (all []Watched, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		for m, err := range mirrorTable.Scan(tx, "", "") {
			if err != nil {
				return fmt.Errorf("listing mirrors: %w", err)
			}
			w, err := s.watched(tx, m)
			if err != nil {
				return err
			}
			all = append(all, w)
		}
		return nil
	})
	return all, err
}

func (s *Service) watched(tx store.Tx, row *federationv1.Mirror) (Watched, error) {
	s.listen(row)
	name, service, _ := strings.Cut(feedName(row), ".")
	w := Watched{
		Installation: name, Service: service, State: strings.ToLower(strings.TrimPrefix(row.GetState().String(), "STATE_")),
		Relayed: row.GetVia() != "installations/"+name, Heard: row.GetHeardAgo().AsDuration(),
	}
	if w.Relayed {
		return w, nil
	}
	m, err := s.mirrors.of(row.GetOrigin(), row.GetVerifierKey())
	if err != nil {
		return w, err
	}
	h := &held{mirror: m, tx: store.Under(tx, m.prefix), row: row}
	cover, err := h.cover()
	if errors.Is(err, store.ErrNotFound) { // nothing has come yet
		return w, nil
	}
	if err != nil {
		return w, err
	}
	head, err := federation.OpenHead(row.GetVerifierKey(), cover.GetNote())
	w.Behind = head.Size - min(head.Size, row.GetSize())
	return w, err
}

// Unsent returns how many entries of a role's log the installation above has not
// cosigned, and when the first of them was written; the zero time if there is none.
func (s *Service) Unsent(ctx context.Context, role string) (entries uint64, since time.Time, err error) {
	cp, err := s.parts.Feeds.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + role})
	if err != nil {
		return 0, since, fmt.Errorf("reading the head of %s: %w", role, err)
	}
	cosigned, err := s.cosigned(ctx, cp)
	if err != nil || cosigned >= cp.GetSize() {
		return 0, since, err
	}
	res, err := s.parts.Feeds.ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: cp.GetName(), Start: cosigned, PageSize: 1})
	if err != nil || len(res.GetRecords()) == 0 {
		return 0, since, fmt.Errorf("reading entry %d of %s: %w", cosigned, role, err)
	}
	e, err := federation.ReadEntry(res.GetRecords()[0].GetEntry())
	return cp.GetSize() - cosigned, e.GetAt().AsTime(), err
}

// cosigned is how much of an own log the newest note covers that the installation above
// has cosigned.
func (s *Service) cosigned(ctx context.Context, cp *feedv1.Checkpoint) (size uint64, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		note, err := tx.Get(anchoredBucket, []byte(cp.GetOrigin()))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading what is cosigned of %s: %w", cp.GetName(), err)
		}
		head, err := federation.OpenHead(cp.GetVerifierKey(), string(note))
		size = head.Size
		return err
	})
	return size, err
}
