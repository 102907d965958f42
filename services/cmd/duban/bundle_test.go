package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"

	"github.com/duban-project/duban/services/federation/bundle"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/upkeep"
)

// carried are two installations that no network connects.
type carried struct {
	t            *testing.T
	above, below suite.Config
	upper, lower *child
	over, keys   admins
}

func newCarried(t *testing.T) *carried {
	x := &carried{t: t, above: settings(t.TempDir()), below: settings(t.TempDir())}
	x.above.Installation, x.below.Installation = "edu.example/province", "edu.example/city"
	x.upper = boot(t, x.above)
	x.over = foundProvince(t, x.upper)
	paper := identify(t, x.above)
	x.below.Federation.Parent.Cosigner, x.below.Federation.Parent.Recipient = paper.Cosigner, paper.Recipient
	x.lower = boot(t, x.below)
	x.keys = initialize(t, x.lower)
	enrol(t, x.upper, x.over, identify(t, x.below).Installation)
	return x
}

// run runs the command on one of them.
func (x *carried) run(c suite.Config, args ...string) error {
	x.t.Helper()
	return run(x.t.Context(), slices.Concat([]string{"bundle", args[0], "-config", file(x.t, c)}, args[1:]), io.Discard)
}

// bundle does too, and checks with what it exits.
func (x *carried) bundle(want int, c suite.Config, args ...string) string {
	x.t.Helper()
	var out strings.Builder
	err := run(x.t.Context(), slices.Concat([]string{"bundle", args[0], "-config", file(x.t, c)}, args[1:]), &out)
	if got := exit(err); got != want {
		x.t.Fatalf("bundle %s exits with %d, want %d: %v\n%s", strings.Join(args, " "), got, want, err, &out)
	}
	return out.String()
}

// export makes files after a receipt, "" for none.
func (x *carried) export(receipt string) (files []string, said string) {
	x.t.Helper()
	folder := filepath.Join(x.t.TempDir(), "out")
	said = x.bundle(0, x.below, "export", "-after", receipt, "-max", "2000", folder)
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		x.t.Fatal(err)
	}
	return files, said
}

func (x *carried) taken(want int, receipt string, files ...string) string {
	x.t.Helper()
	return x.bundle(want, x.above, slices.Concat([]string{"import", "-receipt", receipt}, files)...)
}

// agree says whether all of the lower installation is above.
func (x *carried) agree() {
	x.t.Helper()
	for _, name := range []string{"organization", "rectification", "federation"} {
		want, err := x.lower.as(x.keys).feed().GetCheckpoint(x.t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/" + name})
		if err != nil {
			x.t.Fatal(err)
		}
		if want.GetSize() == 0 {
			continue
		}
		got, err := x.upper.as(x.over).feed().GetCheckpoint(x.t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/city." + name})
		if err != nil {
			x.t.Fatal(err)
		}
		if got.GetSize() != want.GetSize() || !bytes.Equal(got.GetRoot(), want.GetRoot()) {
			x.t.Errorf("%s: %d entries with root %x are above, want %d with %x", name, got.GetSize(), got.GetRoot(), want.GetSize(), want.GetRoot())
		}
	}
}

// size is how much of a log is above.
func (x *carried) size(name string) uint64 {
	cp, err := x.upper.as(x.over).feed().ListRecords(x.t.Context(), &feedv1.ListRecordsRequest{Parent: "feeds/city." + name, PageSize: 1})
	if err != nil {
		return 0
	}
	return cp.GetSize()
}

// units makes entries.
func (x *carried) units(from, to int) {
	x.t.Helper()
	for i := from; i < to; i++ {
		_, err := x.lower.as(x.keys).org().CreateUnit(x.t.Context(), &organizationv1.CreateUnitRequest{
			UnitId: fmt.Sprintf("school-%d", i), Unit: &organizationv1.Unit{DisplayName: "某小学", Kind: organizationv1.Unit_KIND_SCHOOL, Parent: "units/root"},
		})
		if err != nil {
			x.t.Fatal(err)
		}
	}
}

// TestBundlesAreCarried: what is exported below arrives above, in any order and
// repeated; what is damaged, forged or too early does not; the receipt says where
// the next export starts; nothing of it can be read on the way.
func TestBundlesAreCarried(t *testing.T) {
	t.Parallel()
	x := newCarried(t)
	x.units(0, 3)
	first, _ := x.export("")
	x.units(3, 6)
	files, _ := x.export("")
	if len(first) < 1 || len(files) < 2 {
		t.Fatalf("%d and %d files were made, want several", len(first), len(files))
	}
	receipt := filepath.Join(t.TempDir(), "receipt")
	x.taken(10, receipt, files[len(files)-1])
	if said := x.taken(10, receipt, files[len(files)-1]); !strings.Contains(said, "entries, and 0 are here") || x.size("organization") > 0 {
		t.Errorf("a file that came too early left %d entries:\n%s", x.size("organization"), said)
	}
	x.damaged(files[0], receipt)
	shuffled := slices.Concat(files, first, files[:1])
	slices.Reverse(shuffled)
	x.taken(0, receipt, shuffled...)
	x.agree()
	x.taken(0, receipt, first...) // older ones do no harm, and leave the newer receipt
	x.agree()

	if next, said := x.export(receipt); len(next) > 0 || said != "nothing is new\n" {
		t.Errorf("%d files have nothing new:\n%s", len(next), said)
	}
	size := x.size("organization")
	x.units(6, 8)
	next, said := x.export(receipt)
	if !strings.Contains(said, fmt.Sprintf("/organization/1: entries %d to ", size)) {
		t.Errorf("the next export does not start at %d:\n%s", size, said)
	}
	x.taken(0, receipt, next...)
	x.agree()
	x.verified(receipt)
	x.unreadable(slices.Concat(files, []string{receipt}))
	x.lower.stop()
	x.upper.stop()
	clean(t, x.above)
	clean(t, x.below)
	x.mirrorIsChecked()
}

// damaged shows what cannot be taken: with a byte flipped, cut short, sealed for
// others, not sealed at all, and with a byte flipped inside, digest and seal made
// anew.
func (x *carried) damaged(file, receipt string) {
	x.t.Helper()
	whole, err := os.ReadFile(file)
	if err != nil {
		x.t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	plain := x.opened(whole, x.above)
	forged := bytes.Clone(plain)
	forged[bytes.Index(forged, []byte("duban.organization.v1.Unit"))+30] ^= 1
	for why, b := range map[string][]byte{
		"is damaged": flipped, "incomplete": whole[:len(whole)/2], "is not sealed": plain, "for another installation": x.sealed(plain, x.below),
		"CODE_BAD_ENTRY": x.sealed(redigested(x.t, forged), x.above),
	} {
		spoilt := filepath.Join(x.t.TempDir(), "spoilt")
		if err := os.WriteFile(spoilt, b, 0o600); err != nil {
			x.t.Fatal(err)
		}
		if err := x.run(x.above, "import", "-receipt", receipt, spoilt); exit(err) != 20 || !strings.Contains(err.Error(), why) {
			x.t.Errorf("a file that %s: %v", why, err)
		}
	}
	x.notTogether(file, receipt)
	if got := x.size("organization"); got > 0 {
		x.t.Errorf("damaged files left %d entries", got)
	}
}

// notTogether imports files of two installations, of which the receipt could be for
// one alone.
func (x *carried) notTogether(file, receipt string) {
	x.t.Helper()
	var inside bytes.Buffer
	w, err := bundle.NewWriter(&inside, bundle.Bundle)
	if err != nil {
		x.t.Fatal(err)
	}
	hello := &federationv1.ReplicateRequest_Hello{Hello: &federationv1.Hello{Installation: "installations/other"}}
	if err := errors.Join(w.Put(&federationv1.ReplicateRequest{Message: hello}), w.Close()); err != nil {
		x.t.Fatal(err)
	}
	other := filepath.Join(x.t.TempDir(), "other.bundle")
	if err := os.WriteFile(other, x.sealed(inside.Bytes(), x.above), 0o600); err != nil {
		x.t.Fatal(err)
	}
	if err := x.run(x.above, "import", "-receipt", receipt, file, other); err == nil || !strings.Contains(err.Error(), "one installation at a time") {
		x.t.Errorf("files of two installations: %v", err)
	}
	kept := filepath.Join(x.t.TempDir(), "receipt")
	if err := x.run(x.above, "import", "-receipt", kept, other); exit(err) != 10 {
		x.t.Errorf("a file of an installation that is not enrolled: %v", err)
	}
	if _, err := os.Stat(kept); !errors.Is(err, os.ErrNotExist) {
		x.t.Errorf("a receipt for nobody was written: %v", err)
	}
}

// unreadable opens files for whom they are not, and looks for what went into them.
func (x *carried) unreadable(files []string) {
	x.t.Helper()
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			x.t.Fatal(err)
		}
		for _, secret := range []string{"school-", "某小学", "edu.example", "installations/", "duban.organization"} {
			if bytes.Contains(b, []byte(secret)) {
				x.t.Errorf("%s shows %q", file, secret)
			}
		}
	}
	if err := x.run(x.above, "export", "-after", files[len(files)-1], x.t.TempDir()); exit(err) != exitConfig || !strings.Contains(err.Error(), "recipient is not set") {
		x.t.Errorf("an export for nobody: %v", err)
	}
	if err := x.run(x.below, "import", "-receipt", filepath.Join(x.t.TempDir(), "receipt"), files[0]); exit(err) != 20 || !strings.Contains(err.Error(), "for another installation") {
		x.t.Errorf("an import of one's own export: %v", err)
	}
}

// opened is what is sealed in a bundle for that installation.
func (x *carried) opened(b []byte, of suite.Config) []byte {
	x.t.Helper()
	mine, err := upkeep.Unsealer(of)
	if err != nil {
		x.t.Fatal(err)
	}
	in, err := bundle.Open(bytes.NewReader(b), bundle.Bundle, mine)
	if err != nil {
		x.t.Fatal(err)
	}
	inside, err := io.ReadAll(in)
	if err != nil {
		x.t.Fatal(err)
	}
	return inside
}

// sealed seals a bundle for that installation.
func (x *carried) sealed(inside []byte, to suite.Config) []byte {
	x.t.Helper()
	var out bytes.Buffer
	w, err := bundle.Seal(&out, bundle.Bundle, identify(x.t, to).Recipient)
	if err != nil {
		x.t.Fatal(err)
	}
	if _, err := w.Write(inside); err != nil {
		x.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		x.t.Fatal(err)
	}
	return out.Bytes()
}

// redigested is a file with the digest that it must have.
func redigested(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := bundle.NewWriter(&out, bundle.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	r, err := bundle.NewReader(bytes.NewReader(b), bundle.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	for {
		m := &federationv1.ReplicateRequest{}
		if err := r.Next(m); errors.Is(err, bundle.ErrDamaged) { // its digest
			break
		} else if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if err := w.Put(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// verified holds the receipt against the keys on paper.
func (x *carried) verified(receipt string) {
	x.t.Helper()
	keys := runs(x.t, nil, "identity", "-keys", "-config", file(x.t, x.above)) + runs(x.t, nil, "identity", "-keys", "-config", file(x.t, x.below))
	trusted := filepath.Join(x.t.TempDir(), "keys")
	if err := os.WriteFile(trusted, []byte(keys), 0o600); err != nil {
		x.t.Fatal(err)
	}
	var out strings.Builder
	if err := run(x.t.Context(), []string{"verify", "-keys", trusted, "-config", file(x.t, x.above), receipt}, &out); exit(err) != 20 {
		x.t.Errorf("the receipt is read by whom it is not for: %v", err)
	}
	if err := run(x.t.Context(), []string{"verify", "-keys", trusted, "-config", file(x.t, x.below), receipt}, &out); err != nil || !regexp.MustCompile(`edu.example/city/organization/1: \d+ entries existed by`).MatchString(out.String()) {
		x.t.Errorf("the receipt: %v\n%s", err, &out)
	}
}

// mirrorIsChecked flips a byte of what arrived, which fsck finds.
func (x *carried) mirrorIsChecked() {
	x.t.Helper()
	engine, err := bolt.Open(filepath.Join(x.above.Data, "federation.db"), bolt.Options{})
	if err != nil {
		x.t.Fatal(err)
	}
	err = engine.Update(x.t.Context(), func(tx store.Tx) error {
		key := []byte("\x00\x00\x00\x00\x00\x00\x00\x04")
		b, err := tx.Get("mirror/city.organization/1/feed.entries", key)
		if err != nil {
			return err
		}
		b = bytes.Clone(b)
		b[len(b)-1] ^= 1
		return tx.Put("mirror/city.organization/1/feed.entries", key, b)
	})
	if err := errors.Join(err, engine.Close()); err != nil {
		x.t.Fatal(err)
	}
	if told := fsckSays(x.t, errWrong, "-config", file(x.t, x.above), x.above.Data); !regexp.MustCompile(`city.organization/1 .* [1-9]\d* wrong\n  first: entry 4 `).MatchString(told) {
		x.t.Errorf("fsck does not name the entry:\n%s", told)
	}
}
