package server_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
)

// urges are what aggregation says was urged.
type urges struct {
	aggregationv1.UrgeServiceClient
	mu    sync.Mutex
	list  []*aggregationv1.Urge
	err   error
	units []string // of which it was asked
}

func (u *urges) ListUrges(_ context.Context, req *aggregationv1.ListUrgesRequest, _ ...grpc.CallOption) (*aggregationv1.ListUrgesResponse, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.units = append(u.units, req.GetUnit())
	return &aggregationv1.ListUrgesResponse{Urges: u.list}, u.err
}

func (u *urges) say(err error, subjects ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list, u.err = nil, err
	for _, subject := range subjects {
		u.list = append(u.list, &aggregationv1.Urge{Subject: subject})
	}
}

// TestWhatWasUrgedIsSaidOnTheStream: behind the welcome and once a heartbeat, but not at
// every beat of every log; that it cannot be asked ends no stream.
func TestWhatWasUrgedIsSaidOnTheStream(t *testing.T) {
	upper, lower := newNode(t, "510000"), newNode(t, "510100")
	said := &urges{}
	upper.close()
	upper.urges = said
	upper.open()
	upper.enrol(lower)
	lower.work(3)
	hello := greeting(t, lower, upper)
	log := hello.GetLogs()[slices.Index(roles, "rectification")]
	said.say(nil, "a")
	stream, err := upper.up().Replicate(t.Context())
	if err == nil {
		err = stream.Send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Hello{Hello: hello}})
	}
	if err != nil {
		t.Fatal(err)
	}
	next := func() *federationv1.ReplicateResponse {
		t.Helper()
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	hears := func(when string, want ...string) { // up to the answer to another message
		t.Helper()
		if err := stream.Send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Fetch{Fetch: &federationv1.Fetch{Origin: log.GetOrigin()}}}); err != nil {
			t.Fatal(err)
		}
		var got []string
		m := next()
		for ; m.GetUrged() != nil; m = next() {
			for _, u := range m.GetUrged().GetUrges() {
				got = append(got, u.GetSubject())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v was urged, want %v", when, got, want)
		}
	}
	beat := func(later time.Duration) {
		t.Helper()
		upper.ahead.Add(int64(later))
		if err := stream.Send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Beat{Beat: &federationv1.Beat{Head: log}}}); err != nil {
			t.Fatal(err)
		}
	}
	if next().GetWelcome() == nil {
		t.Fatal("the first answer is no welcome")
	}
	hears("behind the welcome", "a")
	beat(federation.Beat)
	hears("a heartbeat later", "a")
	said.say(nil, "a", "b")
	beat(time.Second)
	hears("at the next log's beat")
	beat(federation.Beat)
	hears("when there is more", "a", "b")
	said.say(errors.New("aggregation is not there"))
	beat(federation.Beat)
	hears("when aggregation is not there")
	said.say(nil)
	beat(federation.Beat)
	hears("when nothing is left to say")
	said.say(nil, "c")
	beat(federation.Beat)
	hears("in the end", "c")
	if slices.ContainsFunc(said.units, func(unit string) bool { return unit != "units/510100" }) || len(said.units) != 6 {
		t.Errorf("it was asked of %v", said.units)
	}
}
