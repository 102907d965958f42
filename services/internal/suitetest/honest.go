package suitetest

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/dated"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// Honest says what of the feeds in the folder of a suite that has stopped would be dated back
// (倒签嫌疑) by what its records say: a moment that a service set in one, of a day before the one
// on which the entry took effect. It returns how many entries there were.
func Honest(t testing.TB, folder string) (entries int) {
	t.Helper()
	scratch, err := bolt.Open(filepath.Join(t.TempDir(), "honest.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = scratch.Close() }()
	together, err := filepath.Glob(filepath.Join(folder, "*.db"))
	if err != nil {
		t.Fatal(err)
	}
	apart, err := filepath.Glob(filepath.Join(folder, "*", "*.db")) // a process for each role
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.Concat(together, apart) {
		newest := map[string]*feedv1.Entry{}
		for _, e := range entriesOf(t, file) {
			before := newest[e.GetSubject()]
			if newest[e.GetSubject()] = e; e.GetRev() == 1 {
				before = nil // of another feed, or none
			}
			honest(t, scratch, before, e)
			entries++
		}
	}
	return entries
}

// entriesOf reads the entries of all feeds in a file of the store.
func entriesOf(t testing.TB, file string) (all []*feedv1.Entry) {
	t.Helper()
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			if !strings.HasSuffix(string(name), feed.EntriesBucket) {
				return nil
			}
			return b.ForEach(func(_, value []byte) error {
				e, err := federation.ReadEntry(value)
				all = append(all, e)
				return err
			})
		})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return all
}

var errUndone = errors.New("nothing is kept")

// honest counts the entry as if a head had been shown without it as its day began.
func honest(t testing.TB, scratch store.Engine, before, e *feedv1.Entry) {
	t.Helper()
	from := e.GetEffective().AsTime()
	if at := e.GetAt().AsTime(); at.Before(from) {
		from = at
	}
	run := []*feedv1.Entry{e}
	if before != nil {
		run = []*feedv1.Entry{before, e}
	}
	err := scratch.Update(t.Context(), func(tx store.Tx) error {
		m := dated.Mirror{Tx: tx, Log: &feed.Log{}}
		if err := m.Count(&federationv1.Mirror{}, run, calendar.On(from).Start().Add(federation.Slack+1)); err != nil {
			return err
		}
		claimed, err := m.Claimed(e)
		if !claimed.Recorded.IsZero() {
			t.Errorf("%s of %s took effect at %v, and its record says %v", e.GetKind(), e.GetSubject(), e.GetEffective().AsTime(), claimed.Recorded)
		}
		return errors.Join(err, errUndone)
	})
	if !errors.Is(err, errUndone) {
		t.Fatal(err)
	}
}
