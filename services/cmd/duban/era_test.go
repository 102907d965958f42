package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/push"
	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/config"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/suite"
)

const bothOfThem = "units/root/members/first,units/root/members/second"

// past is an installation of which a backup was put back, and what was signed after
// that and is lost.
type past struct {
	suite.Config
	keys   admins
	lost   []*feedv1.Checkpoint
	backup string
	key    string
}

// losesItsEnd makes a backup of an installation that goes on, and puts it back.
func losesItsEnd(t *testing.T) past {
	t.Helper()
	p := past{Config: settings(t.TempDir()), backup: filepath.Join(t.TempDir(), "backup")}
	p.key = filepath.Join(p.Data, "installation.key")
	d := boot(t, p.Config)
	p.keys = initialize(t, d)
	runs(t, nil, "backup", "-config", file(t, p.Config), p.backup)
	on := d.as(p.keys)
	l := newLoad(t, on, "lost")
	l.most = 1
	<-l.start(t.Context(), on, writers)
	p.lost = p.heads(t, on)
	d.stop()
	p.putBack(t)
	return p
}

// putBack restores the backup into a new folder.
func (p *past) putBack(t *testing.T) {
	t.Helper()
	p.Data = filepath.Join(t.TempDir(), "data")
	runs(t, nil, "restore", "-key", p.key, p.backup, p.Data)
}

// heads are what the logs have signed last.
func (p *past) heads(t *testing.T, on caller) (all []*feedv1.Checkpoint) {
	t.Helper()
	for _, role := range []string{"organization", "rectification"} {
		cp, err := on.feed().GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/" + role})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cp)
	}
	return all
}

// writesOn starts the installation, writes more than was lost, and returns what duban
// verify says of what was lost beside what is there now, under either origin.
func (p *past) writesOn(t *testing.T) (verdicts map[int]bool) {
	t.Helper()
	d := boot(t, p.Config)
	on := d.as(p.keys)
	l := newLoad(t, on, "again")
	l.most = 2
	<-l.start(t.Context(), on, writers)
	if len(l.errs) > 0 {
		t.Fatalf("writing: %v", l.errs[0])
	}
	verdicts = map[int]bool{}
	for i, now := range p.heads(t, on) {
		was := p.lost[i]
		if now.GetSize() < was.GetSize() {
			t.Fatalf("%s has %d entries, and had %d", now.GetName(), now.GetSize(), was.GetSize())
		}
		for _, e := range evidences(t, on, was, now) {
			verdicts[verify(t, was.GetVerifierKey()+"\n"+now.GetVerifierKey()+"\n", e)] = true
		}
	}
	l.counted(t, on)
	d.stop()
	return verdicts
}

// evidences are what could be said against the log: that what was signed then and what
// is signed now are two histories, of the log that it was or of the one that it is.
func evidences(t *testing.T, on caller, was, now *feedv1.Checkpoint) (all []*federationv1.Evidence) {
	t.Helper()
	root, proof, err := push.Proofs(t.Context(), on.feed(), strings.TrimPrefix(now.GetName(), "feeds/"), was.GetSize(), now.GetSize())
	if err != nil {
		t.Fatal(err)
	}
	for _, origin := range []string{was.GetOrigin(), now.GetOrigin()} {
		all = append(all, federation.NewFork(origin, was.GetSize(),
			&federationv1.Branch{Root: was.GetRoot(), Note: was.GetNote()},
			&federationv1.Branch{Root: root, Consistency: proof, Note: now.GetNote()}))
	}
	return all
}

// afterThisSecond is when the clock has gone on by one: eras are numbered by it.
func afterThisSecond() <-chan time.Time {
	return time.After(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
}

// refuses checks that the restored data are read, and not written.
func (p *past) refuses(t *testing.T) {
	t.Helper()
	d := boot(t, p.Config)
	on := d.as(p.keys)
	_, err := on.org().CreateMember(t.Context(), &organizationv1.CreateMemberRequest{Parent: "units/root", Member: &organizationv1.Member{DisplayName: "经办人"}})
	if got := reason(err); got != "LOG_INCOMPLETE" {
		t.Errorf("writing = %v", err)
	}
	if _, err := on.org().GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: "units/root"}); err != nil {
		t.Errorf("reading = %v", err)
	}
	d.stop()
}

// TestARestoreIsNoFork: whoever restored a backup with nobody above to ask opens an era,
// and nothing can be proved against them, by what they have signed before or since; the
// data are sound, and say what happened. Whoever goes on without saying so has signed
// two histories.
func TestARestoreIsNoFork(t *testing.T) {
	t.Parallel()
	p := losesItsEnd(t)
	p.refuses(t)

	silent := p
	silent.putBack(t)
	if err := os.Remove(filepath.Join(silent.Data, recovery.RestoredFile)); err != nil {
		t.Fatal(err)
	}
	if got := silent.writesOn(t); !got[exitFork] {
		t.Errorf("going on silently is %v, want a fork", got)
	}

	t.Log(runs(t, nil, "era", "-reason", "硬盘损坏，备份之后的记录无法恢复", "-approvers", bothOfThem, p.Data))
	clean(t, p.Config)
	if got := p.writesOn(t); len(got) != 1 || !got[int(federation.Invalid)] {
		t.Errorf("going on in a new era is %v, want evidence of nothing", got)
	}
	clean(t, p.Config)
	runs(t, nil, "recount", p.Data)
}

// TestTheSameBackupOpensAnotherEra: what was written in the first is lost, too, and
// nothing is signed twice under its name either.
func TestTheSameBackupOpensAnotherEra(t *testing.T) {
	t.Parallel()
	p := losesItsEnd(t)
	origins := map[string]bool{}
	for range 2 {
		p.putBack(t)
		runs(t, nil, "era", "-reason", "again", "-approvers", bothOfThem, p.Data)
		<-afterThisSecond()
		d := boot(t, p.Config)
		for _, cp := range p.heads(t, d.as(p.keys)) {
			origins[cp.GetOrigin()] = true
		}
		d.stop()
		if got := identify(t, p.Config).Installation.GetLogs()[0].GetOrigin(); !origins[got] {
			t.Errorf("duban identity names %s, and the logs are %v", got, origins)
		}
	}
	if len(origins) != 4 {
		t.Errorf("two logs were in %v, want two eras of each", origins)
	}
	p.lost = nil
	runs(t, nil, "era", "-reason", "one more", "-approvers", bothOfThem, p.Data) // on top of the last
	clean(t, p.Config)
}

// TestAnEraIsDeclaredWhole, or nothing is written.
func TestAnEraIsDeclaredWhole(t *testing.T) {
	c, to := backedUp(t)
	data := filepath.Join(t.TempDir(), "data")
	runs(t, nil, "restore", "-key", filepath.Join(c.Data, "installation.key"), to, data)
	for name, args := range map[string][]string{
		"no reason":         {"-approvers", bothOfThem},
		"blanks":            {"-reason", "  ", "-approvers", bothOfThem},
		"too long":          {"-reason", strings.Repeat("长", 1001), "-approvers", bothOfThem},
		"no approvers":      {"-reason", "x"},
		"one":               {"-reason", "x", "-approvers", "units/root/members/first"},
		"one twice":         {"-reason", "x", "-approvers", "units/root/members/first,units/root/members/first"},
		"no member's names": {"-reason", "x", "-approvers", "a,b"},
	} {
		err := run(t.Context(), append(append([]string{"era"}, args...), data), t.Output())
		if !errors.Is(err, errUsage) && !errors.Is(err, config.ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(other, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-reason", "x", "-approvers", bothOfThem, data}
	if err := run(t.Context(), append([]string{"era", "-key", other}, args...), t.Output()); !errors.Is(err, feed.ErrUnsound) {
		t.Errorf("with another's key: %v", err)
	}
	clean(t, settings(data))
	if _, err := os.Stat(filepath.Join(data, recovery.RestoredFile)); err != nil {
		t.Errorf("it no longer counts as restored: %v", err)
	}
}
