package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// TestRecountTellsADifferenceFromAFailure: only a figure that differs is said to
// differ, and in words that can be read.
func TestRecountTellsADifferenceFromAFailure(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	recounts := func(data string) error { return run(t.Context(), []string{"recount", data}, t.Output()) }
	if err := recounts(c.Data); err == nil || errors.Is(err, errWrong) {
		t.Errorf("while the suite runs: %v", err)
	}
	d.stop()
	if err := recounts(filepath.Join(c.Data, "none")); err == nil || errors.Is(err, errWrong) {
		t.Errorf("where nothing is: %v", err)
	}
	for bucket, want := range map[string]string{
		"figures":        "the row of figures at school / any / any / any / xm2026-01 cannot be read",
		"figures.owed":   "figures.owed at school / any / any / any / xm2026-01 is 2, and missing",
		"figures.scores": "the row of figures.scores at school / any / any / any / xm2026-01 cannot be read",
	} {
		figure(t, c.Data, bucket, func(tx store.Tx, key []byte) error { return tx.Put(bucket, key, []byte("2")) })
		err := recounts(c.Data)
		if !errors.Is(err, errWrong) || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\x00\x01\\") {
			t.Errorf("recount = %v, want …%s…", err, want)
		}
		figure(t, c.Data, bucket, func(tx store.Tx, key []byte) error { return tx.Delete(bucket, key) })
	}
}

// TestRecountRefusesAStoreWithoutItsVersion, as a start and fsck do, and so does a new era:
// nobody knows what it would count. So is one of those below.
func TestRecountRefusesAStoreWithoutItsVersion(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	for _, role := range []string{"organization", "aggregation", "event"} {
		data := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(data, os.DirFS(c.Data)); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(data, role+".db"), "store", "version", []byte("garbage"))
		for _, args := range [][]string{
			{"recount", data}, {"recount", "-below", c.Data, data}, {"era", "-reason", "x", "-approvers", bothOfThem, data},
		} {
			if err := run(t.Context(), args, t.Output()); exit(err) != exitWrong || !strings.Contains(err.Error(), role+": store: it does not say of which version it is") {
				t.Errorf("%s of %s = %v", args[0], role, err)
			}
		}
	}
}

// TestRecountHoldsEventsAgainstTheFeeds: whatever is altered of what event keeps of them is
// named with status 20; an order that is yet to be made is no difference.
func TestRecountHoldsEventsAgainstTheFeeds(t *testing.T) {
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	first := store.Number(1)
	path := filepath.Join(c.Data, "event.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	drop := func(tx store.Tx, buckets ...string) (err error) {
		for _, bucket := range buckets {
			for row, scanned := range tx.Scan(bucket, nil, nil) {
				err = errors.Join(err, scanned, tx.Delete(bucket, row.Key))
			}
		}
		return err
	}
	for _, tt := range []struct {
		want string
		do   func(tx store.Tx) error
	}{
		{"", func(store.Tx) error { return nil }},
		{"", func(tx store.Tx) error { return drop(tx, "event.events", "event.units", "event.head", "event.cursors") }},
		{"events, and there are 0", func(tx store.Tx) error { return drop(tx, "event.events", "event.units", "event.cursors") }},
		{" is taken in and is no event", func(tx store.Tx) error { return drop(tx, "event.events", "event.units", "event.head") }},
		{"event.events has 0000000000000002 where event 1 should be", func(tx store.Tx) error { return tx.Delete("event.events", first) }},
		{" as it stands there", func(tx store.Tx) error {
			b, err := tx.Get("event.events", first)
			return errors.Join(err, tx.Put("event.events", first, append([]byte("units/x"), b...)))
		}},
		{"event 1 is not the next entry of any feed", func(tx store.Tx) error { return tx.Put("event.events", first, []byte("x")) }},
		{"event.units does not have event 1 under units/", func(tx store.Tx) error { return drop(tx, "event.units") }},
		{"event.units has ", func(tx store.Tx) error { return tx.Put("event.units", append([]byte("units/x\x00"), first...), nil) }},
		{"event.head says 1 events", func(tx store.Tx) error { return tx.Put("event.head", []byte("head"), first) }},
		{"does not say which order this is", func(tx store.Tx) error { return tx.Delete("event.head", []byte("era")) }},
		{"is no name of one", func(tx store.Tx) error {
			era, err := tx.Get("event.head", []byte("era"))
			return errors.Join(err, tx.Put("event.head", []byte("era"), bytes.Clone(era[:len(era)/2])))
		}},
		{"is not the next entry of any feed that is taken in", func(tx store.Tx) error { return drop(tx, "event.cursors") }},
		{"1048576 entries of organization are taken in, and its feed has ", func(tx store.Tx) error {
			return tx.Put("event.cursors", []byte("organization"), store.Number(1<<20))
		}},
		{`event.cursors has "x", and there is no such feed`, func(tx store.Tx) error { return tx.Put("event.cursors", []byte("x"), first) }},
		{"event.queues has webhooks/x behind the last event", func(tx store.Tx) error {
			return tx.Put("event.queues", []byte("webhooks/x"), store.Number(1<<20))
		}},
		{"event.queues has no row of webhooks/x, without which nothing is delivered to it", func(tx store.Tx) error {
			return hook(tx, eventv1.Webhook_STATE_ENABLED)
		}},
		{"event.queues has a row of webhooks/x, which is deleted", func(tx store.Tx) error {
			return errors.Join(hook(tx, eventv1.Webhook_STATE_DELETED), tx.Put("event.queues", []byte("webhooks/x"), first))
		}},
		{"", func(tx store.Tx) error { return hook(tx, eventv1.Webhook_STATE_DELETED) }},
	} {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		engine, err := bolt.Open(path, bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(engine.Update(t.Context(), tt.do), engine.Close()); err != nil {
			t.Fatal(err)
		}
		err = run(t.Context(), []string{"recount", c.Data}, t.Output())
		if tt.want == "" && err != nil || tt.want != "" && (exit(err) != exitWrong || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("recount = %v, want …%s…", err, tt.want)
		}
	}
}

// hook puts a webhook in a state.
func hook(tx store.Tx, state eventv1.Webhook_State) error {
	b, err := proto.Marshal(&eventv1.Webhook{Name: "webhooks/x", State: state})
	return errors.Join(err, tx.Put("duban.event.v1.Webhook", []byte("webhooks/x"), b))
}

// figure changes what is kept of a unit that is not there.
func figure(t *testing.T, data, bucket string, do func(store.Tx, []byte) error) {
	t.Helper()
	engine, err := bolt.Open(filepath.Join(data, "aggregation.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		return do(tx, []byte("school\x00\x01\x00\x01\x00\x01\x00xm2026-01"))
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
}
