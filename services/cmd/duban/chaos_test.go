package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation/chaostest"
	"github.com/duban-project/duban/services/internal/fleet"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

const (
	// enough is how many entries a schedule writes below.
	enough = 500
	// imported is how many of them come in one transaction, from time to time.
	imported = 180
	// wrongMost is by how much the clock of an installation is wrong at most.
	wrongMost = 4 * time.Minute
)

// pair is two installations, each a process, with a line between them that fails.
type pair struct {
	t            *testing.T
	dice         *rand.Rand
	relay        *relay
	above, below suite.Config
	upper, lower *child
	over, keys   admins
	skews        [2]string         // the environments of the upper and the lower one
	logs         []string          // of the lower one
	compared     map[string]uint64 // how much of each was held against the mirror
	last         map[string]saved  // what the mirrors' entries say of each record
	loads        int
}

func newPair(t *testing.T) *pair {
	p := &pair{t: t, dice: dice(t), above: settings(t.TempDir()), below: settings(t.TempDir()), compared: map[string]uint64{}, last: map[string]saved{}}
	p.relay = newRelay(t, p.dice)
	metrics := suitetest.OK[map[string]string](t)(fleet.Vacant("above", "below"))
	p.above.Metrics, p.below.Metrics = metrics["above"], metrics["below"]
	p.above.Installation, p.below.Installation = "edu.example/province", "edu.example/city"
	for i := range p.skews { // a clock that is set back is another matter: see README
		p.skews[i] = envSkew + "=" + (moment(p.dice, 0, 2*wrongMost) - wrongMost).String()
	}
	p.bootUpper()
	p.over = foundProvince(t, p.upper)
	p.below.Federation.Parent = suite.Parent{Address: p.relay.address, Plaintext: true, Cosigner: identify(t, p.above).Cosigner}
	p.bootLower()
	p.keys = initialize(t, p.lower)
	in := identify(t, p.below).Installation
	enrol(t, p.upper, p.over, in)
	for _, l := range in.GetLogs() {
		p.logs = append(p.logs, path.Base(path.Dir(l.GetOrigin())))
	}
	return p
}

func (p *pair) bootUpper() {
	p.upper = boot(p.t, p.above, p.skews[0])
	p.relay.upper.Store(&p.upper.grpc)
}

func (p *pair) bootLower() { p.lower = boot(p.t, p.below, p.skews[1]) }

// TestTortureChaos lets one installation write 500 entries, over and over, while
// the line to the one above loses, doubles, reorders, delays, cuts and flips bits
// of messages, either one or both are killed, the one above stands still, and the
// clocks of both are wrong. When the line is calm again every log above is, byte
// for byte, what it is below, what its entries say of each record is what was
// acknowledged to those who wrote it, and no alarm was raised. DUBAN_TORTURE says
// how often. Some schedules are of one pair, whose logs grow and are restarted with
// what they have.
func TestTortureChaos(t *testing.T) {
	const ofOne = 5
	n, faults := rounds(t), atomic.Int64{}
	t.Cleanup(func() {
		t.Logf("%d schedules, the line failed %d times", n, faults.Load())
		if faults.Load() < int64(n) {
			t.Errorf("the line failed %d times only", faults.Load())
		}
	})
	for first := uint64(0); first < n; first += ofOne {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			t.Parallel()
			faults.Add(newPair(t).schedules(first, min(first+ofOne, n)))
		})
	}
}

// schedules answers how often the line has failed from one schedule to another.
func (p *pair) schedules(first, last uint64) (faults int64) {
	for round := first; round < last; round++ {
		faults += p.schedule(fmt.Sprintf("chaos-%d", round))
		if p.t.Failed() {
			p.t.Fatalf("in schedule %d", round)
		}
	}
	p.lower.stop()
	p.upper.stop()
	clean(p.t, p.above)
	clean(p.t, p.below)
	return faults
}

// schedule answers how often the line has failed.
func (p *pair) schedule(name string) int64 {
	line := chaostest.NewLine(p.dice.Uint64())
	p.relay.line.Store(line)
	var loads []*load
	for written := 0; written < enough; {
		l := newLoad(p.t, p.lower.as(p.keys), fmt.Sprintf("%s-%d", name, len(loads)))
		written += p.slice(l)
		loads = append(loads, l)
	}
	p.fails(line)
	line.Calm()
	p.lower.kill() // which can happen at any time
	p.bootLower()
	for _, log := range p.logs {
		p.agree(log)
	}
	for _, l := range loads {
		p.folded(l)
	}
	p.quiet()
	return line.Faults()
}

// fails lets the line fail a few times more, unless everything goes over before.
func (p *pair) fails(line *chaostest.Line) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*time.Second) // enough or not
	defer cancel()
	above, below := p.upper.as(p.over).feed(), p.lower.as(p.keys).feed()
	for line.Faults() < 4 && ctx.Err() == nil {
		want, err := below.GetCheckpoint(p.t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/rectification"})
		if err != nil {
			p.t.Fatal(err)
		}
		got, err := above.GetCheckpoint(p.t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/city.rectification"})
		if err == nil && got.GetSize() == want.GetSize() {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
}

// slice writes some of a schedule's entries while one misfortune happens, repeats
// what was not answered, and answers how many entries there are then.
func (p *pair) slice(l *load) int {
	l.most = 1 + p.dice.IntN(3)
	file := rows(l.parent)
	written := l.start(p.t.Context(), p.lower.as(p.keys), writers)
	bulk := make(chan error, 1)
	go func(c caller) { bulk <- c.imports(p.t.Context(), file) }(p.lower.as(p.keys))
	<-time.After(moment(p.dice, 0, 80*time.Millisecond))
	p.misfortune()
	<-written
	on := p.lower.as(p.keys)
	if err := <-bulk; err != nil {
		err = on.imports(p.t.Context(), file)
		if err != nil {
			p.t.Fatalf("repeating an import: %v", err)
		}
	}
	l.repeat(p.t, on)
	entries := imported
	for _, s := range l.acked {
		revisions, _ := strconv.Atoi(s.etag) // it is the record's, 1 or 2
		entries += revisions
	}
	return entries
}

// rows is a file of units to import, named after another.
func rows(unit string) *organizationv1.ImportUnitsRequest {
	id := path.Base(unit)
	var b strings.Builder
	b.WriteString("id,parent_id,kind,display_name\n")
	for i := range imported {
		fmt.Fprintf(&b, "%s-i%d,root,SCHOOL,演示学校\n", id, i)
	}
	return &organizationv1.ImportUnitsRequest{Ancestor: "units/root", Csv: b.String(), RequestId: "import " + id}
}

func (c caller) imports(ctx context.Context, file *organizationv1.ImportUnitsRequest) error {
	res, err := c.org().ImportUnits(ctx, file)
	for _, row := range res.GetRows() {
		if row.GetVerdict() != organizationv1.ImportUnitsResponse_VERDICT_CREATED {
			return fmt.Errorf("line %d: %v", row.GetLine(), row)
		}
	}
	return err
}

// misfortune is what happens to a process, if anything does.
func (p *pair) misfortune() {
	switch p.dice.IntN(8) {
	case 0:
		p.lower.kill()
		p.bootLower()
	case 1:
		p.upper.kill()
		<-time.After(moment(p.dice, 0, 200*time.Millisecond))
		p.bootUpper()
	case 2:
		p.upper.kill()
		p.lower.kill()
		p.bootLower()
		<-time.After(moment(p.dice, 0, 200*time.Millisecond))
		p.bootUpper()
	case 3:
		p.upper.signal(syscall.SIGSTOP)
		<-time.After(moment(p.dice, 0, 400*time.Millisecond))
		p.upper.signal(syscall.SIGCONT)
	}
}

func (d *child) signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatalf("signalling: %v", err)
	}
}

// agree waits until the mirror above has what the log below had when it was
// asked, and compares what is new in both.
func (p *pair) agree(log string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 4*patience)
	defer cancel()
	above, below := p.upper.as(p.over).feed(), p.lower.as(p.keys).feed()
	want, err := below.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + log})
	if err != nil {
		p.t.Fatal(err)
	}
	got, err := above.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/city." + log})
	for got.GetSize() < want.GetSize() {
		if ctx.Err() != nil {
			p.t.Fatalf("%s: %d of %d entries are above, %v\nabove:\n%s\nbelow:\n%s", log, got.GetSize(), want.GetSize(), err, p.upper.log, p.lower.log)
		}
		<-time.After(10 * time.Millisecond)
		got, err = above.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/city." + log})
	}
	if want.GetSize() > 0 && got.GetSize() == want.GetSize() && !bytes.Equal(got.GetRoot(), want.GetRoot()) {
		p.t.Errorf("%s: the roots at %d are %x and %x", log, want.GetSize(), got.GetRoot(), want.GetRoot())
	}
	for p.compared[log] < want.GetSize() {
		p.compare(log, above, below)
	}
}

// compare holds the next entries of a mirror against those below, and takes in
// what they say.
func (p *pair) compare(log string, above, below feedv1.FeedServiceClient) {
	p.t.Helper()
	read := func(from feedv1.FeedServiceClient, name string) []*feedv1.Record {
		res, err := from.ListRecords(p.t.Context(), &feedv1.ListRecordsRequest{Parent: "feeds/" + name, Start: p.compared[log], PageSize: 500})
		if err != nil {
			p.t.Fatal(err)
		}
		return res.GetRecords()
	}
	there, here := read(above, "city."+log), read(below, log)
	n := min(len(there), len(here))
	if n == 0 {
		p.t.Fatalf("%s: no entry %d: %d above, %d below", log, p.compared[log], len(there), len(here))
	}
	for i := range n {
		if !bytes.Equal(there[i].GetEntry(), here[i].GetEntry()) {
			p.t.Fatalf("%s: entry %d differs", log, here[i].GetSeq())
		}
		p.fold(there[i])
	}
	p.compared[log] += uint64(n)
}

// fold takes in what an entry from above says of a record.
func (p *pair) fold(r *feedv1.Record) {
	p.t.Helper()
	e := &feedv1.Entry{}
	if err := proto.Unmarshal(r.GetEntry(), e); err != nil {
		p.t.Fatal(err)
	}
	if was, _ := strconv.ParseUint(p.last[e.GetSubject()].etag, 10, 64); e.GetRev() != was+1 {
		p.t.Errorf("%s has revision %d after %d", e.GetSubject(), e.GetRev(), was)
	}
	state := saved{etag: strconv.FormatUint(e.GetRev(), 10)}
	if body, err := e.GetBody().UnmarshalNew(); err == nil {
		if r, ok := body.(record); ok {
			state.text = savedAs(r).text
		}
	}
	p.last[e.GetSubject()] = state
}

// folded checks that what the mirrors' entries say of a load's records is what its
// writers were told. Names of persons are sealed.
func (p *pair) folded(l *load) {
	p.t.Helper()
	for name, want := range l.acked {
		if strings.Contains(name, "/members/") {
			want.text = ""
		}
		if got := p.last[name]; got != want {
			p.t.Errorf("%s is %+v above, and %+v was acknowledged below", name, got, want)
		}
	}
}

// quiet checks that no alarm was raised: no log is frozen or behind, and against none is
// anything kept.
func (p *pair) quiet() {
	p.t.Helper()
	list, err := p.mirrors().ListMirrors(p.t.Context(), &federationv1.ListMirrorsRequest{Parent: "installations/city"})
	if err != nil || len(list.GetMirrors()) != len(p.logs) {
		p.t.Errorf("%d mirrors, %v; want %d", len(list.GetMirrors()), err, len(p.logs))
	}
	for _, m := range list.GetMirrors() {
		if m.GetState() != federationv1.Mirror_STATE_ACTIVE {
			p.t.Errorf("a false alarm: %v", m)
		}
		e, err := p.mirrors().GetEvidence(p.t.Context(), &federationv1.GetEvidenceRequest{Name: m.GetName()})
		if reason(err) != "LOG_EVIDENCE_NONE" {
			p.t.Errorf("%s stands accused: %v, %v", m.GetName(), e, err)
		}
	}
}
