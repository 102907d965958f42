package reach_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/reach"
	"github.com/duban-project/duban/services/internal/telemetry"
)

var errDown = fault.Of(faultv1.Reason_REASON_SERVICE_DOWN)

// log is what roles were asked, in order.
type log struct {
	mu     sync.Mutex
	calls  []string
	fails  map[string]error // by role
	traces []string         // that units were asked for with
}

func (l *log) note(role, method string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, role+method)
	return l.fails[role]
}

// organization is another process's, which is never well.
type organization struct {
	organizationv1.UnimplementedOrganizationServiceServer
	clockv1.UnimplementedClockServiceServer
	*log
}

func (o organization) GetUnit(ctx context.Context, _ *organizationv1.GetUnitRequest) (*organizationv1.Unit, error) {
	o.traces = append(o.traces, metadata.ValueFromIncomingContext(ctx, "traceparent")...)
	return nil, o.note("organization", "/GetUnit")
}

func (o organization) CreateUnit(context.Context, *organizationv1.CreateUnitRequest) (*organizationv1.Unit, error) {
	return nil, o.note("organization", "/CreateUnit")
}

func (o organization) SetClock(context.Context, *clockv1.SetClockRequest) (*clockv1.Clock, error) {
	return &clockv1.Clock{Simulated: true}, o.note("organization", "/SetClock")
}

// here is a role of this process.
type here struct {
	grpc.ClientConnInterface
	*log
}

func (h here) Invoke(_ context.Context, method string, _, _ any, _ ...grpc.CallOption) error {
	return h.note("here", method)
}

// network has organization elsewhere, campaign here, rectification at an address
// where nobody is, and no complaint.
func network(t *testing.T) (*reach.Network, *log) {
	t.Helper()
	l := &log{fails: map[string]error{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	organizationv1.RegisterOrganizationServiceServer(server, organization{log: l})
	clockv1.RegisterClockServiceServer(server, organization{log: l})
	go func() { _ = server.Serve(listener) }() // ends by Stop
	t.Cleanup(server.Stop)
	n := &reach.Network{
		Roles:       []string{"organization", "campaign", "rectification", "complaint"},
		Here:        func(role string) bool { return role == "campaign" },
		Local:       func(string) grpc.ClientConnInterface { return here{log: l} },
		Addresses:   map[string]string{"organization": listener.Addr().String(), "rectification": "127.0.0.1:1"},
		Credentials: func(_, _ string) credentials.TransportCredentials { return insecure.NewCredentials() },
		Message:     1 << 20,
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n, l
}

func TestCallsGoToWhoAnswers(t *testing.T) {
	n, l := network(t)
	conn, ctx := n.Conn("campaign"), t.Context()
	for want, call := range map[string]func() error{
		"organization/GetUnit": func() error {
			_, err := organizationv1.NewOrganizationServiceClient(conn).GetUnit(ctx, &organizationv1.GetUnitRequest{})
			return err
		},
		"here" + campaignv1.CampaignService_GetCampaign_FullMethodName: func() error {
			_, err := campaignv1.NewCampaignServiceClient(conn).GetCampaign(ctx, &campaignv1.GetCampaignRequest{})
			return err
		},
		"here" + feedv1.FeedService_ListRecords_FullMethodName: func() error {
			_, err := feedv1.NewFeedServiceClient(conn).ListRecords(ctx, &feedv1.ListRecordsRequest{Parent: "feeds/campaign"})
			return err
		},
		"here" + feedv1.FeedService_GetCheckpoint_FullMethodName: func() error {
			_, err := feedv1.NewFeedServiceClient(conn).GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/campaign"})
			return err
		},
	} {
		l.calls = nil
		if _ = call(); !slices.Equal(l.calls, []string{want}) {
			t.Errorf("%s went to %v", want, l.calls)
		}
	}
}

func TestARoleThatIsNotThereIsNamed(t *testing.T) {
	n, _ := network(t)
	feeds := feedv1.NewFeedServiceClient(n.Conn(""))
	for _, role := range []string{"rectification", "complaint"} {
		_, err := feeds.GetProof(t.Context(), &feedv1.GetProofRequest{Parent: "feeds/" + role})
		if f := fault.As(err); !errors.Is(err, errDown) || f.Facts["service"] != role || status.Code(err) != codes.Unavailable {
			t.Errorf("%s = %v, want that it is down", role, err)
		}
	}
}

// TestOnlyReadingsAreRepeated: what changes something may have happened.
func TestOnlyReadingsAreRepeated(t *testing.T) {
	n, l := network(t)
	l.fails["organization"] = status.Error(codes.Unavailable, "gone")
	units := organizationv1.NewOrganizationServiceClient(n.Conn(""))
	if _, err := units.GetUnit(t.Context(), &organizationv1.GetUnitRequest{}); !errors.Is(err, errDown) || len(l.calls) != 4 {
		t.Errorf("a reading = %v after %v, want four tries", err, l.calls)
	}
	l.calls = nil
	if _, err := units.CreateUnit(t.Context(), &organizationv1.CreateUnitRequest{}); !errors.Is(err, errDown) || len(l.calls) != 1 {
		t.Errorf("a change = %v after %v, want one try", err, l.calls)
	}
}

func TestTimeIsSetEverywhere(t *testing.T) {
	n, l := network(t)
	delete(n.Addresses, "rectification")
	clocks := clockv1.NewClockServiceClient(n.Conn(""))
	is, err := clocks.SetClock(t.Context(), &clockv1.SetClockRequest{})
	want := []string{"organization/SetClock", "here" + clockv1.ClockService_SetClock_FullMethodName}
	if err != nil || !is.GetSimulated() || !slices.Equal(l.calls, want) {
		t.Errorf("SetClock = %v, %v by %v", is, err, l.calls)
	}
	l.calls, l.fails["organization"] = nil, status.Error(codes.FailedPrecondition, "backwards")
	if _, err := clocks.SetClock(t.Context(), &clockv1.SetClockRequest{}); err == nil || len(l.calls) != 1 {
		t.Errorf("refused by the first = %v, then %v", err, l.calls)
	}
}

func TestADeadlineIsHonouredAcross(t *testing.T) {
	n, _ := network(t)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := organizationv1.NewOrganizationServiceClient(n.Conn("")).GetUnit(ctx, &organizationv1.GetUnitRequest{})
	if !errors.Is(err, context.DeadlineExceeded) || status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("beyond its deadline = %v", err)
	}
}

func TestATraceGoesOn(t *testing.T) {
	n, l := network(t)
	observed, err := telemetry.Setup(t.Context(), telemetry.Default, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	_, _, n.Made = observed.Handlers()
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3}, SpanID: trace.SpanID{4}, Remote: true,
	}))
	_, _ = organizationv1.NewOrganizationServiceClient(n.Conn("")).GetUnit(ctx, &organizationv1.GetUnitRequest{}) // answers nothing
	if len(l.traces) != 1 || !strings.HasPrefix(l.traces[0], "00-01020300000000000000000000000000-") {
		t.Errorf("the call came with the traces %v", l.traces)
	}
}
