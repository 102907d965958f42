package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

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
	if !strings.Contains(d.log.String(), "no installation above can say what it lacks: open a new era") {
		t.Errorf("it said:\n%s", d.log)
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

// opensAnEra puts a backup of the lower installation back that lacks what was written
// since, seen above or not, and lets it go on in a new era while nobody above is reached.
func (p *pair) opensAnEra(seen bool) {
	p.t.Helper()
	nowhere, backup, key := "", filepath.Join(p.t.TempDir(), "backup"), filepath.Join(p.below.Data, "installation.key")
	p.write(p.lower, "before")
	p.agreed()
	runs(p.t, nil, "backup", "-config", file(p.t, p.below), backup)
	if !seen {
		p.lower.kill() // a stream that is there goes on
		p.relay.upper.Store(&nowhere)
		p.bootLower()
	}
	p.write(p.lower, "lost")
	if seen {
		p.agreed()
	}
	p.lower.kill()
	p.relay.upper.Store(&nowhere)
	p.below.Data = filepath.Join(p.t.TempDir(), "data")
	runs(p.t, nil, "restore", "-key", key, backup, p.below.Data)
	runs(p.t, nil, "era", "-reason", "gone for good", "-approvers", bothOfThem, p.below.Data)
	p.bootLower()
	p.write(p.lower, "after")
}

func (p *pair) agreed() {
	p.t.Helper()
	for _, log := range p.logs {
		p.agree(log)
	}
}

// unproved checks that nothing is said against the lower installation above.
func (p *pair) unproved() {
	p.t.Helper()
	for _, log := range p.logs {
		e, err := p.mirrors().GetEvidence(p.t.Context(), &federationv1.GetEvidenceRequest{Name: "installations/city/mirrors/" + log})
		if got := reason(err); got != "LOG_EVIDENCE_NONE" {
			p.t.Errorf("evidence on %s = %v, %v", log, e, err)
		}
	}
}

// extends enrols above what duban identity prints below.
func (p *pair) extends() {
	p.t.Helper()
	_, err := federationv1.NewFederationServiceClient(keyed{p.upper.dial(), p.over.security}).ExtendInstallation(p.t.Context(),
		&federationv1.ExtendInstallationRequest{Name: "installations/city", Logs: identify(p.t, p.below).Installation.GetLogs()})
	if err != nil {
		p.t.Fatal(err)
	}
}

// mirror is how the log of the ledger stands above.
func (p *pair) mirror() *federationv1.Mirror {
	list, _ := p.mirrors().ListMirrors(p.t.Context(), &federationv1.ListMirrorsRequest{Parent: "installations/city"})
	for _, m := range list.GetMirrors() {
		if strings.HasSuffix(m.GetName(), "/rectification") {
			return m
		}
	}
	return nil
}

// bracket is between when the ledger's first entry came above.
func (p *pair) bracket() *federationv1.Bracket {
	p.t.Helper()
	b, err := p.mirrors().GetBracket(p.t.Context(), &federationv1.GetBracketRequest{Name: "installations/city/mirrors/rectification"})
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// judged checks that every version of a unit below was judged once above.
func (p *pair) judged() {
	p.t.Helper()
	said := p.said(p.upper.as(p.over), "federation", func(e *feedv1.Entry) bool { return e.GetKind() == "federation.unit.mirrored.v1" })
	units := p.said(p.lower.as(p.keys), "organization", func(e *feedv1.Entry) bool {
		return e.GetBody().MessageIs((*organizationv1.Unit)(nil)) && e.GetSubject() != "units/root"
	})
	if said != units || units == 0 {
		p.t.Errorf("of %d versions of units below, %d are told above", units, said)
	}
}

// said counts such entries of a feed.
func (p *pair) said(on caller, name string, such func(*feedv1.Entry) bool) (n int) {
	p.t.Helper()
	res, err := on.feed().ListRecords(p.t.Context(), &feedv1.ListRecordsRequest{Parent: "feeds/" + name, PageSize: 1000})
	if err != nil || res.GetNextStart() != res.GetSize() {
		p.t.Fatalf("%d of %d entries of %s, %v", res.GetNextStart(), res.GetSize(), name, err)
	}
	for _, r := range res.GetRecords() {
		if e, err := federation.ReadEntry(r.GetEntry()); err == nil && such(e) {
			n++
		}
	}
	return n
}

// ends stops both and checks what they leave.
func (p *pair) ends() {
	p.t.Helper()
	p.lower.stop()
	p.upper.stop()
	clean(p.t, p.below)
	clean(p.t, p.above)
	runs(p.t, nil, "recount", p.below.Data)
}

// TestANewEraIsTakenByHand: above, the logs stay as they were until somebody enrols the
// new origins; then all of them is there, what was counted and judged before is not
// counted again, and no alarm was raised.
func TestANewEraIsTakenByHand(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.opensAnEra(false)
	before, bracket := p.mirror(), p.bracket()
	p.relay.upper.Store(&p.upper.grpc)
	p.eventually("the installation below is told why", func() bool { return strings.Contains(p.lower.log.String(), "that is not enrolled here") })
	if now := p.mirror(); now.GetOrigin() != before.GetOrigin() || now.GetSize() != before.GetSize() || now.GetState() == federationv1.Mirror_STATE_FROZEN {
		t.Errorf("above it was %v, and is %v", before, now)
	}
	p.unproved()

	p.extends()
	p.compared, p.last = map[string]uint64{}, map[string]saved{}
	p.agreed()
	p.eventually("it is in the new era", func() bool {
		now := p.mirror()
		return now.GetOrigin() != before.GetOrigin() && now.GetState() == federationv1.Mirror_STATE_ACTIVE
	})
	p.quiet()
	p.unproved()
	p.write(p.lower, "later")
	p.agreed()
	p.judged()
	if now := p.bracket(); !proto.Equal(now, bracket) {
		t.Errorf("when the first entry came is %v now, and was %v", now, bracket)
	}
	p.ends()
	runs(t, nil, "recount", p.above.Data)
}

// TestANewEraTakesNothingBack: above there is more than what it goes on from. That is
// not taken, and is no fork either.
func TestANewEraTakesNothingBack(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.opensAnEra(true)
	p.relay.upper.Store(&p.upper.grpc)
	p.extends()
	p.eventually("the installation below is told why", func() bool { return strings.Contains(p.lower.log.String(), "of the era before") })
	p.eventually("it is behind", func() bool { return p.mirror().GetState() == federationv1.Mirror_STATE_BEHIND })
	p.unproved()
	p.ends()
}
