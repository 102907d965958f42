package serve

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// fits says whether a message of so many bytes may pass, as gRPC does over TCP.
func fits(n, limit int) error {
	if n > limit {
		return status.Errorf(codes.ResourceExhausted, "the message has %d bytes; the limit is %d", n, limit)
	}
	return nil
}

// admits says whether a request of so many bytes may pass: the contract lets
// those of some methods have more than other messages.
func (p *Process) admits(method string, n int) error {
	return fits(n, max(p.limits.Message, int(p.methods[method].GetMaxMiB())<<20))
}

// largest is how many bytes a request of any method may have.
func (p *Process) largest() int {
	n := p.limits.Message
	for _, m := range p.methods {
		n = max(n, int(m.GetMaxMiB())<<20)
	}
	return n
}

// sized refuses requests that are larger than their method allows: over TCP
// everything passes that some method would take.
func (p *Process) sized(ctx context.Context, call Call, next func(context.Context) error) error {
	if m, ok := call.Request.(proto.Message); ok {
		if err := p.admits(call.Method, proto.Size(m)); err != nil {
			return err
		}
	}
	return next(ctx)
}
