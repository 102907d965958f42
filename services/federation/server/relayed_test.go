package server_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/internal/store"
)

// TestAMadeUpInstallationKeepsNoRealOneAway: who has enrolled another by the very origins of a
// real one, with keys of their own or with the real ones, keeps its logs out nowhere above.
func TestAMadeUpInstallationKeepsNoRealOneAway(t *testing.T) {
	for _, forged := range []bool{true, false} {
		nation, province := newNode(t, "500000"), newNode(t, "510000")
		evil, city, real := newNode(t, "510110"), newNode(t, "510120"), newNode(t, "510204")
		nation.enrol(province)
		province.enrol(evil)
		province.enrol(city)
		made := newNode(t, "510204")
		if forged {
			made.secret = "another"
			made.close()
			made.dir = t.TempDir()
			made.open()
		}
		in, err := federation.Enrol(enrolment(t, made))
		evil.must(err)
		in.Unit = "units/510177"
		evil.put("federation", "federation.installation.enrolled.v1", in.GetName(), in)
		made.work(2)
		made.push(evil.up(), evil.cosigner().VerifierKey())
		evil.push(province.up(), province.cosigner().VerifierKey())
		province.push(nation.up(), nation.cosigner().VerifierKey())
		eventually(t, "the made-up one is mirrored", func() bool {
			return nation.head("510204~510177.rectification").GetSize() == 2
		})
		city.enrol(real)
		real.work(5)
		real.push(city.up(), city.cosigner().VerifierKey())
		city.push(province.up(), province.cosigner().VerifierKey())
		for _, upper := range []*node{city, province, nation} {
			agrees(t, upper, real, "rectification")
		}
		for _, upper := range []*node{province, nation} {
			for _, feed := range []string{"510204~510204.rectification", "510204~510177.rectification"} {
				row := upper.row(feed)
				if row.GetState() != federationv1.Mirror_STATE_ACTIVE || row.GetRefusedCount() != 0 || upper.evidence(feed) != nil {
					t.Errorf("%s has %s as %v", upper.id, feed, row)
				}
			}
			if name, found := rechecked(t, upper); name != "" {
				t.Errorf("%s: %s is wrong: %+v", upper.id, name, found.First)
			}
		}
	}
}

// TestADistrictGoesOverToAnotherCity: once the city that had enrolled it has given it up, its log
// goes on by the other, from where it was, and stands accused of nothing; before that, nobody takes it.
func TestADistrictGoesOverToAnotherCity(t *testing.T) {
	const ledger, unit = "510104~510104.rectification", "units/510104"
	top, a, b, low := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510200"), newNode(t, "510104")
	top.enrol(a)
	top.enrol(b)
	has := func(n *node) {
		root := "units/" + n.id
		n.put("organization", "organization.unit.updated.v1", root, &organizationv1.Unit{Name: root})
		n.put("organization", "organization.unit.updated.v1", unit, &organizationv1.Unit{Name: unit, Parent: root})
	}
	in, err := federation.Enrol(enrolment(t, low))
	in = a.changes(t, in, err)
	has(a)
	low.work(6)
	stop := low.push(a.up(), a.cosigner().VerifierKey())
	a.push(top.up(), top.cosigner().VerifierKey())
	agrees(t, top, low, "rectification")
	agrees(t, top, a, "organization")

	has(b)
	takes := func(change func(*federationv1.Installation)) {
		second, err := federation.Enrol(enrolment(t, low))
		if change != nil {
			change(second)
		}
		b.changes(t, second, err)
		agrees(t, top, b, "federation")
		agrees(t, top, b, "organization")
	}
	b.push(top.up(), top.cosigner().VerifierKey())
	takes(nil)
	if row := top.row(ledger); row.GetVia() != "installations/510100" || top.row("510200.federation").GetRefusedCount() != 1 || top.row("510200.organization").GetRefusedCount() != 1 {
		t.Fatalf("without the first city's leave it is taken: %v", row)
	}

	stop()
	in, err = federation.Revoke(in, "划入他市", a.now())
	a.changes(t, in, err)
	agrees(t, top, a, "federation")
	has(b)
	takes(func(other *federationv1.Installation) {
		other.Logs = enrolment(t, &node{t: t, id: "510104", era: 1, secret: "another"}).GetLogs()
	})
	if top.row("510200.federation").GetRefusedCount() != 2 {
		t.Error("another installation of its name goes on with its log")
	}
	takes(nil)
	low.push(b.up(), b.cosigner().VerifierKey())
	low.work(4)
	agrees(t, b, low, "rectification")
	agrees(t, top, low, "rectification")
	if row := top.row(ledger); row.GetVia() != "installations/510200" || row.GetState() != federationv1.Mirror_STATE_ACTIVE || top.evidence(ledger) != nil {
		t.Errorf("it stands as %v, and accused of %v", row, top.evidence(ledger))
	}
	if r := top.remote(unit); r.GetInstallation() != "installations/510200" || r.GetUnit().GetParent() != "units/510200" {
		t.Errorf("its unit is %v", r)
	}
	if name, found := rechecked(t, top); name != "" {
		t.Errorf("%s is wrong: %+v", name, found.First)
	}
}

// remote reads what the node has found out of a unit.
func (n *node) remote(unit string) *federationv1.RemoteUnit {
	r := &federationv1.RemoteUnit{}
	n.must(n.engines["federation"].View(n.t.Context(), func(tx store.Tx) error {
		b, err := tx.Get("duban.federation.v1.RemoteUnit", []byte(federation.RemoteName(unit)))
		if err != nil {
			return err
		}
		return proto.Unmarshal(b, r)
	}))
	return r
}
