package serve

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
)

// A stranger's call is refused before there is a stream on which they could send; what is
// for everybody, what others answer and what services ask is not.
func TestStrangersGetNoStream(t *testing.T) {
	p := &Process{
		methods: map[string]*authz.Method{
			"/duban.x/Closed": {Rule: &accessv1.Rule{}}, "/duban.x/Open": {Rule: &accessv1.Rule{Public: true}},
		},
		Authenticate: func(ctx context.Context) (authn.Principal, error) {
			switch keys := metadata.ValueFromIncomingContext(ctx, "authorization"); {
			case len(keys) == 0:
				return authn.Principal{}, nil
			case keys[0] == "Bearer first":
				return authn.Principal{Bootstrap: true}, nil
			case keys[0] == "Bearer slow": // whoever knows it cannot be reached
				<-ctx.Done()
				return authn.Principal{}, ctx.Err()
			case keys[0] == "Bearer k":
				return authn.Principal{Name: "machines/m"}, nil
			}
			return authn.Principal{}, authn.ErrUnauthenticated
		},
	}
	pass := func(ctx context.Context, _ *tap.Info) (context.Context, error) { return ctx, nil }
	for _, c := range []struct {
		door        Door
		method, key string
		want        codes.Code
	}{
		{method: "/duban.x/Closed", want: codes.Unauthenticated},
		{method: "/duban.x/Closed", key: "Bearer nonsense", want: codes.Unauthenticated},
		{method: "/duban.x/Closed", key: "Bearer k"},
		{method: "/duban.x/Closed", key: "Bearer slow"}, // the steps wait longer
		{method: "/duban.x/Closed", key: "Bearer first"},
		{method: "/duban.x/Open"},
		{method: "/grpc.health.v1.Health/Check"},
		{method: "/duban.x/Closed", door: Door{To: &grpc.ClientConn{}}},
		{method: "/duban.x/Closed", door: Door{Caller: func(context.Context) string { return "" }}},
	} {
		md := metadata.MD{}
		if c.key != "" {
			md.Set("authorization", c.key)
		}
		_, err := p.known(c.door, pass)(t.Context(), &tap.Info{FullMethodName: c.method, Header: md})
		if status.Code(err) != c.want || err != nil && fault.As(FromStatus(err)) == nil {
			t.Errorf("%s with %q: %v, want %v", c.method, c.key, err, c.want)
		}
	}
}
