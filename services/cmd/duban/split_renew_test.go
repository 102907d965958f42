package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// renewed lets the logs of every role, whose processes are stopped, go on by another key, which
// they then have, and returns what is said of them.
func (b *branch) renewed() (said []*federationv1.EnrolledLog) {
	b.t.Helper()
	renewed := filepath.Join(b.t.TempDir(), "renewed.key")
	for _, role := range suite.Called() {
		out := runs(b.t, nil, "era", "-config", b.Config(role), "-key", filepath.Join(b.papers, seed.File), "-renew", renewed,
			"-reason", "密钥失窃，启用新密钥", "-approvers", bothOfThem, b.data(role))
		told := &federationv1.ReenrolInstallationRequest{}
		if err := protojson.Unmarshal([]byte(out[strings.Index(out, "{"):]), told); err != nil {
			b.t.Fatalf("%v:\n%s", err, out)
		}
		said = append(said, told.GetLogs()...)
	}
	if err := os.Rename(renewed, filepath.Join(b.papers, seed.File)); err != nil {
		b.t.Fatal(err)
	}
	runs(b.t, nil, append([]string{"certificates", "-config", b.Config("federation"), b.papers}, suite.Roles()...)...)
	return said
}

// TestASplitInstallationIsEnrolledAgain by what duban era printed for each of its roles, which
// is what duban identity says that was told of all their folders.
func TestASplitInstallationIsEnrolledAgain(t *testing.T) {
	t.Parallel()
	b := newBranch(t)
	on := caller{dial(t, b.rpc), b.keys}
	l := newLoad(t, on, "load")
	l.most = 1
	<-l.start(t.Context(), on, writers)
	was := b.agrees(on)
	above := federationv1.NewFederationServiceClient(keyed{b.upper.dial(), b.over.security})
	_, err := above.RevokeInstallation(t.Context(), &federationv1.RevokeInstallationRequest{Name: "installations/city", Reason: "密钥失窃"})
	if err = errors.Join(err, b.Stop()); err != nil {
		t.Fatal(err)
	}
	said := b.renewed()
	var folders []string
	for _, role := range suite.Called() {
		folders = append(folders, b.data(role))
	}
	out := runs(t, nil, append([]string{"identity", "-keys", "-config", b.Config("federation")}, folders...)...)
	for _, log := range said {
		if !strings.Contains(out, log.GetVerifierKey()) {
			t.Errorf("the identity lacks %s:\n%s", log, out)
		}
	}
	if out := runs(t, nil, "identity", "-config", b.Config("federation")); !strings.Contains(out, "in which era the logs of organization, campaign") {
		t.Errorf("that it does not know the eras of the others it does not say:\n%s", out)
	}
	_, err = above.ReenrolInstallation(t.Context(), &federationv1.ReenrolInstallationRequest{Name: "installations/city", Logs: said, Reason: "核对"})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range suite.Roles() {
		err = errors.Join(err, b.Begin(role))
	}
	if err = errors.Join(err, b.Ready(t.Context())); err != nil {
		t.Fatal(err)
	}
	if now := b.agrees(caller{dial(t, b.rpc), b.keys}); now.GetSize() <= was.GetSize() || now.GetOrigin() == was.GetOrigin() {
		t.Errorf("the log is %v, and was %v", now, was)
	}
}

// TestAKeyThatRenewsNothingIsRefused, and no file is left of an attempt that failed.
func TestAKeyThatRenewsNothingIsRefused(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	d := boot(t, c)
	initialize(t, d)
	d.stop()
	folder := t.TempDir()
	in := func(name string, b []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	now, wrong := time.Now(), in("wrong.key", []byte(strings.Repeat("w", 32)))
	opens := func(keys upkeep.Keys) ([]*feedv1.Checkpoint, error) {
		return upkeep.OpenEra(t.Context(), c, keys, upkeep.Declaration{Reason: "密钥失窃", Approvers: strings.Split(bothOfThem, ","), Now: func() time.Time { return now }})
	}
	made := filepath.Join(folder, "made.key")
	for _, c := range []struct {
		what string
		keys upkeep.Keys
		code int
	}{
		{"the key in use", upkeep.Keys{Renewed: filepath.Join(c.Data, seed.File)}, exitConfig},
		{"an empty file", upkeep.Keys{Renewed: in("empty.key", nil)}, exitConfig},
		{"a garbled file", upkeep.Keys{Renewed: in("garbled.key", []byte("garbled"))}, exitConfig},
		{"another's", upkeep.Keys{Renewed: wrong}, exitConfig},
		{"from another's", upkeep.Keys{Now: wrong, Renewed: made}, 0},
	} {
		if cps, err := opens(c.keys); err == nil || c.code != 0 && exit(err) != c.code {
			t.Errorf("%s: %v, %v", c.what, cps, err)
		}
	}
	if _, err := os.Stat(made); err == nil {
		t.Error("a key was made of another's, and its file stays")
	}
	if _, err := opens(upkeep.Keys{Renewed: made}); err != nil {
		t.Fatal(err)
	}
	if _, err := opens(upkeep.Keys{}); err == nil || !strings.Contains(err.Error(), "wait") {
		t.Errorf("once more within the second: %v", err)
	}
}
