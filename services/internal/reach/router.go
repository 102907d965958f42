package reach

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	clockv1 "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// router sends each call to where it belongs.
type router struct {
	network *Network
	as      string
}

// Invoke implements grpc.ClientConnInterface.
func (r router) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	if method == clockv1.ClockService_SetClock_FullMethodName {
		return r.everywhere(ctx, method, req, resp, opts...)
	}
	return r.network.To(r.as, r.network.role(method, req)).Invoke(ctx, method, req, resp, opts...)
}

// NewStream implements grpc.ClientConnInterface.
func (r router) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return r.network.To(r.as, r.network.role(method, nil)).NewStream(ctx, desc, method, opts...)
}

// everywhere makes a call that concerns every role, one after the other: what the
// first refuses has happened nowhere, and what a later one could not be told may
// be repeated. The answer is the first's.
func (r router) everywhere(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	for i, role := range r.network.Roles {
		to := r.network.To(r.as, role)
		if _, missing := to.(absent); missing {
			continue
		}
		into := resp
		if i > 0 {
			into = resp.(proto.Message).ProtoReflect().New().Interface()
		}
		if err := to.Invoke(ctx, method, req, into, opts...); err != nil {
			return err
		}
	}
	return nil
}

// role is the one that answers: for a feed its own, for other methods that which
// their package is named after. What belongs to none is asked of the first.
func (n *Network) role(method string, req any) string {
	name := packaged(method)
	if name == "feed" {
		name = fed(req)
	}
	for _, role := range n.Roles {
		if role == name {
			return role
		}
	}
	return n.Roles[0]
}

// packaged is "campaign" for /duban.campaign.v1.CampaignService/GetCampaign.
func packaged(method string) string {
	parts := strings.SplitN(method, ".", 3)
	if len(parts) < 3 || parts[0] != "/duban" {
		return ""
	}
	return parts[1]
}

// fed is the role whose feed is asked for.
func fed(req any) string {
	var name string
	switch req := req.(type) {
	case *feedv1.GetCheckpointRequest:
		name = req.GetName()
	case *feedv1.ListRecordsRequest:
		name = req.GetParent()
	case *feedv1.GetProofRequest:
		name = req.GetParent()
	}
	role := strings.TrimPrefix(name, "feeds/")
	if strings.Contains(role, ".") { // the mirror of a lower installation's log
		return "federation"
	}
	return role
}
