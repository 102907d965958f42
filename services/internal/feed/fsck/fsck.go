// Package fsck recomputes a service's log and its records from the stored
// entries alone, and says where what is stored differs: leaves, tree, root and
// signature, order and times, the chain of each subject, ids, commitments and
// what opens them, and the state that the entries add up to. It then holds what
// is kept beside the records against them and against itself: index rows, by the
// declarations of the service's store.Schema, files, remembered requests. It
// shares no code with those who write, but for the names of the feed's buckets.
//
// A record lies under its resource name in the bucket that is named by the full
// name of its message; whatever else lies in such a bucket is an error. Hashes
// of keys and codes, and figures, MUST lie in the buckets that the Schema names:
// what is in them is not looked at. A bucket that nobody names is an error.
//
// It only reads and repairs nothing. Whoever has the signing key can write a
// log that passes: that is found by comparing with what the upper installation
// holds.
package fsck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	formats "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/store"
)

// None is the Seq of a finding that is about no single entry.
const None = -1

// Finding is one thing that is wrong.
type Finding struct {
	Seq     int64  // of the wrong entry, or None
	Subject string // the resource name, if known
	What    string // what is wrong, without personal data
}

// Report is what Check has seen.
type Report struct {
	Entries  uint64 // by the number of the last
	Subjects uint64
	Openings uint64   // commitments that were opened
	Withheld uint64   // commitments of a mirror that nothing opens
	Lost     uint64   // commitments that nothing opens since the log took back a tail, as it has signed
	LostOf   []string // the subjects of these, each once
	Rows     uint64   // of indexes
	Files    uint64   // that records name, each as often as it is named
	Waiting  uint64   // entries of a tail that the log had lost, which it has not taken over yet
	Wrong    uint64   // findings; one wrong byte may cause several
	// First is where to begin: that the log is another's; else what the first wrong
	// entry shows by itself; else what is wrong with size, root or signature; else what
	// is wrong with the rows made of the entries, records and their files included;
	// else what is wrong beside these. Nil if nothing is wrong.
	First *Finding
}

// rank says how near a finding is to the cause; less is nearer.
type rank int

const (
	elsewhere rank = iota // the log is another: all else follows from that
	inEntry               // an entry and the rows that stand with it
	inLog                 // size, root, signature
	inState               // rows that are made of entries
	aside                 // indexes, requests, unknown buckets
)

// Expect is what a store is held against.
type Expect struct {
	Verifier note.Verifier // the log's, its name the log's origin
	// Earlier has what verifies the log in an era before. Nil if it has none, or what
	// they have signed is looked at elsewhere.
	Earlier func(origin string) (note.Verifier, error)
	Schema  store.Schema
	Files   *Files // nil if files are not to be looked at
	// Beside holds what a service keeps outside of its feed on purpose against what
	// the feed commits to, and calls wrong for each subject that differs; or nil.
	Beside func(tx store.Tx, wrong func(subject, what string)) error
	// Mirror is nil but for the copy of another installation's log. No records lie
	// with it, what it seals may be withheld, and of what its entries say nothing
	// needs to be known here.
	Mirror *Mirror
}

// Mirror is what makes a copy of a log believed.
type Mirror struct {
	// Covers says whether the tree of that size and root, which all entries give,
	// is the start of what the log has signed: entries may have come since the
	// checkpoint. The error is the finding.
	Covers func(size uint64, root tlog.Hash) error
}

// Check reads all of engine in one View. The error says that the check could not
// be finished; whatever is wrong stands in the report. It holds some 200 bytes
// and a name per subject, and one entry at a time.
func Check(ctx context.Context, engine store.Engine, expect Expect) (Report, error) {
	return run(ctx, engine, expect, protoregistry.GlobalTypes)
}

func run(ctx context.Context, engine store.Engine, expect Expect, types *protoregistry.Types) (report Report, err error) {
	err = engine.View(ctx, func(tx store.Tx) error {
		c := newCheck(tx, expect, types)
		err := c.all(ctx)
		report = c.report
		return err
	})
	return report, err
}

// check is one run over a log.
type check struct {
	tx     store.Tx
	expect Expect
	types  *protoregistry.Types
	origin string
	era    string // the origin that the entries so far say
	said   []saying
	report Report
	rank   rank // of what is being checked
	first  rank // of report.First

	tree     tree
	at       time.Time // of the entry before
	subjects map[string]*subject
	lost     map[string]bool // the subjects of which parts were lost with a tail
	signed   formats.Checkpoint
	root     tlog.Hash // at the size that is signed
}

func newCheck(tx store.Tx, expect Expect, types *protoregistry.Types) *check {
	c := &check{tx: tx, expect: expect, types: types, origin: expect.Verifier.Name(), subjects: map[string]*subject{}, lost: map[string]bool{}}
	c.era = c.origin
	if log, _, ok := parted(c.origin); ok {
		c.era = log + "/1"
	}
	return c
}

// wrong notes a finding.
func (c *check) wrong(seq int64, subject, format string, args ...any) {
	c.report.Wrong++
	if first := c.report.First; first != nil {
		nearer := cmp.Or(cmp.Compare(c.rank, c.first), cmp.Compare(uint64(seq), uint64(first.Seq)))
		if nearer >= 0 {
			return
		}
	}
	c.report.First, c.first = &Finding{seq, subject, fmt.Sprintf(format, args...)}, c.rank
}

func (c *check) all(ctx context.Context) error {
	for _, step := range []struct {
		rank rank
		do   func() error
	}{
		{inLog, func() error { return c.checkpoint(c.expect.Verifier) }},
		{inEntry, func() error { return c.entries(ctx) }},
		{inLog, c.compareRoot},
		{inLog, c.compareEra},
		{inState, c.head},
		{inState, c.chains},
		{inState, func() error { return c.records(ctx) }},
		{inState, c.counts},
		{aside, func() error { return c.indexes(ctx) }},
		{aside, func() error { return c.requests(ctx) }},
		{aside, c.meta},
		{aside, c.buckets},
		{aside, func() error { return c.forms(ctx) }},
		{aside, c.beside},
	} {
		c.rank = step.rank
		if err := step.do(); err != nil {
			return err
		}
	}
	return nil
}

// beside looks at what lies outside of the feed.
func (c *check) beside() error {
	if c.expect.Beside == nil {
		return nil
	}
	return c.expect.Beside(c.tx, func(subject, what string) { c.wrong(c.last(subject), subject, "%s", what) })
}

// checkpoint reads the signed note. That of an empty log is not stored.
func (c *check) checkpoint(verifier note.Verifier) error {
	text, there, err := store.Seek(c.tx, feed.MetaBucket, []byte(feed.CheckpointKey))
	if err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	if !there {
		return nil
	}
	of, _, _ := strings.Cut(string(text), "\n")
	if _, _, ok := parted(of); ok && of != c.origin {
		c.rank = elsewhere
		c.wrong(None, "", "it is the log %.300s, in the place of %s", of, c.origin)
		return nil
	}
	cp, rest, _, err := formats.ParseCheckpoint(text, c.origin, verifier)
	switch {
	case err != nil:
		c.wrong(None, "", "the checkpoint does not hold: %v", err)
	case len(rest) > 0:
		c.wrong(None, "", "the checkpoint has extension lines")
	default:
		c.signed = *cp
	}
	return nil
}

// compareRoot compares what the entries gave with what is signed.
func (c *check) compareRoot() error {
	switch {
	case c.expect.Mirror == nil && c.signed.Size != c.report.Entries, c.signed.Size > c.report.Entries:
		c.wrong(None, "", "%d entries, and %d are signed", c.report.Entries, c.signed.Size)
	case c.signed.Size > 0 && string(c.root[:]) != string(c.signed.Hash):
		c.wrong(None, "", "the root of %d entries is not the one that is signed", c.signed.Size)
	case c.expect.Mirror != nil && c.report.Entries > 0:
		if err := c.expect.Mirror.Covers(c.report.Entries, c.tree.root()); err != nil {
			c.wrong(None, "", "%v", err)
		}
	}
	return nil
}

// head compares the row from which the next entry will be made.
func (c *check) head() error {
	b, there, err := store.Seek(c.tx, feed.MetaBucket, []byte(feed.HeadKey))
	if err != nil {
		return fmt.Errorf("reading the head: %w", err)
	}
	if !there && c.report.Entries == 0 {
		return nil
	}
	if want := append(number(c.report.Entries), number(uint64(c.at.UnixNano()))...); string(b) != string(want) {
		c.wrong(None, "", "the head does not agree with the last entry")
	}
	return nil
}

// counts finds rows that belong to no entry.
func (c *check) counts() error {
	return errors.Join(
		c.count(feed.HashesBucket, c.report.Entries),
		c.count(feed.IDsBucket, c.report.Entries),
		c.count(feed.OpeningsBucket, c.report.Openings),
		c.count(feed.GoneBucket, c.report.Lost),
	)
}

func (c *check) count(bucket string, want uint64) error {
	var n uint64
	for _, err := range c.tx.Scan(bucket, nil, nil) {
		if err != nil {
			return fmt.Errorf("counting %s: %w", bucket, err)
		}
		n++
	}
	if n != want {
		c.wrong(None, "", "%s has %d rows, and the entries account for %d", bucket, n, want)
	}
	return nil
}
