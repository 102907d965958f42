package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/federation/streams"
	"github.com/duban-project/duban/services/internal/store"
)

// Watched is what an operator watches of a mirrored log.
type Watched struct {
	// Installation and Service name it.
	Installation, Service string
	// State is active, silent, behind, frozen or revoked.
	State string
	// Ended says that it is of an era before, Service with its number: rectification.1.
	Ended bool
	// Relayed says that its installation pushes to another below this one.
	Relayed bool
	// Heard is how long ago it was heard of.
	Heard time.Duration
	// Behind is how many entries are known of and not here yet.
	Behind uint64
	// Backdated is how many entries claim to be of before a head without them.
	Backdated uint64
}

// Watch returns what is to be watched of all mirrored logs, by name.
func (s *Service) Watch(ctx context.Context) (all []Watched, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		for m, err := range rows.Table.Scan(tx, "", "") {
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

// Watched runs work, and tells beside it in the log which mirrors are frozen or silent since.
func (s *Service) Watched(ctx context.Context, work func(context.Context) error) error {
	return streams.Alarmed(ctx, work, func(ctx context.Context, alarms *streams.Alarms) error {
		all, err := s.Watch(ctx)
		for _, w := range all {
			if !w.Ended { // that was told before it ended
				alarms.Tell(ctx, w.Installation, w.Service, w.State)
			}
		}
		return err
	})
}

func (s *Service) watched(tx store.Tx, row *federationv1.Mirror) (Watched, error) {
	if err := s.told(tx, row); err != nil {
		return Watched{}, err
	}
	s.listen(row)
	name, service, _ := strings.Cut(rows.Feed(row), ".")
	w := Watched{
		Installation: name, Service: service, State: strings.ToLower(strings.TrimPrefix(row.GetState().String(), "STATE_")),
		Relayed: row.GetVia() != "installations/"+name, Heard: row.GetHeardAgo().AsDuration(), Backdated: row.GetBackdatedCount(),
	}
	if w.Ended = federation.IsEnded(row); w.Ended || w.Relayed {
		return w, nil
	}
	m, err := s.mirrors.of(federation.LogOf(row), row.GetVerifierKey())
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
