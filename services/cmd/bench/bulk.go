package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/rectification"
	rectificationserver "github.com/duban-project/duban/services/rectification/server"
)

// A large store is of a city whose schools entered their problems over the months
// before: that is its clock while it is settled and filled.
const months = 300 * 24 * time.Hour

// filled is a world with so many problems, all of them counted by the followers
// of the suite itself. What it keeps stays when it stops.
func filled(ctx context.Context, c suite.Config, of city, problems int) (*world, error) {
	begun, past := time.Now().Add(-months), c
	past.Federation.Parent = suite.Parent{} // whose clock is of today
	settled, err := before(ctx, past, func(w *world, bootstrap string) error { return w.settle(ctx, bootstrap, of) })
	if err != nil {
		return nil, err
	}
	if err := bulk(ctx, past, settled.ledgers, begun.Add(time.Hour), problems); err != nil {
		return nil, fmt.Errorf("filling: %w", err)
	}
	w, err := now(ctx, c, settled)
	if err != nil {
		return nil, err
	}
	return w, w.counted(ctx)
}

// before lets a new world be settled months ago, and stops it.
func before(ctx context.Context, c suite.Config, settle func(w *world, bootstrap string) error) (settlement, error) {
	w, bootstrap, err := start(ctx, c, suite.Options{Now: func() time.Time { return time.Now().Add(-months) }})
	if err != nil {
		return settlement{}, err
	}
	err = errors.Join(settle(w, bootstrap), w.stop())
	return w.settlement, err
}

// now starts what was settled before.
func now(ctx context.Context, c suite.Config, settled settlement) (*world, error) {
	w, _, err := start(ctx, c, suite.Options{Now: time.Now})
	if err != nil {
		return nil, err
	}
	w.settlement = settled
	return w, nil
}

// together is how many problems are entered in one commit.
const together = 5000

// bulk enters problems into the store of rectification while no suite runs on it:
// by the rules of the service, as the records, indexes and feed entries that it
// writes, but in commits of thousands, without anybody asking for them.
func bulk(ctx context.Context, c suite.Config, ledgers []string, begun time.Time, n int) error {
	var engine store.Engine
	s, err := suite.Open(ctx, c, suite.Options{Out: os.Stderr, Now: time.Now, Engine: func(role string, e store.Engine) store.Engine {
		if role == "rectification" {
			engine = e
		}
		return e
	}})
	if err != nil {
		return err
	}
	b, err := newBulk(c, ledgers)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	for done := 0; done < n && err == nil; done += together {
		b.now = begun.Add(time.Duration(float64(done) / float64(n) * float64(months-2*time.Hour)))
		err = engine.Update(ctx, func(tx store.Tx) error { return b.enter(tx, done, min(together, n-done)) })
	}
	return errors.Join(err, s.Close())
}

// bulker enters problems.
type bulker struct {
	log      *feed.Log
	ledgers  []string
	now      time.Time
	kept     store.Table[*rectificationv1.Ledger]
	problems store.Table[*rectificationv1.Problem]
}

// newBulk names the log that the service writes. It needs no key: the suite's
// engine signs each commit with its own.
func newBulk(c suite.Config, ledgers []string) (b *bulker, err error) {
	indexes := rectificationserver.Schema.Indexes
	b = &bulker{
		ledgers:  ledgers,
		kept:     store.Table[*rectificationv1.Ledger]{Bucket: "duban.rectification.v1.Ledger", Key: (*rectificationv1.Ledger).GetName, Indexes: indexes["duban.rectification.v1.Ledger"]},
		problems: store.Table[*rectificationv1.Problem]{Bucket: "duban.rectification.v1.Problem", Key: (*rectificationv1.Problem).GetName, Indexes: indexes["duban.rectification.v1.Problem"]},
	}
	_, none, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	b.log, err = feed.New(feed.Config{
		Name: "rectification", Origin: c.Installation + "/rectification/1", Key: none,
		Now: func() time.Time { return b.now }, Random: rand.Reader,
	})
	return b, err
}

// enter enters n problems, one in each ledger in turn, and each ledger once.
func (b *bulker) enter(tx store.Tx, from, n int) error {
	open := map[string]*rectificationv1.Ledger{}
	for i := range n {
		name := b.ledgers[(from+i)%len(b.ledgers)]
		l, err := b.ledger(tx, open, name)
		if err != nil {
			return err
		}
		own := found(int64(from + i))
		own.Source = rectificationv1.Problem_SOURCE_SELF_CHECK
		changed, p, err := rectification.Enter(l, own, rectification.Finder{}, b.now)
		if err != nil {
			return err
		}
		open[name] = changed
		p = rectification.Accept(p, &rectificationv1.FiledProblem{Category: p.GetCategory(), Level: p.GetLevel(), Deadline: p.GetDeadline()}, nil)
		p.Etag, p.CreateTime, p.UpdateTime = "1", timestamppb.New(b.now), timestamppb.New(b.now)
		if err := errors.Join(b.problems.Insert(tx, p), b.tell(tx, "problem.created", 1, p)); err != nil {
			return err
		}
	}
	return b.keep(tx, open)
}

func (b *bulker) ledger(tx store.Tx, open map[string]*rectificationv1.Ledger, name string) (*rectificationv1.Ledger, error) {
	if l := open[name]; l != nil {
		return l, nil
	}
	return b.kept.Get(tx, name)
}

// keep stores the ledgers as they have become.
func (b *bulker) keep(tx store.Tx, open map[string]*rectificationv1.Ledger) error {
	for _, name := range b.ledgers {
		l := open[name]
		if l == nil {
			continue
		}
		rev, err := b.log.Next(tx, name)
		if err != nil {
			return err
		}
		l.Etag, l.UpdateTime = fmt.Sprint(rev), timestamppb.New(b.now)
		if err := errors.Join(b.kept.Put(tx, l), b.tell(tx, "ledger.changed", rev, l)); err != nil {
			return err
		}
	}
	return nil
}

// tell enters in the feed what a record has become.
func (b *bulker) tell(tx store.Tx, event string, rev uint64, r interface {
	proto.Message
	GetName() string
}) error {
	_, err := b.log.Append(tx, feed.Change{
		Kind: "rectification." + event + ".v1", Subject: r.GetName(), Rev: rev, Effective: b.now, Body: r,
		Actor: &feedv1.Actor{Unit: "units/city", Role: "ROLE_SUPERVISOR", Pseudonym: make([]byte, 16)},
	})
	return err
}
