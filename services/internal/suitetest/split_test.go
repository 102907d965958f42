package suitetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestAServiceIsWhatItsCertificateSays: in its own name it may what the contract
// allows it; the gateway has no name of its own, and no client gets one.
func TestAServiceIsWhatItsCertificateSays(t *testing.T) {
	s := suitetest.Split(t)
	public, err := grpc.NewClient(s.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = public.Close() })
	for who, c := range map[string]struct {
		conn grpc.ClientConnInterface
		want error
	}{
		"rectification, which may":     {s.Conn("rectification"), authz.ErrNotFound},
		"evaluation, which may not":    {s.Conn("evaluation"), authn.ErrUnauthenticated},
		"the gateway":                  {s.Client(), authn.ErrUnauthenticated},
		"a client, through the front":  {public, authn.ErrUnauthenticated},
		"a client that feigns a name":  {feigned{public}, authn.ErrUnauthenticated},
		"the gateway told of a client": {feigned{s.Client()}, authn.ErrUnauthenticated},
	} {
		_, err := campaignv1.NewCampaignServiceClient(known{c.conn}).GetCampaign(t.Context(), &campaignv1.GetCampaignRequest{Name: "campaigns/none"})
		if !errors.Is(err, c.want) {
			t.Errorf("%s = %v, want %v", who, err, c.want)
		}
		_, err = feedv1.NewFeedServiceClient(known{c.conn}).GetCheckpoint(t.Context(), &feedv1.GetCheckpointRequest{Name: "feeds/federation"})
		if service := c.want == authz.ErrNotFound || who == "evaluation, which may not"; (err == nil) != service {
			t.Errorf("a feed to %s = %v", who, err)
		}
	}
}

// TestFederationAloneSpeaksOfLogs: who else tells a role that its log is not whole, or
// gives it entries, is not heard; nor who hands on what was urged.
func TestFederationAloneSpeaksOfLogs(t *testing.T) {
	s := suitetest.Split(t)
	for who, c := range map[string]struct {
		conn grpc.ClientConnInterface
		want error
	}{
		"federation":    {s.Conn("federation"), authz.ErrNotFound}, // of no role
		"rectification": {s.Conn("rectification"), authn.ErrUnauthenticated},
		"the gateway":   {s.Client(), authn.ErrUnauthenticated},
	} {
		logs := federationv1.NewLogServiceClient(c.conn)
		_, confirmed := logs.ConfirmLog(t.Context(), &federationv1.ConfirmLogRequest{Role: "nobody"})
		_, held := logs.HoldLog(t.Context(), &federationv1.HoldLogRequest{Role: "nobody"})
		stream, err := logs.RestoreLog(t.Context())
		if err == nil {
			_, err = stream.CloseAndRecv()
		}
		for i, got := range []error{confirmed, held, serve.FromStatus(err)} {
			if !errors.Is(got, c.want) {
				t.Errorf("%s, method %d: %v, want %v", who, i, got, c.want)
			}
		}
		urges := aggregationv1.NewUrgeServiceClient(c.conn)
		_, listed := urges.ListUrges(t.Context(), &aggregationv1.ListUrgesRequest{Unit: "units/root"})
		_, taken := urges.TakeUrges(t.Context(), &aggregationv1.TakeUrgesRequest{})
		if may := who == "federation"; (listed == nil) != may || (taken == nil) != may {
			t.Errorf("%s, of what was urged: %v, %v", who, listed, taken)
		}
	}
}

// TestRolesReadTheFeedsTheyAreNamedFor: in one process as in many.
func TestRolesReadTheFeedsTheyAreNamedFor(t *testing.T) {
	for how, open := range map[string]func(testing.TB) *suitetest.Suite{"in one process": suitetest.Run, "in many": suitetest.Split} {
		s := open(t)
		for _, c := range []struct {
			role, feed  string
			office, may bool
		}{
			{"evaluation", "organization", false, true},
			{"evaluation", "complaint", false, false},
			{"rectification", "rectification", false, false},
			{"complaint", "complaint", false, true},
			{"complaint", "rectification", false, false},
			{"aggregation", "complaint", false, true},
			{"aggregation", "complaint", true, false},
			{"aggregation", "event", false, false},
			{"event", "aggregation", false, true},
			{"event", "510104.campaign", false, false},
			{"federation", "event", true, true},
		} {
			req := &feedv1.ListRecordsRequest{Parent: "feeds/" + c.feed, Office: c.office}
			_, err := feedv1.NewFeedServiceClient(known{s.Conn(c.role)}).ListRecords(t.Context(), req)
			if (err == nil) != c.may || err != nil && !errors.Is(err, authz.ErrDenied) {
				t.Errorf("%s: %s reads %s (opened %t): %v", how, c.role, c.feed, c.office, err)
			}
		}
	}
}

// TestTimeIsTheSameInEveryProcess: once it is set, and for a process that did not
// run when it was.
func TestTimeIsTheSameInEveryProcess(t *testing.T) {
	s := suitetest.Split(t)
	later := suitetest.Start.Add(48 * time.Hour)
	s.SetTime(later)
	for _, role := range []string{"organization", "campaign", "aggregation"} {
		is, err := clockv1.NewClockServiceClient(s.Of(role).Process.Conn("")).GetClock(t.Context(), &clockv1.GetClockRequest{})
		if err != nil || !is.GetNow().AsTime().Equal(later) || !is.GetSimulated() {
			t.Errorf("%s says %v, %v", role, is, err)
		}
	}
	next := timestamppb.New(later.Add(time.Hour))
	s.Without("campaign", func() {
		_, err := clockv1.NewClockServiceClient(s.As(s.SystemAdmin)).SetClock(t.Context(), &clockv1.SetClockRequest{Now: next})
		if err == nil {
			t.Error("the time was set in a process that does not run")
		}
	})
	is, err := clockv1.NewClockServiceClient(s.Of("campaign").Process.Conn("")).GetClock(t.Context(), &clockv1.GetClockRequest{})
	if err != nil || !is.GetNow().AsTime().Equal(next.AsTime()) {
		t.Errorf("started again it says %v, %v; want what organization has", is, err)
	}
}

// known restores the faults of whoever answers.
type known struct{ grpc.ClientConnInterface }

func (k known) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	return serve.FromStatus(k.ClientConnInterface.Invoke(ctx, method, req, resp, opts...))
}

// feigned sends what might be taken for a service's name.
type feigned struct{ grpc.ClientConnInterface }

func (f feigned) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	for _, name := range []string{"caller", "service", "x-forwarded-client-cert", serve.NetworkHeader} {
		ctx = metadata.AppendToOutgoingContext(ctx, name, "rectification")
	}
	return f.ClientConnInterface.Invoke(ctx, method, req, resp, opts...)
}

// TestTheStoresAreThoseOfAllRoles: whoever recounts a suite reads them, in one process
// and in many.
func TestTheStoresAreThoseOfAllRoles(t *testing.T) {
	for _, start := range []func(testing.TB) *suitetest.Suite{suitetest.Run, suitetest.Split} {
		stores := start(t).Stores()
		for _, role := range suite.Roles() {
			if _, ok := stores[role]; !ok && role != suite.Gateway {
				t.Errorf("of %d stores none is %s's", len(stores), role)
			}
		}
	}
}
