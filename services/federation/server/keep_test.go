package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/server"
	"github.com/duban-project/duban/services/internal/feed/fsck"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
)

// TestWhatIsSealedStaysBelow: 责任人 goes up opened; what was complained of does not, and
// its commitment without an opening shows that it is withheld.
func TestWhatIsSealedStaysBelow(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.work(1)
	c := &complaintv1.Complaint{Name: "complaints/1", Text: "王某某反映"}
	lower.put("complaint", "complaint.complaint.created.v1", c.GetName(), c)
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	agrees(t, upper, lower, "complaint")
	if o := upper.records("510100.rectification")[0].GetOpenings(); len(o) != 1 || o[0].GetLabel() != "office" {
		t.Errorf("the problem's openings above are %v", o)
	}
	records := upper.records("510100.complaint")
	e := &feedv1.Entry{}
	if err := proto.Unmarshal(records[0].GetEntry(), e); err != nil || len(e.GetSealed()) == 0 {
		t.Fatalf("the complaint has no commitment: %v, %v", e, err)
	}
	if len(records[0].GetOpenings()) != 0 {
		t.Error("what was complained of went up")
	}
	upper.close()
	b, err := os.ReadFile(filepath.Join(upper.dir, "federation.db"))
	if err != nil || bytes.Contains(b, []byte("王某某")) {
		t.Errorf("the store above holds what was complained of (%v)", err)
	}
	upper.open()
}

// TestTimeBelowNeverGoesBack: while a clock below is set back, what its units do took
// effect when the entry before did, be that one about a unit or not.
func TestTimeBelowNeverGoesBack(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	start := lower.now()
	unit := func(name, parent string) {
		u := &organizationv1.Unit{Name: name, Parent: parent}
		lower.put("organization", "organization.unit.updated.v1", name, u)
	}
	unit("units/510100", "")
	unit("units/school", "units/510100")
	lower.skew = time.Minute
	m := &organizationv1.Member{Name: "units/school/members/head"}
	lower.put("organization", "organization.member.created.v1", m.GetName(), m)
	lower.skew = -time.Hour
	unit("units/school", "units/510100")
	lower.skew = 0
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "organization")
	kept := &federationv1.RemoteUnit{}
	upper.must(upper.engines["federation"].View(t.Context(), func(tx store.Tx) error {
		b, err := tx.Get(string(kept.ProtoReflect().Descriptor().FullName()), []byte("remoteUnits/school"))
		return errors.Join(err, proto.Unmarshal(b, kept))
	}))
	if since := kept.GetEffectiveTime().AsTime().Sub(start); since < time.Minute {
		t.Errorf("the unit's newest version took effect %v after the first entry, before the one in between", since)
	}
}

// TestARelayedLogNeedsNoTrust: the entries from two levels down are verified by
// the keys that those in between have enrolled, in their own mirrored log.
func TestARelayedLogNeedsNoTrust(t *testing.T) {
	top, middle, low := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510104")
	top.enrol(middle)
	middle.enrol(low)
	low.work(40)
	low.push(middle.up(), middle.cosigner().VerifierKey())
	agrees(t, middle, low, "rectification")
	middle.push(top.up(), top.cosigner().VerifierKey())
	agrees(t, top, low, "rectification")
	row := top.row("510104~510104.rectification")
	if row.GetVia() != "installations/510100" || row.GetUnit() != "units/510104" {
		t.Errorf("the relayed mirror is %v", row)
	}
	if _, err := federation.Cosigned(top.cosigner().VerifierKey(), row.GetNote()); err != nil {
		t.Errorf("the top has not cosigned it: %v", err)
	}
	if _, err := federation.Cosigned(middle.cosigner().VerifierKey(), row.GetNote()); err != nil {
		t.Errorf("the middle's cosignature did not go up: %v", err)
	}
}

// TestTheStoreOfAnInstallationAboveIsWhole: fsck finds nothing wrong with the log
// in which it testifies, and knows where mirrors lie.
func TestTheStoreOfAnInstallationAboveIsWhole(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	upper.enrol(lower)
	lower.work(20)
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	key, err := note.NewVerifier(upper.logs["federation"].VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	report, err := fsck.Check(t.Context(), upper.engines["federation"], fsck.Expect{Verifier: key, Schema: server.Schema})
	if err != nil || report.Wrong > 0 || report.Entries < 2 {
		t.Errorf("fsck = %+v, first %+v, %v", report, report.First, err)
	}
}

// TestACloneIsRefusedWhileTheFirstIsThere: two processes of one installation at
// once are two too many.
func TestACloneIsRefusedWhileTheFirstIsThere(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	lower.patience = time.Minute
	upper.enrol(lower)
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	lower.work(1)
	agrees(t, upper, lower, "rectification")
	stream, err := upper.up().Replicate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(hello(greeting(t, lower, upper))); err != nil {
		t.Fatal(err)
	}
	if m, err := stream.Recv(); err == nil {
		t.Errorf("a second process got %v", m)
	}
	lower.work(1)
	agrees(t, upper, lower, "rectification")
	if n := upper.service.Clones(); n != 0 {
		t.Errorf("%d alarms at once: the first may be gone, and the second have taken its place", n)
	}
	upper.ahead.Add(int64(federation.Beat)) // the first is there all the same
	lower.work(1)
	agrees(t, upper, lower, "rectification")
	eventually(t, "the clone is noticed", func() bool { return upper.service.Clones() == 1 })
}

// TestBracketsReceiptsAndSilence goes through the API of whole installations.
func TestBracketsReceiptsAndSilence(t *testing.T) {
	province := start(t, "510000", nil)
	province.InitializeAs("root", organizationv1.Unit_KIND_PROVINCE)
	lower := city(t, province, "510100")
	in := province.enrol(t, lower, "units/510100")
	arrives(t, province, lower, "510100", "organization")
	seq := lower.head(t, "feeds/organization").GetSize()
	lower.Unit("school", lower.Root, organizationv1.Unit_KIND_SCHOOL)
	arrives(t, province, lower, "510100", "organization")
	mirror := in.GetName() + "/mirrors/organization"
	b, err := province.federation(province.Auditor).GetBracket(t.Context(), &federationv1.GetBracketRequest{Name: mirror, Seq: seq})
	if err != nil || b.GetWithoutTime() == nil || b.GetWithTime() == nil || b.GetBackdated() || b.GetWithTime().AsTime().Before(b.GetWithoutTime().AsTime()) {
		t.Errorf("the bracket is %v, %v", b, err)
	}
	for _, parent := range []string{"installations/none", "installations/51010", "installations/510100-"} {
		_, err := province.federation(province.Auditor).ListMirrors(t.Context(), &federationv1.ListMirrorsRequest{Parent: parent})
		if status.Code(err) != codes.NotFound {
			t.Errorf("the mirrors of %s = %v, want that there is none", parent, err)
		}
	}
	if all, err := province.federation(province.Auditor).ListMirrors(t.Context(), &federationv1.ListMirrorsRequest{Parent: "installations/-"}); err != nil || len(all.GetMirrors()) == 0 {
		t.Errorf("the mirrors of all = %v, %v", all, err)
	}
	list, err := province.federation(province.Auditor).ListMirrors(t.Context(), &federationv1.ListMirrorsRequest{Parent: in.GetName()})
	if want := len(suite.Called()); err != nil || len(list.GetMirrors()) != want {
		t.Fatalf("ListMirrors = %d, %v; want %d", len(list.GetMirrors()), err, want)
	}
	for _, m := range list.GetMirrors() {
		if m.GetState() != federationv1.Mirror_STATE_ACTIVE || m.GetHeardAgo().AsDuration() > time.Minute {
			t.Errorf("%s is %s, heard of %v ago", m.GetName(), m.GetState(), m.GetHeardAgo().AsDuration())
		}
	}
	receipt(t, province, lower)
	_, err = province.federation(province.SystemAdmin).SuspendInstallation(t.Context(), &federationv1.SuspendInstallationRequest{Name: in.GetName(), Reason: "核对公钥"})
	if err != nil {
		t.Fatal(err)
	}
	before := province.head(t, "feeds/510100.organization").GetSize()
	lower.Unit("school2", lower.Root, organizationv1.Unit_KIND_SCHOOL)
	lower.Stop()
	if after := province.head(t, "feeds/510100.organization").GetSize(); after != before {
		t.Errorf("a suspended installation's log grew from %d to %d", before, after)
	}
}

// receipt waits for one that the upper installation has cosigned, and verifies it; under
// another number it is worth nothing.
func receipt(t *testing.T, upper, lower *bureau) {
	t.Helper()
	keys := federation.Keys{Logs: map[string]string{}, Cosigners: []string{upper.identity(t).Cosigner}}
	for _, l := range lower.identity(t).Installation.GetLogs() {
		keys.Logs[l.GetOrigin()] = l.GetVerifierKey()
	}
	eventually(t, "a receipt is cosigned", func() bool {
		e, err := lower.federation(lower.Auditor).GetReceipt(t.Context(), &federationv1.GetReceiptRequest{Name: "feeds/organization", Seq: 3})
		if err != nil {
			t.Fatal(err)
		}
		f := federation.Verify(e, keys)
		if f.Verdict == federation.Invalid {
			t.Fatalf("the receipt is worth %d: %s", f.Verdict, f.What)
		}
		e.GetReceipt().GetRecord().Seq++
		want := federation.Finding{Verdict: federation.Invalid, What: "it says that its entry is 4, and the entry itself that it is 3"}
		if got := federation.Verify(e, keys); got != want {
			t.Errorf("under another number = %+v", got)
		}
		return f.Verdict == federation.Valid
	})
}

// TestOverTLS: each side shows the other a certificate.
func TestOverTLS(t *testing.T) {
	files := certificates(t)
	province := &bureau{folder: t.TempDir(), set: func(c *suite.Config) {
		c.Installation = "edu.example/510000"
		c.Federation.Listen, c.Federation.ClientCA = "127.0.0.1:0", files("ca.pem")
		c.Federation.Certificate, c.Federation.Key = files("own.pem"), files("own.key")
	}}
	province.run(t)
	province.InitializeAs("root", organizationv1.Unit_KIND_PROVINCE)
	province.Unit("510100", province.Root, organizationv1.Unit_KIND_CITY)
	lower := &bureau{folder: t.TempDir(), set: func(c *suite.Config) {
		c.Installation = "edu.example/510100"
		c.Federation.Parent = suite.Parent{
			Address: province.Below, Cosigner: province.identity(t).Cosigner,
			CA: files("ca.pem"), Certificate: files("own.pem"), PrivateKey: files("own.key"),
		}
	}}
	lower.run(t)
	lower.InitializeAs("510100", organizationv1.Unit_KIND_CITY)
	province.enrol(t, lower, "units/510100")
	arrives(t, province, lower, "510100", "organization")
}

// certificates writes an authority and a certificate that it has signed.
func certificates(t *testing.T) func(name string) string {
	t.Helper()
	folder := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"ca.pem": {Type: "CERTIFICATE", Bytes: der}, "own.pem": {Type: "CERTIFICATE", Bytes: der}, "own.key": {Type: "EC PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string { return filepath.Join(folder, name) }
}
