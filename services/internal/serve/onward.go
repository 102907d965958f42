package serve

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// carried is what a client may tell the service behind, as metadata.
var carried = []string{"authorization", "accept-language", "idempotency-key", "if-match"}

// onward answers each call of the contract with what the connection answers.
// Streams are not for clients.
func (p *Process) onward(to grpc.ClientConnInterface) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		in, out, err := messages(method)
		if err != nil {
			return passed{err}
		}
		if err := stream.RecvMsg(in); err != nil {
			return passed{err}
		}
		var header metadata.MD
		if err := to.Invoke(p.outward(stream.Context()), method, in, out, grpc.Header(&header)); err != nil {
			return passed{err}
		}
		return stream.SendMsg(out)
	}
}

// outward is the context of the call behind.
func (p *Process) outward(ctx context.Context) context.Context {
	if network := p.networkOf(ctx); network != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, NetworkHeader, network)
	}
	for _, name := range carried {
		for _, value := range metadata.ValueFromIncomingContext(ctx, name) {
			ctx = metadata.AppendToOutgoingContext(ctx, name, value)
		}
	}
	return ctx
}

// messages are empty ones of a unary method's types.
func messages(method string) (in, out proto.Message, err error) {
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	d, _ := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	m, ok := d.(protoreflect.MethodDescriptor)
	if !ok || !strings.HasPrefix(name, "duban.") || m.IsStreamingClient() || m.IsStreamingServer() {
		return nil, nil, status.Error(codes.Unimplemented, "unknown method "+method)
	}
	request, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		return nil, nil, err
	}
	answer, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		return nil, nil, err
	}
	return request.New().Interface(), answer.New().Interface(), nil
}

// passed is the error of the service behind, which has its status already.
type passed struct{ error }

// GRPCStatus tells what the service told.
func (p passed) GRPCStatus() *status.Status { return status.Convert(p.error) }

// Unwrap returns the error itself.
func (p passed) Unwrap() error { return p.error }
