package server_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/federation/server"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suite"
)

// renews lets a node's logs go on in another era, under another key.
func (n *node) renews() {
	n.t.Helper()
	n.close()
	was := map[string]string{}
	for _, role := range roles {
		was[role] = n.origin(role)
	}
	n.era, n.secret = n.era+1, n.secret+" renewed"
	n.open()
	for _, role := range roles {
		e := &feedv1.Era{Name: "feeds/" + role + "/eras/2", PreviousOrigin: was[role], Origin: n.origin(role), Reason: "核对"}
		n.put(role, "feed.era.opened.v1", e.GetName(), e)
	}
}

// changes keeps what the rules make of the enrolment of the lower node.
func (n *node) changes(t *testing.T, in *federationv1.Installation, err error) *federationv1.Installation {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	n.put("federation", "federation.installation.changed.v1", in.GetName(), in)
	return in
}

// opened opens a stream as the node is now, and is welcomed.
func opened(t *testing.T, up federationv1.FederationServiceClient, h *federationv1.Hello) grpc.BidiStreamingClient[federationv1.ReplicateRequest, federationv1.ReplicateResponse] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	stream, err := up.Replicate(ctx)
	if err == nil {
		err = stream.Send(hello(h))
	}
	if err != nil {
		t.Fatal(err)
	}
	if m, err := stream.Recv(); err != nil || m.GetWelcome() == nil {
		t.Fatalf("the greeting is answered %v, %v", m, err)
	}
	return stream
}

// TestAStreamOfARevokedKeyEnds with the next message, whatever that is about, so that who was
// believed by the key keeps nobody out: also once the installation is enrolled again.
func TestAStreamOfARevokedKeyEnds(t *testing.T) {
	for _, relayed := range []bool{false, true} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("relayed %v, again %v", relayed, again), func(t *testing.T) {
				t.Parallel()
				upper, lower, low := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510104")
				in, err := federation.Enrol(enrolment(t, lower))
				in = upper.changes(t, in, err)
				lower.enrol(low)
				low.work(3)
				lower.work(3)
				low.push(lower.up(), lower.cosigner().VerifierKey())
				agrees(t, lower, low, "rectification")
				stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
				agrees(t, upper, lower, "rectification")
				agrees(t, upper, low, "rectification")
				stop()
				eventually(t, "its stream has ended above", func() bool {
					return say(t, upper, hello(greeting(t, lower, upper))).GetWelcome() != nil
				})
				origin := lower.origin("rectification")
				if relayed {
					origin = federation.Relayed(low.origin("rectification"), "units/510104")
				}
				ends(t, upper, lower, origin, func() {
					in, err = federation.Revoke(in, "密钥失窃", upper.now())
					in = upper.changes(t, in, err)
					if again {
						lower.renews()
						in, err = federation.Reenrol(in, enrolment(t, lower).GetLogs(), "核对", upper.now())
						upper.changes(t, in, err)
					}
				})
				if again {
					lower.push(upper.up(), upper.cosigner().VerifierKey())
					agrees(t, upper, lower, "rectification")
					agrees(t, upper, lower, "federation")
				}
			})
		}
	}
}

// ends checks that what was fetched of a log on a stream is not after a change.
func ends(t *testing.T, upper, lower *node, origin string, change func()) {
	t.Helper()
	stream := opened(t, upper.up(), greeting(t, lower, upper))
	fetch := func() (*federationv1.ReplicateResponse, error) {
		err := stream.Send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Fetch{Fetch: &federationv1.Fetch{Origin: origin}}})
		if err != nil {
			return nil, err
		}
		return stream.Recv()
	}
	if m, err := fetch(); err != nil || len(m.GetEntries().GetRecords()) == 0 {
		t.Errorf("before: %v, %v", m, err)
	}
	change()
	if m, err := fetch(); err == nil {
		t.Errorf("it goes on with %v", m)
	}
}

// TestAForkIsOfTheKeyThatWasRevoked: the log that goes on under another is not accused of it,
// what was proved stays, and so does what is proved of both.
func TestAForkIsOfTheKeyThatWasRevoked(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	in, err := federation.Enrol(enrolment(t, lower))
	in = upper.changes(t, in, err)
	lower.work(5)
	lower.close()
	clone := lower.backup()
	lower.open()
	lower.work(4)
	stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	stop()
	lower.close()
	honest := lower.backup()
	clone()
	lower.open()
	lower.work(6)
	stop = lower.push(upper.up(), upper.cosigner().VerifierKey())
	mirror, trusted := "510100.rectification", keys(upper, lower)
	eventually(t, "the log is frozen", func() bool { return upper.row(mirror).GetState() == federationv1.Mirror_STATE_FROZEN })
	stop()
	was := upper.evidence(mirror)
	in, err = federation.Revoke(in, "密钥失窃", upper.now())
	in = upper.changes(t, in, err)
	lower.close()
	honest()
	lower.open()
	lower.renews()
	in, err = federation.Reenrol(in, enrolment(t, lower).GetLogs(), "核对", upper.now())
	upper.changes(t, in, err)
	lower.close()
	clone = lower.backup()
	lower.open()
	lower.work(2)
	stop = lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	if row := upper.row(mirror); row.GetState() != federationv1.Mirror_STATE_ACTIVE || row.GetOrigin() != lower.origin("rectification") {
		t.Errorf("the mirror is %v, want it ACTIVE in the new era", row)
	}
	if now := upper.evidence(mirror); !proto.Equal(now, was) || worth(t, now, trusted).Verdict != federation.Forked {
		t.Errorf("the evidence is %v, and was %v", now, was)
	}
	for _, role := range roles {
		agrees(t, upper, lower, role)
	}
	stop()
	staysFrozen(t, upper, was.GetOrigin())
	toldOfItsEra(t, upper, mirror)
	if name, found := rechecked(t, upper); name != "" {
		t.Errorf("%s is wrong: %+v", name, found.First)
	}
	lower.close()
	clone()
	lower.open()
	lower.work(3) // and forks once more
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	eventually(t, "the log is frozen again", func() bool { return upper.row(mirror).GetState() == federationv1.Mirror_STATE_FROZEN })
	if now := upper.evidence(mirror + ".1"); !proto.Equal(now, was) {
		t.Errorf("the evidence of before is %v, and was %v", now, was)
	}
	if now := upper.evidence(mirror); now.GetOrigin() != lower.origin("rectification") {
		t.Errorf("the evidence of now is of %s", now.GetOrigin())
	}
}

// staysFrozen: the era of which two histories were signed is listed and counted beside that which goes
// on, is found by its state, and is no log of its own: nothing of it is relayed.
func staysFrozen(t *testing.T, upper *node, origin string) {
	t.Helper()
	req := &federationv1.ListMirrorsRequest{Parent: "installations/510100", Filter: "state = STATE_FROZEN"}
	list, err := federationv1.NewFederationServiceClient(upper.dial()).ListMirrors(t.Context(), req)
	if err != nil || len(list.GetMirrors()) != 1 {
		t.Fatalf("%d mirrors are FROZEN, %v; want the one of the era before", len(list.GetMirrors()), err)
	}
	m := list.GetMirrors()[0]
	if m.GetName() != "installations/510100/mirrors/rectification.1" || m.GetFeed() != "feeds/510100.rectification.1" || m.GetOrigin() != origin {
		t.Errorf("it is %v", m)
	}
	if size := upper.head("510100.rectification.1").GetSize(); m.GetSize() != size || size == 0 {
		t.Errorf("it has %d entries, and its feed %d", m.GetSize(), size)
	}
	want := server.Watched{Installation: "510100", Service: "rectification.1", State: "frozen", Ended: true}
	got := upper.watched(t, "510100", "rectification.1")
	if got.Heard = 0; got != want {
		t.Errorf("it is watched as %+v, want %+v", got, want)
	}
	names, err := upper.service.Names(t.Context())
	if err != nil || len(names) != len(roles) {
		t.Errorf("%v is relayed, %v", names, err)
	}
}

// toldOfItsEra: which entries are backdated in an era that stays listed is read from what stayed of it,
// and of the newest from its own row.
func toldOfItsEra(t *testing.T, upper *node, feed string) {
	t.Helper()
	upper.must(upper.engines["federation"].Update(t.Context(), func(tx store.Tx) error {
		for key, seqs := range map[string][]uint64{feed + ".1": {1}, feed: {2}} {
			m, err := rows.Table.Get(tx, key)
			if err != nil {
				return err
			}
			m.BackdatedCount, m.BackdatedSeqs = 1, seqs
			if err := rows.Table.Put(tx, m); err != nil {
				return err
			}
		}
		return nil
	}))
	for service, want := range map[string]uint64{"rectification.1": 1, "rectification": 2} {
		for seq := range uint64(4) {
			b, err := upper.up().GetBracket(t.Context(), &federationv1.GetBracketRequest{Name: "installations/510100/mirrors/" + service, Seq: seq})
			if err != nil || b.GetBackdated() != (seq == want) {
				t.Errorf("the bracket of the entry %d of %s is %v, %v; backdated is the entry %d", seq, service, b, err, want)
			}
		}
	}
}

// TestARevocationEndsTheStream at once, and the key is believed under no name again.
func TestARevocationEndsTheStream(t *testing.T) {
	province := &bureau{folder: t.TempDir(), set: func(c *suite.Config) { c.Installation = "edu.example/510000" }}
	province.run(t)
	province.InitializeAs("root", organizationv1.Unit_KIND_PROVINCE)
	province.Unit("510100", province.Root, organizationv1.Unit_KIND_CITY)
	province.Unit("510200", province.Root, organizationv1.Unit_KIND_CITY)
	lower, client := newNode(t, "510100"), province.federation(province.SecurityAdmin)
	in, err := client.CreateInstallation(t.Context(), &federationv1.CreateInstallationRequest{Installation: enrolment(t, lower)})
	if err != nil {
		t.Fatal(err)
	}
	other := newNode(t, "510200")
	other.close()
	other.secret = lower.secret
	other.open()
	enrols := func() error {
		_, err := client.CreateInstallation(t.Context(), &federationv1.CreateInstallationRequest{Installation: enrolment(t, other)})
		return err
	}
	if err := enrols(); err == nil || !strings.Contains(err.Error(), "of another installation") {
		t.Errorf("the key of another: %v", err)
	}
	said := lower.stated(lower)
	said.To, _, _ = strings.Cut(province.identity(t).Cosigner, "+")
	stream := opened(t, client, lower.greets(t, said))
	if _, err := client.RevokeInstallation(t.Context(), &federationv1.RevokeInstallationRequest{Name: in.GetName(), Reason: "密钥失窃"}); err != nil {
		t.Fatal(err)
	}
	if m, err := stream.Recv(); err == nil || !strings.Contains(err.Error(), "dial again") {
		t.Errorf("the stream goes on with %v, %v", m, err)
	}
	if err := enrols(); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("the key under another name: %v", err)
	}
}

// TestARenewalFurtherDownIsRelayed: whoever is above those who enrolled it again takes its logs
// by the new key, as their own log says.
func TestARenewalFurtherDownIsRelayed(t *testing.T) {
	top, middle, low := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510104")
	top.enrol(middle)
	in, err := federation.Enrol(enrolment(t, low))
	in = middle.changes(t, in, err)
	low.work(5)
	stop := low.push(middle.up(), middle.cosigner().VerifierKey())
	middle.push(top.up(), top.cosigner().VerifierKey())
	agrees(t, middle, low, "rectification")
	agrees(t, top, low, "rectification")
	stop()
	in, err = federation.Revoke(in, "密钥失窃", middle.now())
	in = middle.changes(t, in, err)
	low.renews()
	in, err = federation.Reenrol(in, enrolment(t, low).GetLogs(), "核对", middle.now())
	middle.changes(t, in, err)
	low.work(3)
	low.push(middle.up(), middle.cosigner().VerifierKey())
	agrees(t, middle, low, "rectification")
	agrees(t, top, low, "rectification")
	if row := top.row("510104~510104.rectification"); row.GetOrigin() != low.origin("rectification") || row.GetVia() != "installations/510100" {
		t.Errorf("at the top it is %v", row)
	}
	if e := top.evidence("510104~510104.rectification"); e != nil {
		t.Errorf("it stands accused: %v", e)
	}
}

// TestWhatAnybodyCanSendIsToldOfNobody: a claim or greeting that no key of the installation has signed
// leaves a number, and nothing on its mirror; nor does the installation itself while it is suspended.
func TestWhatAnybodyCanSendIsToldOfNobody(t *testing.T) {
	upper, lower, thief := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510100")
	in, err := federation.Enrol(enrolment(t, lower))
	in = upper.changes(t, in, err)
	lower.work(2)
	stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	stop()
	is := func(h *federationv1.Hello, want federationv1.Code) {
		t.Helper()
		if r := say(t, upper, hello(h)).GetReject(); r.GetCode() != want {
			t.Errorf("it is answered %v, want %v", r, want)
		}
	}
	thief.close()
	thief.secret = "of a thief"
	thief.open()
	is(greeting(t, thief, upper), federationv1.Code_CODE_BAD_SIGNATURE)
	thief.close()
	thief.era = 7
	thief.open()
	is(greeting(t, thief, upper), federationv1.Code_CODE_UNKNOWN_LOG)
	is(&federationv1.Hello{Installation: in.GetName(), Statement: "x"}, federationv1.Code_CODE_BAD_SIGNATURE)
	in, err = federation.Moved(in, federation.Suspending, "核查")
	upper.changes(t, in, err)
	is(greeting(t, lower, upper), federationv1.Code_CODE_REVOKED)
	if got, told := upper.row("510100.federation").GetRefusedGreetings(), upper.service.Refused(); len(got) != 0 || len(told) != 0 {
		t.Errorf("the mirror says %v, and %v was told", got, told)
	}
	if got := upper.service.Unsigned(); got != 3 {
		t.Errorf("%d were unsigned, want 3", got)
	}
}

// TestWhoClaimsALaterEraIsTakenDown: whoever comes as an installation in an era that nobody has
// enrolled, by a stream or in a file, is on its mirror for its administrators, and stays there when
// it is enrolled again; so is who has not its key, and nobody of whom nothing is known.
func TestWhoClaimsALaterEraIsTakenDown(t *testing.T) {
	upper, lower, thief := newNode(t, "510000"), newNode(t, "510100"), newNode(t, "510100")
	in, err := federation.Enrol(enrolment(t, lower))
	in = upper.changes(t, in, err)
	lower.work(2)
	stop := lower.push(upper.up(), upper.cosigner().VerifierKey())
	agrees(t, upper, lower, "rectification")
	stop()
	thief.close()
	thief.era = 7
	thief.open()
	claims := func() {
		if r := say(t, upper, hello(greeting(t, thief, upper))).GetReject(); r.GetCode() != federationv1.Code_CODE_UNKNOWN_LOG {
			t.Fatalf("the thief is answered %v", r)
		}
	}
	claims()
	claims()
	forged := greeting(t, lower, upper)
	forged.Statement = greeting(t, lower, lower).GetStatement() // which it was not made for
	if r := say(t, upper, hello(forged)).GetReject(); r.GetCode() != federationv1.Code_CODE_BAD_SIGNATURE {
		t.Fatalf("a forged greeting is answered %v", r)
	}
	say(t, upper, hello(greeting(t, newNode(t, "510199"), upper)))
	later(time.Hour, upper, thief)
	claims()
	seen := func() map[federationv1.Code]*federationv1.RefusedGreeting {
		all := map[federationv1.Code]*federationv1.RefusedGreeting{}
		for _, g := range upper.row("510100.federation").GetRefusedGreetings() {
			all[g.GetCode()] = g
		}
		return all
	}
	of := seen()
	if g := of[federationv1.Code_CODE_UNKNOWN_LOG]; g.GetOrigin() != thief.origin("federation") || g.GetCount() != 2 || g.GetLastTime().AsTime().Sub(g.GetFirstTime().AsTime()) < time.Hour/2 {
		t.Errorf("of the claim it says %v", g)
	}
	if g := of[federationv1.Code_CODE_BAD_SIGNATURE]; g.GetCount() != 1 || g.GetOrigin() != "" || len(of) != 2 {
		t.Errorf("of the forged greeting it says %v, and of all %v", g, of)
	}
	if told := upper.service.Refused(); told[federationv1.Code_CODE_UNKNOWN_LOG] != 2 || told[federationv1.Code_CODE_BAD_SIGNATURE] != 1 {
		t.Errorf("counted: %v", told)
	}
	later(time.Hour, lower)
	lower.renews()
	in, err = federation.Extend(in, enrolment(t, lower).GetLogs())
	upper.changes(t, in, err)
	lower.push(upper.up(), upper.cosigner().VerifierKey())
	for _, role := range roles {
		agrees(t, upper, lower, role)
	}
	if now := seen(); len(now) != 2 || now[federationv1.Code_CODE_UNKNOWN_LOG].GetCount() != 2 {
		t.Errorf("once it goes on in an era of its own: %v", now)
	}
	if name, found := rechecked(t, upper); name != "" {
		t.Errorf("%s is wrong: %+v", name, found.First)
	}
}

// TestARefusedGreetingSaysWhatWasDoneSince: whoever extends, resumes or enrols again an installation
// whose greetings were refused dates what is noted of them, and takes none of it away. What comes once
// more is open again; to suspend or to revoke puts nothing right, nor does what is only tried.
func TestARefusedGreetingSaysWhatWasDoneSince(t *testing.T) {
	province := start(t, "510000", nil)
	province.InitializeAs("root", organizationv1.Unit_KIND_PROVINCE)
	province.Unit("510100", province.Root, organizationv1.Unit_KIND_CITY)
	lower, thief, client := newNode(t, "510100"), newNode(t, "510100"), province.federation(province.SecurityAdmin)
	in, err := client.CreateInstallation(t.Context(), &federationv1.CreateInstallationRequest{Installation: enrolment(t, lower)})
	if err != nil {
		t.Fatal(err)
	}
	name := in.GetName()
	done := func(_ *federationv1.Installation, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(by *node, to string, want federationv1.Code) {
		t.Helper()
		said := by.stated(by)
		said.To = to
		stream, err := client.Replicate(t.Context())
		if err == nil {
			err = stream.Send(hello(by.greets(t, said)))
		}
		if err != nil {
			t.Fatal(err)
		}
		if m, err := stream.Recv(); err != nil || m.GetReject().GetCode() != want {
			t.Fatalf("it is answered %v, %v, want %v", m, err, want)
		}
	}
	noted := func(want map[federationv1.Code]bool) {
		t.Helper()
		list, err := province.federation(province.Auditor).ListMirrors(t.Context(), &federationv1.ListMirrorsRequest{Parent: name})
		if err != nil {
			t.Fatal(err)
		}
		m := list.GetMirrors()[slices.IndexFunc(list.GetMirrors(), func(m *federationv1.Mirror) bool { return m.GetName() == name+"/mirrors/federation" })]
		got := map[federationv1.Code]bool{}
		for _, g := range m.GetRefusedGreetings() {
			got[g.GetCode()] = g.GetEnrolmentTime() != nil && !g.GetEnrolmentTime().AsTime().Before(g.GetLastTime().AsTime())
		}
		if !maps.Equal(got, want) {
			t.Errorf("noted is whether its enrolment was changed since: %v, want %v; of %v", got, want, m.GetRefusedGreetings())
		}
	}
	const forged, unknown, revoked = federationv1.Code_CODE_BAD_SIGNATURE, federationv1.Code_CODE_UNKNOWN_LOG, federationv1.Code_CODE_REVOKED
	here, _, _ := strings.Cut(province.identity(t).Cosigner, "+")
	refused(lower, "edu.example/elsewhere/mirror", forged)
	done(client.SuspendInstallation(t.Context(), &federationv1.SuspendInstallationRequest{Name: name, Reason: "核查"}))
	done(client.ResumeInstallation(t.Context(), &federationv1.ResumeInstallationRequest{Name: name, ValidateOnly: true}))
	noted(map[federationv1.Code]bool{forged: false})
	done(client.ResumeInstallation(t.Context(), &federationv1.ResumeInstallationRequest{Name: name}))
	noted(map[federationv1.Code]bool{forged: true})

	thief.close()
	thief.era = 7
	thief.open()
	refused(thief, here, unknown)
	noted(map[federationv1.Code]bool{forged: true, unknown: false})
	lower.renews()
	done(client.ExtendInstallation(t.Context(), &federationv1.ExtendInstallationRequest{Name: name, Logs: enrolment(t, lower).GetLogs()}))
	noted(map[federationv1.Code]bool{forged: true, unknown: true})

	done(client.RevokeInstallation(t.Context(), &federationv1.RevokeInstallationRequest{Name: name, Reason: "密钥失窃"}))
	refused(lower, here, revoked)
	noted(map[federationv1.Code]bool{forged: true, unknown: true, revoked: false})
	lower.renews()
	done(client.ReenrolInstallation(t.Context(), &federationv1.ReenrolInstallationRequest{Name: name, Logs: enrolment(t, lower).GetLogs(), Reason: "核对"}))
	noted(map[federationv1.Code]bool{forged: true, unknown: true, revoked: true})
}
