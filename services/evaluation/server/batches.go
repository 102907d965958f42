package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

const (
	// Crowd is how many ballots must wait before an open round's are appended to
	// the feed: each entry hides its ballots among as many.
	Crowd = 32

	batchEvent = "evaluation.ballots.appended.v1"
	batchSize  = 4000 // receipts in an entry, which has 256 KiB at most
)

var batches = store.Table[*evaluationv1.BallotBatch]{
	Bucket: string((*evaluationv1.BallotBatch)(nil).ProtoReflect().Descriptor().FullName()),
	Key:    (*evaluationv1.BallotBatch).GetName,
}

// Work appends the ballots of open rounds in batches until ctx is done. It goes
// by a timer and not by the casts, so that the time of an entry says nothing of
// the ballots in it but that they were there.
func (s *Service) Work(ctx context.Context) error {
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		// A full disk is no reason to stop, nor is a held log: the ballots wait, durable as they are.
		if err := s.appendWaiting(ctx); err != nil && !errors.Is(err, store.ErrFull) && !errors.Is(err, feed.ErrHeld) {
			return err
		}
	}
}

// appendWaiting appends the ballots of each open round in which a crowd waits.
func (s *Service) appendWaiting(ctx context.Context) error {
	rounds, err := s.openRounds(ctx)
	if err != nil {
		return err
	}
	for _, round := range rounds {
		err := s.book.Store.Update(ctx, func(tx store.Tx) error {
			if enough, err := crowded(tx, round); err != nil || !enough {
				return err
			}
			return s.appendBatches(tx, round, s.book.Now())
		})
		if err != nil {
			return fmt.Errorf("appending ballots of %s: %w", round, err)
		}
	}
	return nil
}

// openRounds returns the names of the rounds that have a box.
func (s *Service) openRounds(ctx context.Context) (rounds []string, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		rounds = nil
		for e, err := range tx.Scan(peppers, nil, nil) {
			if err != nil {
				return err
			}
			rounds = append(rounds, string(e.Key))
		}
		return nil
	})
	return rounds, err
}

// crowded says whether enough ballots wait.
func crowded(tx store.Tx, round string) (bool, error) {
	n := 0
	from, to := store.Prefix(box{tx, round}.key(nil))
	for _, err := range tx.Scan(waiting, from, to) {
		if n++; err != nil || n == Crowd {
			return err == nil, err
		}
	}
	return false, nil
}

// appendBatches appends to the feed the ballots that wait, in the order of their
// receipts, without actor or fine time.
func (s *Service) appendBatches(tx store.Tx, round string, now time.Time) error {
	commitments, err := box{tx, round}.release()
	if err != nil {
		return err
	}
	number := 0
	for _, err := range batches.Scan(tx, "", round+"/ballotBatches/") {
		if number++; err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(commitments, batchSize) {
		number++
		batch := &evaluationv1.BallotBatch{
			Name: fmt.Sprintf("%s/ballotBatches/%d", round, number), Round: round,
			Count: int32(len(chunk)), Commitments: chunk,
		}
		if err := s.appendBatch(tx, batch, calendar.On(now).Start()); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) appendBatch(tx store.Tx, batch *evaluationv1.BallotBatch, day time.Time) error {
	if err := batches.Insert(tx, batch); err != nil {
		return err
	}
	_, err := s.book.Log.Append(tx, feed.Change{
		Kind: batchEvent, Subject: batch.GetName(), Rev: 1, Effective: day, Body: batch,
	})
	return err
}
