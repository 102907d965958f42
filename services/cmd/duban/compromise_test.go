package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/config"
)

// enrolment is the service by which the administrators above enrol.
func (p *pair) enrolment() federationv1.FederationServiceClient {
	return federationv1.NewFederationServiceClient(keyed{p.upper.dial(), p.over.security})
}

// refusals checks what the administrators above cannot do with an installation that is
// revoked.
func (p *pair) refusals() {
	p.t.Helper()
	ctx, in := p.t.Context(), identify(p.t, p.below).Installation
	in.DisplayName, in.Unit = "某市教育局", "units/root"
	create := func(in *federationv1.Installation) error {
		_, err := p.enrolment().CreateInstallation(ctx, &federationv1.CreateInstallationRequest{Installation: in})
		return err
	}
	_, extended := p.enrolment().ExtendInstallation(ctx, &federationv1.ExtendInstallationRequest{Name: "installations/city", Logs: in.GetLogs()})
	_, again := p.enrolment().ReenrolInstallation(ctx, &federationv1.ReenrolInstallationRequest{Name: "installations/city", Logs: in.GetLogs(), Reason: "核对"})
	other := p.below
	other.Installation, other.Data = "edu.example/elsewhere", p.t.TempDir()
	another := identify(p.t, other).Installation
	another.DisplayName, another.Unit = in.GetDisplayName(), in.GetUnit()
	for _, c := range []struct {
		what string
		err  error
		want string
	}{
		{"the same once more", create(in), "INSTALLATION_EXISTS"},
		{"another of its unit", create(another), "INSTALLATION_UNIT_REFUSED"},
		{"more logs", extended, "INSTALLATION_ILLEGAL_MOVE"},
		{"the logs that are revoked", again, "LOG_REPEATED"},
	} {
		if got := reason(c.err); got != c.want {
			p.t.Errorf("%s: %v, want %s", c.what, c.err, c.want)
		}
	}
}

// figures are those of the city above, once all is counted.
func (p *pair) figures() *aggregationv1.Status {
	p.t.Helper()
	var s *aggregationv1.Status
	p.eventually("all is counted above", func() (done bool) {
		var err error
		figures := aggregationv1.NewAggregationServiceClient(keyed{p.upper.dial(), p.over.auditor})
		s, err = figures.GetStatus(p.t.Context(), &aggregationv1.GetStatusRequest{Name: "units/root", Cut: &aggregationv1.Cut{IncludeUnaccepted: true}})
		if reason(err) != "" {
			p.t.Fatal(err)
		}
		for _, f := range s.GetFreshness() {
			if f.GetCursor() < f.GetSize() {
				return false
			}
			done = done || f.GetInstallation() != "" && f.GetService() == "rectification" && f.GetCursor() == p.mirror().GetSize()
		}
		return done
	})
	return &aggregationv1.Status{Figures: s.GetFigures()}
}

// TestACompromisedInstallationIsEnrolledAgain: whose key was stolen is revoked, renews it on
// its own data, and is enrolled again. All that it brought stays counted, once, and
// the old key is of no use to anybody.
func TestACompromisedInstallationIsEnrolledAgain(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.write(p.lower, "before")
	p.agreed()
	stolen := p.below
	stolen.Data, stolen.Metrics = p.copied(), ""
	before, bracket := p.mirror(), p.bracket()
	was := p.figures()

	_, err := p.enrolment().RevokeInstallation(t.Context(), &federationv1.RevokeInstallationRequest{Name: "installations/city", Reason: "密钥失窃"})
	if err != nil {
		t.Fatal(err)
	}
	p.eventually("the installation below is told", func() bool { return strings.Contains(p.lower.log.String(), "the installation is revoked") })
	p.refusals()
	p.lower.stop()
	p.upper.stop()
	runs(t, nil, "recount", p.above.Data)
	p.bootUpper()

	renewed := filepath.Join(t.TempDir(), "renewed.key")
	t.Log(runs(t, nil, "era", "-renew", renewed, "-reason", "密钥失窃，启用新密钥", "-approvers", bothOfThem, p.below.Data))
	clean(t, p.below)
	p.bootLower()
	if now := p.mirror(); now.GetOrigin() != before.GetOrigin() || now.GetSize() != before.GetSize() || now.GetState() != federationv1.Mirror_STATE_REVOKED {
		t.Errorf("before it is enrolled again the mirror is %v, and was %v", now, before)
	}
	again := &federationv1.ReenrolInstallationRequest{Name: "installations/city", Logs: identify(t, p.below).Installation.GetLogs(), Reason: "已当面核对新密钥"}
	in, err := p.enrolment().ReenrolInstallation(t.Context(), again)
	if err != nil || in.GetState() != federationv1.Installation_STATE_ACTIVE || in.GetReason() != again.GetReason() {
		t.Fatalf("enrolling it again = %v, %v", in, err)
	}
	p.compared, p.last = map[string]uint64{}, map[string]saved{}
	p.agreed()
	p.eventually("it is in the new era", func() bool {
		now := p.mirror()
		return now.GetOrigin() != before.GetOrigin() && now.GetState() == federationv1.Mirror_STATE_ACTIVE
	})
	p.quiet()
	p.judged()
	if now := p.bracket(); !proto.Equal(now, bracket) {
		t.Errorf("when the first entry came is %v now, and was %v", now, bracket)
	}
	if now := p.figures(); found(was) <= 0 || !proto.Equal(now, was) {
		t.Errorf("the figures are %v, and were %v", now, was)
	}
	p.old(before)
	p.thief(stolen.Data)
	p.write(p.lower, "later")
	p.agreed()
	if now := p.figures(); found(now) <= found(was) {
		t.Errorf("of what was written since nothing counts: %d", found(now))
	}
	p.ends()
	runs(t, nil, "recount", p.above.Data)
	if a, err := os.ReadFile(renewed); err != nil || string(a) != string(keyOf(t, p.below.Data)) {
		t.Errorf("the key that lies with the data is not the renewed one: %v", err)
	}
}

func keyOf(t *testing.T, data string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(data, "installation.key"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// old checks that what is mirrored of the era before is read on.
func (p *pair) old(before *federationv1.Mirror) {
	p.t.Helper()
	cp, err := p.upper.as(p.over).feed().GetCheckpoint(p.t.Context(), &feedv1.GetCheckpointRequest{Name: before.GetFeed() + ".1"})
	if err != nil || cp.GetOrigin() != before.GetOrigin() || cp.GetSize() != before.GetSize() {
		p.t.Errorf("the log of before is %v, %v; want %v", cp, err, before)
	}
	_, err = p.mirrors().GetBracket(p.t.Context(), &federationv1.GetBracketRequest{Name: before.GetName() + ".1"})
	if err != nil {
		p.t.Errorf("the bracket of an entry of before: %v", err)
	}
}

// thief starts a copy of the data of before, with the key that was stolen.
func (p *pair) thief(data string) {
	p.t.Helper()
	c := p.below
	c.Data, c.Metrics = data, ""
	d := boot(p.t, c, p.skews[1])
	p.write(d, "stolen")
	p.eventually("the stolen key is refused", func() bool { return strings.Contains(d.log.String(), "CODE_BAD_SIGNATURE") })
	p.eventually("the installation above tells of it", func() bool {
		return strings.Contains(p.upper.log.String(), "is not believed installation=installations/city code=CODE_BAD_SIGNATURE") || strings.Contains(p.upper.log.String(), `"code":"CODE_BAD_SIGNATURE"`)
	})
	d.kill()
	p.quiet()
}

// TestARenewalThatWasCutOffIsBegunAnew, and what is backed up then is restored by the renewed
// key alone; one that is another installation's renews nothing.
func TestARenewalThatWasCutOffIsBegunAnew(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	renewed, was := filepath.Join(t.TempDir(), "renewed.key"), keyOf(t, c.Data)
	renews := func(want error, key string) {
		t.Helper()
		runs(t, want, "era", "-renew", key, "-reason", "密钥失窃，启用新密钥", "-approvers", bothOfThem, c.Data)
		<-afterThisSecond()
	}
	other := filepath.Join(t.TempDir(), "other.key")
	if err := os.WriteFile(other, make([]byte, 64), 0o600); err != nil {
		t.Fatal(err)
	}
	renews(config.ErrWrong, other)
	clean(t, c)
	renews(nil, renewed)
	if err := os.WriteFile(filepath.Join(c.Data, "installation.key"), was, 0o600); err != nil { // before it was put there
		t.Fatal(err)
	}
	renews(nil, renewed)
	clean(t, c)
	boot(t, c).stop()
	backup, to := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
	d = boot(t, c)
	runs(t, nil, "backup", "-config", file(t, c), backup)
	d.stop()
	runs(t, nil, "restore", "-key", renewed, backup, to)
	old := filepath.Join(t.TempDir(), "old.key")
	if err := os.WriteFile(old, was, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"restore", "-key", old, backup, filepath.Join(t.TempDir(), "data")}, t.Output()); err == nil {
		t.Error("the key of before restores it")
	}
}
