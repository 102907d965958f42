package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/backup"
	"github.com/duban-project/duban/services/internal/suite"
)

// exitFork is what duban verify exits with when two histories are proved.
const exitFork = 30

// TestTortureEvil puts an old backup of a real installation back honestly: it takes
// its tail back and raises no alarm, and so does one that `duban restore` puts into a
// new folder while nobody above can be reached. Then the installation goes two ways: an
// old copy of its data that writes before it dials, or a copy that runs beside it. Each
// is refused for good, with evidence that duban verify accepts. DUBAN_TORTURE says how
// many are honest and then evil.
func TestTortureEvil(t *testing.T) {
	honest := []func(*pair){(*pair).isRestored, (*pair).isRestoredAlone}
	evil := []func(*pair){(*pair).forks, (*pair).isCloned}
	for round := range rounds(t) {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			p.write(p.lower, "before")
			p.agree("rectification")
			honest[round%2](p)
			evil[round/2%2](p)
		})
	}
}

// write lets an installation write some entries, which have not been written before.
func (p *pair) write(d *child, name string) *load {
	p.t.Helper()
	p.loads++
	on := d.as(p.keys)
	l := newLoad(p.t, on, fmt.Sprint(name, p.loads))
	l.most = 1 + p.dice.IntN(2)
	<-l.start(p.t.Context(), on, writers)
	if len(l.errs) > 0 {
		p.t.Fatalf("writing %s: %v", name, l.errs[0])
	}
	return l
}

// copied copies the data of the lower installation, which is killed for that and
// started again.
func (p *pair) copied() string {
	p.t.Helper()
	folder := p.t.TempDir()
	p.lower.kill()
	err := errors.Join(os.Remove(filepath.Join(p.below.Data, backup.SocketFile)), os.CopyFS(folder, os.DirFS(p.below.Data))) // it left its socket
	if err != nil {
		p.t.Fatal(err)
	}
	p.bootLower()
	return folder
}

// forks puts an old copy of everything in the place of what there is, and lets it
// write before the installation above is reached.
func (p *pair) forks() {
	old := p.copied()
	p.write(p.lower, "first")
	p.agree("rectification")
	p.lower.kill()
	p.below.Data = old
	nowhere := ""
	p.relay.upper.Store(&nowhere)
	p.bootLower()
	p.write(p.lower, "second")
	p.relay.upper.Store(&p.upper.grpc)
	p.proved()
}

// isCloned lets a copy run beside the first, which dials too.
func (p *pair) isCloned() {
	c := p.below
	c.Data, c.Metrics = p.copied(), ""
	p.write(p.lower, "first")
	p.agree("rectification")
	clone := boot(p.t, c, p.skews[1])
	p.write(clone, "second")
	p.lower.kill()
	p.proved()
}

// isRestored puts an old backup of the stores back, beside the file that says how
// long the logs were.
func (p *pair) isRestored() {
	old := p.copied()
	lost := p.write(p.lower, "first")
	p.agree("organization")
	p.agree("rectification")
	p.noted("organization")
	p.noted("rectification")
	p.lower.kill()
	stores, err := filepath.Glob(filepath.Join(old, "*.db"))
	if err != nil || len(stores) == 0 {
		p.t.Fatalf("%d stores, %v", len(stores), err)
	}
	for _, path := range stores {
		if err := os.Rename(path, filepath.Join(p.below.Data, filepath.Base(path))); err != nil {
			p.t.Fatal(err)
		}
	}
	p.bootLower()
	p.goesOn(lost)
}

// isRestoredAlone restores a backup into a new folder, where nothing says how long
// the logs were, and reaches nobody above: nothing is written until it does.
func (p *pair) isRestoredAlone() {
	folder, key := p.t.TempDir(), filepath.Join(p.below.Data, "installation.key")
	runs(p.t, nil, "backup", "-config", file(p.t, p.below), filepath.Join(folder, "backup"))
	lost := p.write(p.lower, "first")
	p.agree("organization")
	p.agree("rectification")
	p.lower.kill()
	nowhere := ""
	p.relay.upper.Store(&nowhere)
	p.below.Data = filepath.Join(folder, "data")
	runs(p.t, nil, "restore", "-key", key, filepath.Join(folder, "backup"), p.below.Data)
	p.bootLower()
	on := p.lower.as(p.keys)
	_, err := lost.do(p.t.Context(), on, write{id: "held", kind: aUnit, parent: "units/root", text: "held"})
	if got := reason(err); got != "LOG_INCOMPLETE" {
		p.t.Errorf("writing before the installation above was heard = %v", err)
	}
	p.shows(p.below, `duban_feed_held{service="rectification"} 1`)
	if got := page(p.t, "http://"+p.below.Metrics+"/readyz"); !strings.Contains(got, `"rectification":"it was restored`) {
		p.t.Errorf("readyz says %s", got)
	}
	p.relay.upper.Store(&p.upper.grpc)
	p.goesOn(lost)
	p.shows(p.below, `duban_feed_held{service="rectification"} 0`)
	p.shows(p.above, `duban_mirror_behind{installation="city",service="rectification"} 0`)
	p.shows(p.above, `duban_mirror_heard_seconds{installation="city",service="rectification"} `)
	p.shows(p.above, `duban_mirrors{state="active"} 8`)
	p.eventually("the mark of a restore is gone", func() bool {
		_, err := os.Stat(filepath.Join(p.below.Data, recovery.RestoredFile))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// goesOn checks that what was lost comes back, and that the installation writes
// again.
func (p *pair) goesOn(lost *load) {
	on := p.lower.as(p.keys)
	for _, probe := range []write{
		{id: "probe of units", kind: aUnit, parent: lost.parent, text: "probe"},
		{id: "probe of problems", kind: aProblem, parent: lost.ledger, text: "probe"},
	} {
		p.eventually(probe.id, func() bool { _, err := lost.do(p.t.Context(), on, probe); return err == nil })
	}
	lost.kept(p.t, on)
	p.write(p.lower, "second")
	p.agree("organization")
	p.agree("rectification")
	p.quiet()
}

// shows waits until the metrics of an installation have the line that begins so.
func (p *pair) shows(c suite.Config, line string) {
	p.t.Helper()
	p.eventually(line, func() bool { return strings.Contains(page(p.t, "http://"+c.Metrics+"/metrics"), "\n"+line) })
}

// noted waits until the lower installation's own note says how long the log is.
func (p *pair) noted(log string) {
	p.t.Helper()
	cp, err := p.lower.as(p.keys).feed().GetCheckpoint(p.t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/" + log})
	if err != nil {
		p.t.Fatal(err)
	}
	want := fmt.Sprintf("%q: %d", cp.GetOrigin(), cp.GetSize())
	p.eventually("high-water.json has "+want, func() bool {
		b, err := os.ReadFile(filepath.Join(p.below.Data, "high-water.json"))
		return err == nil && strings.Contains(string(b), want)
	})
}

func (p *pair) mirrors() federationv1.FederationServiceClient {
	return federationv1.NewFederationServiceClient(keyed{p.upper.dial(), p.over.auditor})
}

func (p *pair) eventually(what string, holds func() bool) {
	p.t.Helper()
	over := time.After(4 * patience)
	for !holds() {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-over:
			p.t.Fatalf("never: %s\nabove:\n%s\nbelow:\n%s", what, p.upper.log, p.lower.log)
		}
	}
}

// proved waits until the ledger's log is frozen, and gives the evidence to duban
// verify, with the keys that stand on paper.
func (p *pair) proved() {
	p.t.Helper()
	var e *federationv1.Evidence
	above := p.mirrors()
	p.eventually("evidence", func() bool {
		var err error
		e, err = above.GetEvidence(p.t.Context(), &federationv1.GetEvidenceRequest{Name: "installations/city/mirrors/rectification"})
		return err == nil
	})
	keys := identify(p.t, p.above).Cosigner + "\n"
	for _, l := range identify(p.t, p.below).Installation.GetLogs() {
		keys += l.GetVerifierKey() + "\n"
	}
	if got := verify(p.t, keys, e); got != exitFork {
		p.t.Errorf("duban verify exits with %d, want %d: %v", got, exitFork, e)
	}
	list, err := above.ListMirrors(p.t.Context(), &federationv1.ListMirrorsRequest{Parent: "installations/city"})
	for _, m := range list.GetMirrors() {
		if strings.HasSuffix(m.GetName(), "/rectification") && m.GetState() != federationv1.Mirror_STATE_FROZEN {
			p.t.Errorf("the log is %s, %v", m.GetState(), err)
		}
	}
}
