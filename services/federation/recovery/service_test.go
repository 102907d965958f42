package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/recovery"
	"github.com/duban-project/duban/services/internal/feed/feedtest"
	"github.com/duban-project/duban/services/internal/store"
)

// How long a log was, and how much of it a backup has.
const (
	whole = 30
	old   = 11
)

// grown is a log of so many entries; equal sizes are equal logs.
func grown(t *testing.T, size int) *feedtest.Fixture {
	f := feedtest.Open(t)
	f.Update(t, func(tx store.Tx) error {
		for i := range size {
			unit := &organizationv1.Unit{Name: fmt.Sprintf("units/%d", i%7), DisplayName: fmt.Sprint(i)}
			if err := f.Write(tx, unit.ProtoReflect().Type(), unit.GetName(), unit); err != nil {
				return err
			}
		}
		return nil
	})
	return f
}

// lost is what a log of old entries has lost of one that is whole.
func lost(t *testing.T) *federationv1.RestoreLogRequest { return tailOf(t, whole) }

// tailOf is what a log of old entries has lost of one of that size.
func tailOf(t *testing.T, size int) *federationv1.RestoreLogRequest {
	f, req := grown(t, size), &federationv1.RestoreLogRequest{Role: "test", Size: uint64(size)}
	f.View(t, func(tx store.Tx) (err error) {
		cp, err := f.Log.Checkpoint(tx)
		if err != nil {
			return err
		}
		req.Cover = federation.NewBranch(federation.Head{Note: cp.GetNote()}, tlog.Hash(cp.GetRoot()), nil)
		req.Records, err = f.Log.Records(tx, old, size)
		return err
	})
	return req
}

// TestATailIsTakenBackWholeOrNotAtAll: whatever is not what the log itself once
// signed leaves it as it was, and held.
func TestATailIsTakenBackWholeOrNotAtAll(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*federationv1.RestoreLogRequest)
		taken bool
	}{
		"as it was":      {func(*federationv1.RestoreLogRequest) {}, true},
		"another role's": {spoil: func(r *federationv1.RestoreLogRequest) { r.Role = "other" }},
		"no signature":   {spoil: func(r *federationv1.RestoreLogRequest) { r.Cover = nil }},
		"another's signature": {spoil: func(r *federationv1.RestoreLogRequest) {
			note := []byte(r.GetCover().GetNote())
			note[len(note)-10] ^= 1
			r.Cover.Note = string(note)
		}},
		"another root":              {spoil: func(r *federationv1.RestoreLogRequest) { r.Cover.Root[0] ^= 1 }},
		"another size":              {spoil: func(r *federationv1.RestoreLogRequest) { r.Size-- }},
		"the end lacks":             {spoil: func(r *federationv1.RestoreLogRequest) { r.Records = r.GetRecords()[:5] }},
		"one lacks":                 {spoil: func(r *federationv1.RestoreLogRequest) { r.Records = r.GetRecords()[1:] }},
		"an entry that was changed": {spoil: func(r *federationv1.RestoreLogRequest) { change(r.GetRecords()[3]) }},
	} {
		t.Run(name, func(t *testing.T) {
			f := grown(t, old)
			f.Log.Hold("it lacks its tail")
			req := lost(t)
			c.spoil(req)
			err := give(t, dial(t, f), req)
			if why, held := f.Log.Held(); (err == nil) != c.taken || held == c.taken {
				t.Errorf("RestoreLog = %v, and the log is held: %q", err, why)
			}
			want := grown(t, map[bool]int{true: whole, false: old}[c.taken])
			if got, want := root(t, f), root(t, want); got != want {
				t.Errorf("the root is %v, want %v", got, want)
			}
		})
	}
}

// TestATailThatBreaksOffIsNotTaken: nothing is, although the part that came would
// follow.
func TestATailThatBreaksOffIsNotTaken(t *testing.T) {
	f := grown(t, old)
	f.Log.Hold("it lacks its tail")
	if err := service(t, f).RestoreLog(&brokenOff{parts: []*federationv1.RestoreLogRequest{lost(t)}, ctx: t.Context()}); !errors.Is(err, errBrokenOff) {
		t.Fatalf("RestoreLog = %v, want %v", err, errBrokenOff)
	}
	if got, want := root(t, f), root(t, grown(t, old)); got != want {
		t.Errorf("the root is %v, want %v", got, want)
	}
	if err := give(t, dial(t, f), lost(t)); err != nil { // it follows what was there before
		t.Error(err)
	}
	if got, want := root(t, f), root(t, grown(t, whole)); got != want {
		t.Errorf("the root is %v, want %v", got, want)
	}
}

var errBrokenOff = errors.New("the stream broke off")

// brokenOff is a stream that breaks off after its parts.
type brokenOff struct {
	grpc.ClientStreamingServer[federationv1.RestoreLogRequest, federationv1.RestoreLogResponse]
	parts []*federationv1.RestoreLogRequest
	ctx   context.Context
}

func (s *brokenOff) Context() context.Context { return s.ctx }

func (s *brokenOff) Recv() (*federationv1.RestoreLogRequest, error) {
	if len(s.parts) == 0 {
		return nil, errBrokenOff
	}
	part := s.parts[0]
	s.parts = s.parts[1:]
	return part, nil
}

// TestALogThatWasRestoredGoesOnIfNothingIsMissing, and not by the word of who has
// more of it.
func TestALogThatWasRestoredGoesOnIfNothingIsMissing(t *testing.T) {
	for above, goesOn := range map[uint64]bool{0: true, old - 1: true, old: true, old + 1: false} {
		folder := t.TempDir()
		if err := recovery.MarkRestored(folder); err != nil {
			t.Fatal(err)
		}
		restored, err := recovery.OpenRestored(folder)
		if err != nil || !restored.Waits("test") {
			t.Fatalf("it does not wait: %v", err)
		}
		f := grown(t, old)
		f.Log.Hold("it lacks its tail")
		logs := serve(t, serviceOf(f, restored))
		if _, err := logs.ConfirmLog(t.Context(), &federationv1.ConfirmLogRequest{Role: "test", Size: above}); err != nil {
			t.Error(err)
		}
		if why, held := f.Log.Held(); held == goesOn {
			t.Errorf("with %d of %d entries above it is held: %q", above, old, why)
		}
	}
}

// change changes what an entry says.
func change(r *feedv1.Record) {
	e := &feedv1.Entry{}
	if err := proto.Unmarshal(r.GetEntry(), e); err != nil {
		panic(err)
	}
	e.Actor.Unit = "units/2"
	r.Entry, _ = proto.MarshalOptions{Deterministic: true}.Marshal(e)
}

// give sends it in parts.
func give(t *testing.T, logs federationv1.LogServiceClient, req *federationv1.RestoreLogRequest) error {
	t.Helper()
	stream, err := logs.RestoreLog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records := req.GetRecords()
	req.Records = records[:2]
	for _, part := range []*federationv1.RestoreLogRequest{req, {Records: records[2:]}} {
		if stream.Send(part) != nil { // CloseAndRecv says why
			break
		}
	}
	_, err = stream.CloseAndRecv()
	return err
}

func root(t *testing.T, f *feedtest.Fixture) (root tlog.Hash) {
	t.Helper()
	f.View(t, func(tx store.Tx) error {
		size, err := f.Log.Size(tx)
		if err != nil {
			return err
		}
		root, err = f.Log.Root(tx, size)
		return err
	})
	return root
}

// service is that of a log that was not restored from a backup.
func service(t *testing.T, f *feedtest.Fixture) *recovery.Service {
	t.Helper()
	restored, err := recovery.OpenRestored(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return serviceOf(f, restored)
}

func serviceOf(f *feedtest.Fixture, restored *recovery.Restored) *recovery.Service {
	return &recovery.Service{Logs: map[string]recovery.Log{"test": {Log: f.Log, Engine: f.Engine}}, Restored: restored, Out: slog.New(slog.DiscardHandler)}
}

func dial(t *testing.T, f *feedtest.Fixture) federationv1.LogServiceClient {
	t.Helper()
	return serve(t, service(t, f))
}

func serve(t *testing.T, s *recovery.Service) federationv1.LogServiceClient {
	t.Helper()
	listener, server := bufconn.Listen(64<<10), grpc.NewServer()
	s.Register(server)
	go func() { _ = server.Serve(listener) }() // until it is stopped
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:log", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return federationv1.NewLogServiceClient(conn)
}
