package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/feed/server"
	"github.com/duban-project/duban/services/internal/store"
)

func open(t testing.TB) (*server.Service, *feedtest.Fixture) {
	f := feedtest.Open(t)
	return &server.Service{Sources: map[string]server.Source{"test": {Engine: f.Engine, Log: f.Log}}}, f
}

// grow appends n entries.
func grow(t testing.TB, f *feedtest.Fixture, n int) {
	t.Helper()
	f.Update(t, func(tx store.Tx) error {
		for i := range n {
			name := fmt.Sprint("cards/", i)
			if err := f.Write(tx, feedtest.Card, name, feedtest.New(feedtest.Card, "name", name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// tree has a district with a school. Its auditor is that of the whole, its
// teacher that of the school.
type tree struct{ authz.Tree }

func (tree) Fresh() error     { return nil }
func (tree) Root() string     { return "units/district" }
func (tree) Position() uint64 { return 0 }

func (tree) Path(unit string) []string {
	if unit == "units/school" {
		return []string{"units/school", "units/district"}
	}
	return []string{unit}
}

func (tree) Grants(principal string) []authz.Grant {
	unit := map[string]string{"machines/auditor": "units/district", "machines/teacher": "units/school"}[principal]
	return []authz.Grant{{Role: accessv1.Role_ROLE_AUDITOR, Unit: unit}}
}

// as is the context of a call that has passed the steps.
func as(ctx context.Context, t testing.TB, principal string) context.Context {
	t.Helper()
	methods, err := authz.Methods("duban.feed.v1.FeedService")
	if err != nil {
		t.Fatal(err)
	}
	a, err := authz.Enter(tree{}, methods[feedv1.FeedService_ListRecords_FullMethodName], authn.Principal{Name: principal})
	if err != nil {
		t.Fatal(err)
	}
	return authz.With(ctx, a)
}

func reader(t testing.TB) context.Context { return as(t.Context(), t, "machines/auditor") }

func TestOnlyWhoMayReadAllReads(t *testing.T) {
	s, _ := open(t)
	for principal, may := range map[string]bool{"machines/auditor": true, "machines/teacher": false, "services/federation": true} {
		ctx := as(t.Context(), t, principal)
		_, cp := s.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/test"})
		_, list := s.ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: "feeds/test"})
		_, proof := s.GetProof(ctx, &feedv1.GetProofRequest{Parent: "feeds/test", Of: &feedv1.GetProofRequest_First{}})
		for i, err := range []error{cp, list, proof} {
			if may && err != nil || !may && !errors.Is(err, authz.ErrNotFound) {
				t.Errorf("%s, case %d: got %v", principal, i, err)
			}
		}
	}
}

// TestWhatIsOpenedHasRoom: what opens commitments may have more bytes than the entries.
func TestWhatIsOpenedHasRoom(t *testing.T) {
	const count = 300
	s, f := open(t)
	f.Update(t, func(tx store.Tx) error {
		for i := range count {
			name := fmt.Sprint("problems/", i)
			if err := f.Write(tx, feedtest.Problem, name, feedtest.New(feedtest.Problem, "name", name, "officer", strings.Repeat("x", 20_000))); err != nil {
				return err
			}
		}
		return nil
	})
	s.Sources["rectification"] = s.Sources["test"]
	ctx := as(t.Context(), t, "services/federation")
	for start := uint64(0); start < count; {
		res, err := s.ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: "feeds/rectification", Start: start, PageSize: 1000, Office: true})
		if err != nil || len(res.GetRecords()) == 0 || proto.Size(res) > 1<<20+100 || res.GetRecords()[0].GetSeq() != start {
			t.Fatalf("from %d: %d records of %d bytes, %v", start, len(res.GetRecords()), proto.Size(res), err)
		}
		if len(res.GetRecords()[0].GetOpenings()) != 1 {
			t.Fatalf("from %d: not opened", start)
		}
		start = res.GetNextStart()
	}
}

// A service reads in its own name what the contract names it for, and alone who
// carries upward what opens commitments.
func TestServicesReadWhatTheyAreNamedFor(t *testing.T) {
	s, _ := open(t)
	all := []string{"organization", "campaign", "rectification", "evaluation", "complaint", "federation", "aggregation", "event"}
	counted := []string{"campaign", "rectification", "evaluation", "complaint", "aggregation"}
	tree := []string{"organization", "federation"}
	own := map[string][]string{"aggregation": counted, "event": counted, "complaint": {"complaint"}, "rectification": {"campaign"}, "federation": all}
	below := map[string][]string{"aggregation": counted, "federation": all}
	for _, feed := range all {
		s.Sources[feed] = s.Sources["test"]
	}
	s.Mirrors = func(context.Context, string) (server.Source, error) { return s.Sources["test"], nil }
	for _, service := range append(all, "gateway", "process") {
		ctx := as(t.Context(), t, "services/"+service)
		for _, feed := range all {
			for name, may := range map[string]bool{
				feed:             slices.Contains(append(slices.Clone(tree), own[service]...), feed),
				"510104." + feed: slices.Contains(below[service], feed),
			} {
				for _, office := range []bool{false, true} {
					_, err := s.ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: "feeds/" + name, Office: office})
					_, head := s.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + name})
					if read := may && (!office || service == "federation"); (err == nil) != read || err != nil && !errors.Is(err, authz.ErrDenied) {
						t.Errorf("%s reads %s (opened %t): %v", service, name, office, err)
					}
					if (head == nil) != may || head != nil && !errors.Is(head, authz.ErrDenied) {
						t.Errorf("%s reads the head of %s: %v", service, name, head)
					}
				}
			}
		}
	}
}

// TestACheckpointIsOfTheFeedThatWasAskedFor: a mirror's is named with its era, if that was.
func TestACheckpointIsOfTheFeedThatWasAskedFor(t *testing.T) {
	s, _ := open(t)
	s.Mirrors = func(context.Context, string) (server.Source, error) { return s.Sources["test"], nil }
	for _, name := range []string{"feeds/test", "feeds/510104.test", "feeds/510104.test.1"} {
		if cp, err := s.GetCheckpoint(reader(t), &feedv1.GetCheckpointRequest{Name: name}); err != nil || cp.GetName() != name {
			t.Errorf("the checkpoint of %s is %v, %v", name, cp, err)
		}
	}
}

func TestUnknownFeed(t *testing.T) {
	s, _ := open(t)
	_, cp := s.GetCheckpoint(reader(t), &feedv1.GetCheckpointRequest{Name: "feeds/other"})
	_, list := s.ListRecords(reader(t), &feedv1.ListRecordsRequest{Parent: "feeds/other"})
	_, proof := s.GetProof(reader(t), &feedv1.GetProofRequest{Parent: "feeds/other"})
	for i, err := range []error{cp, list, proof} {
		if !errors.Is(err, fault.Of(faultv1.Reason_REASON_NOT_FOUND)) {
			t.Errorf("case %d: got %v", i, err)
		}
	}
}

func TestPages(t *testing.T) {
	s, f := open(t)
	grow(t, f, 1100)
	for _, tt := range []struct {
		start uint64
		size  int32
		want  int
	}{{0, 0, 256}, {0, 10, 10}, {0, 5000, 1000}, {1090, 50, 10}, {1100, 5, 0}} {
		res, err := s.ListRecords(reader(t), &feedv1.ListRecordsRequest{Parent: "feeds/test", Start: tt.start, PageSize: tt.size})
		if err != nil || len(res.GetRecords()) != tt.want || res.GetNextStart() != tt.start+uint64(tt.want) || res.GetSize() != 1100 {
			t.Errorf("%+v: got %d records to %d of %d, %v", tt, len(res.GetRecords()), res.GetNextStart(), res.GetSize(), err)
		}
	}
	_, err := s.ListRecords(reader(t), &feedv1.ListRecordsRequest{Parent: "feeds/test", Start: 1101, Wait: durationpb.New(time.Hour)})
	field(t, err, "start")
}

// field expects the fault of an invalid field.
func field(t *testing.T, err error, path string) {
	t.Helper()
	f := fault.As(err)
	if f == nil || !f.Is(fault.Of(faultv1.Reason_REASON_FIELDS_INVALID)) || len(f.Fields) != 1 || f.Fields[0].Path != path {
		t.Errorf("got %v, want a fault at %s", err, path)
	}
}

func TestWaitEndsWithAnEntry(t *testing.T) {
	s, f := open(t)
	answers := make(chan *feedv1.ListRecordsResponse, 1)
	go func() {
		res, err := s.ListRecords(reader(t), &feedv1.ListRecordsRequest{Parent: "feeds/test", Wait: durationpb.New(30 * time.Second)})
		if err != nil {
			t.Error(err)
		}
		answers <- res
	}()
	grow(t, f, 1)
	if res := <-answers; len(res.GetRecords()) != 1 || res.GetNextStart() != 1 || res.GetSize() != 1 {
		t.Errorf("got %v", res)
	}
}

func TestWaitEndsWhenTheProcessStops(t *testing.T) {
	s, f := open(t)
	stopping := make(chan struct{})
	s.Stopping = stopping
	answers := make(chan error, 2)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	wait := func(principal string) {
		_, err := s.ListRecords(as(ctx, t, principal), &feedv1.ListRecordsRequest{Parent: "feeds/test", Wait: durationpb.New(30 * time.Second)})
		answers <- err
	}
	go wait("machines/auditor")
	close(stopping)
	if err := <-answers; err != nil {
		t.Errorf("a client's wait ends with %v", err)
	}
	go wait("services/federation")
	grow(t, f, 1)
	if err := <-answers; err != nil {
		t.Errorf("a service's wait ends with %v", err)
	}
}

func TestWaitEndsWithoutAnEntry(t *testing.T) {
	s, _ := open(t)
	req := &feedv1.ListRecordsRequest{Parent: "feeds/test", Wait: durationpb.New(time.Millisecond)}
	if res, err := s.ListRecords(reader(t), req); err != nil || len(res.GetRecords()) > 0 {
		t.Errorf("got %v, %v", res, err)
	}
	ctx, cancel := context.WithTimeout(reader(t), time.Millisecond)
	defer cancel()
	req.Wait = durationpb.New(30 * time.Second)
	if _, err := s.ListRecords(ctx, req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestCheckpointAndProofsAgree(t *testing.T) {
	s, f := open(t)
	grow(t, f, 21)
	cp, err := s.GetCheckpoint(reader(t), &feedv1.GetCheckpointRequest{Name: "feeds/test"})
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.ListRecords(reader(t), &feedv1.ListRecordsRequest{Parent: "feeds/test"})
	if err != nil {
		t.Fatal(err)
	}
	root, size := tlog.Hash(cp.GetRoot()), int64(cp.GetSize())
	for _, r := range records.GetRecords() {
		p, err := s.GetProof(reader(t), &feedv1.GetProofRequest{Parent: "feeds/test", Of: &feedv1.GetProofRequest_Seq{Seq: r.GetSeq()}})
		if err != nil || p.GetSize() != 21 || tlog.Hash(p.GetRoot()) != root {
			t.Fatalf("got %v, %v", p, err)
		}
		if err := tlog.CheckRecord(hashes(p), size, root, int64(r.GetSeq()), tlog.RecordHash(r.GetEntry())); err != nil {
			t.Errorf("entry %d: %v", r.GetSeq(), err)
		}
	}
	first, err := s.GetProof(reader(t), &feedv1.GetProofRequest{Parent: "feeds/test", Size: 9, Of: &feedv1.GetProofRequest_First{}})
	if err != nil || first.GetSize() != 9 || len(first.GetHashes()) > 0 {
		t.Fatalf("got %v, %v", first, err)
	}
	grown, err := s.GetProof(reader(t), &feedv1.GetProofRequest{Parent: "feeds/test", Of: &feedv1.GetProofRequest_First{First: 9}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckTree(hashes(grown), size, root, 9, tlog.Hash(first.GetRoot())); err != nil {
		t.Error(err)
	}
}

func hashes(p *feedv1.Proof) (list []tlog.Hash) {
	for _, h := range p.GetHashes() {
		list = append(list, tlog.Hash(h))
	}
	return list
}

func TestProofsBeyondTheFeed(t *testing.T) {
	s, f := open(t)
	grow(t, f, 2)
	for path, req := range map[string]*feedv1.GetProofRequest{
		"size":  {Size: 3, Of: &feedv1.GetProofRequest_Seq{}},
		"seq":   {Of: &feedv1.GetProofRequest_Seq{Seq: 2}},
		"first": {Size: 1, Of: &feedv1.GetProofRequest_First{First: 2}},
		"of":    {},
	} {
		req.Parent = "feeds/test"
		_, err := s.GetProof(reader(t), req)
		field(t, err, path)
	}
}

// TestFollowThroughAConnection reads while another writes.
func TestFollowThroughAConnection(t *testing.T) {
	s, f := open(t)
	client := dial(t, s)
	go func() {
		for range 20 {
			grow(t, f, 50)
		}
	}()
	enough := errors.New("enough")
	var got uint64
	err := feed.Follow(t.Context(), client, feed.Reader{Feed: "test", Apply: func(_ context.Context, run []*feedv1.Entry, next, _ uint64) error {
		got += uint64(len(run))
		if got != next {
			t.Errorf("%d entries came, and the next is %d", got, next)
		}
		if next == 1000 {
			return enough
		}
		return nil
	}})
	if !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func dial(t *testing.T, s *server.Service) feedv1.FeedServiceClient {
	listener, process := bufconn.Listen(64<<10), grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			return next(as(ctx, t, "services/federation"), req)
		}))
	feedv1.RegisterFeedServiceServer(process, s)
	go func() {
		if err := process.Serve(listener); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(process.Stop)
	conn, err := grpc.NewClient("passthrough:feeds", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return feedv1.NewFeedServiceClient(conn)
}
