package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
)

const small = 1000 // bytes of a message

// echo answers with so many bytes.
type echo struct {
	organizationv1.UnimplementedOrganizationServiceServer
	answer int
}

func (e *echo) Register(r grpc.ServiceRegistrar) {
	organizationv1.RegisterOrganizationServiceServer(r, e)
}

func (e *echo) GetCaller(context.Context, *organizationv1.GetCallerRequest) (*organizationv1.Caller, error) {
	return &organizationv1.Caller{Principal: strings.Repeat("x", e.answer)}, nil
}

// connections returns one to the service within the process and one over TCP, whose
// calls pass the steps, and then that of sizes.
func connections(t *testing.T, s Service, steps ...Step) map[string]grpc.ClientConnInterface {
	t.Helper()
	limits := DefaultLimits
	limits.Message = small
	p, err := New(slog.New(slog.DiscardHandler), limits)
	if err != nil {
		t.Fatal(err)
	}
	p.every = chain(append(steps, p.sized)...)
	p.Authenticate = func(context.Context) (authn.Principal, error) { return authn.Principal{Name: "units/a/members/m"}, nil }
	if err := p.Add(s); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := p.server(Door{})
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	tcp, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	return map[string]grpc.ClientConnInterface{"within": p.Conn(""), "over TCP": tcp}
}

// What is too large is said so, and not that the server is busy: the same call never
// passes. Over TCP gRPC refuses a request that no method takes before anybody can say more.
func TestMessagesHaveTheSameLimitEverywhere(t *testing.T) {
	e := &echo{}
	for way, conn := range connections(t, e, statuses(slog.New(slog.DiscardHandler))) {
		client := organizationv1.NewOrganizationServiceClient(conn)
		for _, c := range []struct {
			request, answer int
			want            *fault.Fault
		}{
			{10, 10, nil},
			{10, small - 3, nil}, // a tag and a length are three bytes
			{small - 3, 10, nil},
			{10, small - 2, errAnswer},
			{small - 2, 10, errRequest},
		} {
			e.answer = c.answer
			req := &organizationv1.GetCallerRequest{}
			req.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 15, protowire.BytesType), make([]byte, c.request)))
			_, err := client.GetCaller(t.Context(), req)
			err = FromStatus(err)
			switch {
			case c.want == nil && err == nil, c.want != nil && errors.Is(err, c.want) && fault.As(err).Facts["limit"] == "1000":
			case c.want == errRequest && way == "over TCP" && status.Code(err) == codes.ResourceExhausted:
			default:
				t.Errorf("%s, a request of %d and an answer of %d: %v, want %v", way, c.request, c.answer, err, c.want)
			}
		}
	}
}
