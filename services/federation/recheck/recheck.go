// Package recheck recomputes the logs that an installation mirrors, from the
// stored bytes alone: each as package fsck does with one's own, and beside that
// by whom it was enrolled, that its installation has signed what is here, and that
// this installation has cosigned it. It reads only, shares no code with those who
// write, and repairs nothing: a mirror that is wrong is pushed anew from below. The
// service's own log is package fsck's.
package recheck

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/dated"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
)

// The buckets of the service federation that are about mirrors, and those that
// lie with each.
const (
	mirrorsBucket  = "mirrors"
	evidenceBucket = "evidence"
	relayedBucket  = "relayed"

	prefix         = "mirror/"
	cosignedBucket = "cosigned"
	shownBucket    = "shown"
	coverBucket    = "cover"
)

// Check goes through all mirrors in the store of the service federation, in the
// order of their names, and reports each: "510104.rectification/1" is that of the
// log's first era. What is wrong beside them comes last, as "mirrors". Cosigner is
// this installation's key, in note format. The error says that the check could not
// be finished.
func Check(ctx context.Context, engine store.Engine, cosigner string, report func(mirror string, r fsck.Report)) error {
	known, err := read(ctx, engine)
	if err != nil {
		return err
	}
	for _, name := range known.names() {
		m := mirror{known: known, name: name, cosigner: cosigner, engine: store.Within(engine, prefix+name+"/")}
		found, err := m.check(ctx)
		if err != nil {
			return fmt.Errorf("the mirror %s: %w", name, err)
		}
		report(name, found)
	}
	if found := known.aside(cosigner); found.Wrong > 0 {
		report("mirrors", found)
	}
	return nil
}

// mirror is the one that is being checked.
type mirror struct {
	*known
	name     string // feed/era
	cosigner string
	engine   store.Engine

	key  string // verifies the log's checkpoints
	text string // the newest checkpoint, cosigned
	size uint64 // that is cosigned
	odd  bool   // when that was cannot be read
}

// check reports on the log, and then on what is kept of it elsewhere.
func (m mirror) check(ctx context.Context) (report fsck.Report, err error) {
	m.key, err = m.trusted(m.name)
	if err != nil {
		return wrong(report, err), nil
	}
	verifier, err := note.NewVerifier(m.key)
	if err != nil {
		return wrong(report, fmt.Errorf("its key: %w", err)), nil
	}
	report, err = fsck.Check(ctx, m.engine, fsck.Expect{
		Verifier: verifier, Mirror: &fsck.Mirror{Covers: func(size uint64, root tlog.Hash) error { return m.covers(ctx, size, root) }},
		Schema: store.Schema{Buckets: []string{cosignedBucket, shownBucket, coverBucket, dated.Bucket}},
	})
	if err != nil {
		return report, err
	}
	if err := m.engine.View(ctx, m.anchor); err != nil {
		return report, err
	}
	for _, err := range []error{m.signed(), m.told(report.Entries)} {
		report = wrong(report, err)
	}
	return report, nil
}

// wrong adds a finding that is about no single entry.
func wrong(r fsck.Report, err error) fsck.Report {
	if err == nil {
		return r
	}
	r.Wrong++
	if r.First == nil {
		r.First = &fsck.Finding{Seq: fsck.None, What: err.Error()}
	}
	return r
}

// covers says whether the log's holder has signed a head of which all that is
// mirrored is the start.
func (m mirror) covers(ctx context.Context, size uint64, root tlog.Hash) error {
	cover := &federationv1.Branch{}
	err := m.engine.View(ctx, func(tx store.Tx) error {
		b, err := tx.Get(coverBucket, []byte("newest"))
		return errors.Join(err, proto.Unmarshal(b, cover))
	})
	if err == nil {
		err = federation.CheckBranch(m.key, size, cover)
	}
	if err == nil && string(cover.GetRoot()) != string(root[:]) {
		err = federation.ErrProof
	}
	if err != nil {
		return fmt.Errorf("that its log has signed the %d entries is not shown: %w", size, err)
	}
	return nil
}

// anchor reads what was cosigned last.
func (m *mirror) anchor(tx store.Tx) error {
	text, _, err := store.Seek(tx, feed.MetaBucket, []byte(feed.CheckpointKey))
	if err != nil {
		return err
	}
	m.text = string(text)
	for row, err := range tx.Scan(cosignedBucket, nil, nil) {
		if err != nil {
			return err
		}
		if len(row.Key) != 8 || len(row.Value) != 8 {
			m.odd = true
			continue
		}
		m.size = binary.BigEndian.Uint64(row.Key)
	}
	return nil
}

// signed says what is wrong with the cosigned checkpoint. Whether its log has
// signed it was looked at with the log.
func (m mirror) signed() error {
	if m.odd {
		return errors.New("when a size of it was cosigned cannot be read")
	}
	if m.text == "" {
		if m.size > 0 {
			return fmt.Errorf("%d entries were cosigned, and no checkpoint is here", m.size)
		}
		return nil
	}
	if _, err := federation.Cosigned(m.cosigner, m.text); err != nil {
		return fmt.Errorf("its checkpoint is not cosigned by this installation: %w", err)
	}
	if h, err := federation.OpenHead(m.key, m.text); err == nil && h.Size != m.size {
		return fmt.Errorf("its checkpoint has %d entries, and %d were cosigned last", h.Size, m.size)
	}
	return nil
}

// told holds what is kept of the mirror elsewhere against it: its row, and what
// this installation's own log says that it has cosigned.
func (m mirror) told(entries uint64) error {
	if c := m.testified[m.name]; c.GetSize() > entries {
		return fmt.Errorf("%d entries are here, and %d were cosigned", entries, c.GetSize())
	}
	row, there := m.rows[m.name]
	switch {
	case !there:
		return nil
	case row.GetSize() != entries:
		return fmt.Errorf("%d entries are here, and its row says %d", entries, row.GetSize())
	case row.GetNote() != m.text:
		return errors.New("its row has another checkpoint")
	}
	return nil
}

// names are those of all mirrors, with or without a row.
func (k *known) names() []string {
	all := maps.Clone(k.kept)
	for name := range k.rows {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// trusted returns the key by which a mirror is to be verified: one by which its
// log was enrolled, here or by one below whose own log is mirrored.
func (k *known) trusted(name string) (string, error) {
	origin := k.origin(name)
	keys := k.keys[name]
	if len(keys) == 0 {
		return "", errors.New("nobody has enrolled its log")
	}
	row := k.rows[name]
	switch {
	case row == nil:
		return keys[0], nil
	case row.GetOrigin() != origin:
		return "", fmt.Errorf("its row is about %q", row.GetOrigin())
	case !slices.Contains(keys, row.GetVerifierKey()):
		return "", errors.New("its row has a key by which its log was not enrolled")
	}
	return row.GetVerifierKey(), nil
}

// origin is the log that is mirrored under a name; "" if it was never enrolled.
func (k *known) origin(name string) string { return k.origins[name] }

// nameOf is the name of the mirror of a log that is pushed by that name.
func nameOf(log string) string {
	o, _ := federation.ParseLog(log)
	return fmt.Sprintf("%s/%d", o.Feed(), o.Era)
}

// aside reports what is wrong beside the mirrors: evidence that shows nothing, and
// enrolments that no log of those below says.
func (k *known) aside(cosigner string) (report fsck.Report) {
	for _, err := range k.broken {
		report = wrong(report, err)
	}
	for _, feed := range slices.Sorted(maps.Keys(k.evidence)) {
		e := k.evidence[feed]
		if f := federation.Verify(e, federation.Keys{Logs: k.logs(feed), Cosigners: []string{cosigner}}); f.Verdict == federation.Invalid {
			report = wrong(report, fmt.Errorf("the evidence on %s shows nothing: %s", feed, f.What))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.relayed)) {
		in := k.relayed[name]
		if !slices.ContainsFunc(k.said[name], func(said *federationv1.Installation) bool { return proto.Equal(said, in) }) {
			report = wrong(report, fmt.Errorf("no log says what is kept of %s, which another has enrolled", name))
		}
	}
	return report
}

// logs are the keys of all logs of the installation that has a feed.
func (k *known) logs(feed string) map[string]string {
	of, _, _ := strings.Cut(feed, ".")
	logs := map[string]string{}
	for name, keys := range k.keys {
		if strings.HasPrefix(name, of+".") {
			logs[k.origins[name]] = keys[0]
		}
	}
	return logs
}

// cut parts the prefix's name from a bucket's.
func cut(bucket string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(bucket, prefix)
	parts := strings.SplitN(rest, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/"), ok && len(parts) == 3
}
