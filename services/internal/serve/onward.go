package serve

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/wire"
)

// carried is what a client may tell the service behind, as metadata.
var carried = []string{"authorization", "accept-language", "idempotency-key", "if-match"}

// onward answers each call of the contract with what the connection answers.
// Streams are not for clients.
func (p *Process) onward(to grpc.ClientConnInterface) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		in, out, streams, err := messages(method)
		if err != nil {
			return passed{err}
		}
		if streams {
			return p.carry(to, stream, in, out)
		}
		if err := receive(stream, in); err != nil {
			return passed{err}
		}
		var header metadata.MD
		err = to.Invoke(p.outward(stream.Context()), method, in, out, grpc.Header(&header))
		if err := stream.SetHeader(limitsIn(header)); err != nil {
			return passed{err}
		}
		if err != nil {
			return passed{err}
		}
		return stream.SendMsg(out)
	}
}

// carry passes a stream on, message by message in both directions, until either
// side ends it, or what comes is refused here.
func (p *Process) carry(to grpc.ClientConnInterface, stream grpc.ServerStream, in, out proto.Message) error {
	method, _ := grpc.MethodFromServerStream(stream)
	ctx, cancel := context.WithCancelCause(p.outward(stream.Context()))
	defer cancel(nil)
	behind, err := to.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return passed{err}
	}
	go func() { // ends with the stream, which ends when carry returns
		err := forward(stream, behind, in)
		if fault.As(err) != nil {
			cancel(err)
		}
		_ = behind.CloseSend() // what becomes of it, the answers say
	}()
	for {
		m := out.ProtoReflect().New().Interface()
		switch err := behind.RecvMsg(m); {
		case fault.As(context.Cause(ctx)) != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return passed{err}
		}
		if err := stream.SendMsg(m); err != nil {
			return passed{err}
		}
	}
}

// forward passes on what comes, until nothing does or it is taken no more.
func forward(from grpc.ServerStream, to grpc.ClientStream, like proto.Message) error {
	for {
		m := like.ProtoReflect().New().Interface()
		if err := receive(from, m); err != nil {
			return err
		}
		if err := to.SendMsg(m); err != nil {
			return err
		}
	}
}

// receive reads what is to be passed on. What is no such message is for whoever answers
// to refuse, who knows whether the caller is anybody: it goes on as it came.
func receive(stream grpc.ServerStream, m proto.Message) error {
	in := &wire.Message{Into: m}
	err := stream.RecvMsg(in)
	if in.Wrong != nil {
		m.ProtoReflect().SetUnknown(in.Bytes)
	}
	return err
}

// limitsIn is what the service behind says of what the caller has left.
func limitsIn(header metadata.MD) metadata.MD {
	out := metadata.MD{}
	for _, name := range []string{PolicyHeader, LimitHeader} {
		out.Append(name, header.Get(name)...)
	}
	return out
}

// outward is the context of the call behind.
func (p *Process) outward(ctx context.Context) context.Context {
	at := addressOf(ctx)
	if network := p.networkOf(at); network != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, NetworkHeader, network)
	}
	if at.IsValid() && authn.BearsKey(ctx) {
		ctx = metadata.AppendToOutgoingContext(ctx, AddressHeader, at.String())
	}
	for _, name := range carried {
		for _, value := range metadata.ValueFromIncomingContext(ctx, name) {
			ctx = metadata.AppendToOutgoingContext(ctx, name, value)
		}
	}
	return ctx
}

// messages are empty ones of a method's types; streams says whether there may be
// several.
func messages(method string) (in, out proto.Message, streams bool, err error) {
	m := described(method)
	if m == nil {
		return nil, nil, false, status.Error(codes.Unimplemented, "unknown method "+method)
	}
	request, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		return nil, nil, false, err
	}
	answer, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		return nil, nil, false, err
	}
	return request.New().Interface(), answer.New().Interface(), lasts(method), nil
}

// described is the contract's method of that name, nil if it has none.
func described(method string) protoreflect.MethodDescriptor {
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	d, _ := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	m, _ := d.(protoreflect.MethodDescriptor)
	if !strings.HasPrefix(name, "duban.") {
		return nil
	}
	return m
}

// lasts says whether calls of the method are streams.
func lasts(method string) bool {
	m := described(method)
	return m != nil && (m.IsStreamingClient() || m.IsStreamingServer())
}

// passed is the error of the service behind, which has its status already.
type passed struct{ error }

// GRPCStatus tells what the service told.
func (p passed) GRPCStatus() *status.Status { return status.Convert(p.error) }

// Unwrap returns the error itself.
func (p passed) Unwrap() error { return p.error }
