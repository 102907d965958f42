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

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/seed"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestARoleOfItsOwnTakesItsTailBack: a backup that is put back for one process of
// many writes nothing while the installation above is not heard; then it takes back
// what it has lost, or goes on if that is nothing, and nobody does anything by hand.
func TestARoleOfItsOwnTakesItsTailBack(t *testing.T) {
	t.Parallel()
	b := newBranch(t)
	on := caller{dial(t, b.rpc), b.keys}
	l := newLoad(t, on, "load")
	l.most = 1
	<-l.start(t.Context(), on, writers)
	backup := filepath.Join(t.TempDir(), "backup")
	runs(t, nil, "backup", "-config", b.Config("rectification"), backup)
	<-l.start(t.Context(), on, 2*writers)
	if len(l.errs) > 0 {
		t.Fatalf("writing: %v", l.errs[0])
	}
	want := b.agrees(on)

	nowhere := ""
	b.relay.upper.Store(&nowhere)
	b.anew("rectification", func(data string) {
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
		runs(t, nil, "restore", "-key", b.papers, backup, data)
	})
	b.anew("campaign", func(data string) {
		if err := recovery.MarkRestored(data); err != nil {
			t.Fatal(err)
		}
	})
	probe := write{id: "probe", kind: aProblem, parent: l.ledger, text: "probe"}
	if _, err := l.do(t.Context(), on, probe); reason(err) != "LOG_INCOMPLETE" {
		t.Errorf("writing before the installation above was heard = %v", err)
	}

	b.relay.upper.Store(&b.upper.grpc)
	b.eventually("rectification writes again", func() bool { _, err := l.do(t.Context(), on, probe); return err == nil })
	l.kept(t, on)
	for _, role := range []string{"rectification", "campaign"} {
		b.eventually(role+" is no longer marked as restored", func() bool {
			_, err := os.Lstat(filepath.Join(b.data(role), recovery.RestoredFile))
			return errors.Is(err, fs.ErrNotExist)
		})
	}
	got := b.agrees(on)
	if got.GetSize() <= want.GetSize() {
		t.Errorf("the log has %d entries, and had %d", got.GetSize(), want.GetSize())
	}
	b.eventually("rectification notes how long its log is", func() bool {
		note, err := os.ReadFile(filepath.Join(b.data("rectification"), "high-water.json"))
		return err == nil && strings.Contains(string(note), fmt.Sprintf("%q: %d", got.GetOrigin(), got.GetSize()))
	})
	l.counted(t, on)
	if err := errors.Join(b.Stop(), b.Check(t.Context())); err != nil {
		t.Error(err)
	}
}

// branch is an installation of a process for each role below one of a single
// process.
type branch struct {
	*ships
	t      *testing.T
	papers string // the folder of its keys
	relay  *relay
	upper  *child
	over   admins
}

func newBranch(t *testing.T) *branch {
	t.Helper()
	above := settings(t.TempDir())
	above.Installation = "edu.example/province"
	b := &branch{t: t, relay: newRelay(t, dice(t)), upper: boot(t, above)}
	b.relay.upper.Store(&b.upper.grpc)
	b.over = foundProvince(t, b.upper)
	below := settings("")
	b.ships = sail(t, func(c *suite.Config) {
		c.Installation = "edu.example/city"
		c.Federation.Parent = suite.Parent{Address: b.relay.address, Plaintext: true, Cosigner: identify(t, above).Cosigner}
		below.Installation = c.Installation
	})
	b.papers = filepath.Join(filepath.Dir(b.Config("federation")), seed.KeysFolder)
	below.Peers.Keys = b.papers
	enrol(t, b.upper, b.over, identify(t, below).Installation)
	return b
}

// data is the folder of a role.
func (b *branch) data(role string) string {
	return filepath.Join(filepath.Dir(b.Config(role)), role)
}

// anew kills the process of a role, and starts it after do.
func (b *branch) anew(role string, do func(data string)) {
	b.t.Helper()
	if err := b.Ship(role).Kill(); err != nil {
		b.t.Fatal(err)
	}
	do(b.data(role))
	if err := errors.Join(b.Begin(role), b.Ready(b.t.Context())); err != nil {
		b.t.Fatal(err)
	}
}

// agrees waits until the log of rectification is above as it is below.
func (b *branch) agrees(on caller) (want *feedv1.Checkpoint) {
	b.t.Helper()
	want, err := on.feed().GetCheckpoint(b.t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/rectification"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.eventually("all of the log is above", func() bool {
		got, err := b.upper.as(b.over).feed().GetCheckpoint(b.t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/city.rectification"})
		return err == nil && got.GetSize() == want.GetSize() && string(got.GetRoot()) == string(want.GetRoot())
	})
	return want
}

func (b *branch) eventually(what string, holds func() bool) {
	b.t.Helper()
	over := time.After(4 * patience)
	for !holds() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-over:
			b.t.Fatalf("never: %s\nabove:\n%s", what, b.upper.log)
		}
	}
}
