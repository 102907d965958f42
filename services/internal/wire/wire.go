// Package wire reads what comes over gRPC (报文解码), and says of bytes that are no message
// where they are not, as a fault: gRPC itself calls it an internal error.
package wire

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec of messages
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/duban-project/duban/services/internal/fault"
)

// Message is what was received, also if it is no message of the kind that is wanted.
type Message struct {
	// Into is the message that is read; empty if Wrong is not nil.
	Into proto.Message
	// Wrong is what is wrong with Bytes, or nil.
	Wrong *fault.Fault
	// Bytes are those that are no such message.
	Bytes []byte
}

// Read reads bytes that stay as they are. Of a list that is too long nothing is read: its
// items would take many times the room of the bytes.
func (m *Message) Read(b []byte) {
	of := m.Into.ProtoReflect().Descriptor()
	if m.Wrong = crowded(b, of, depth); m.Wrong == nil && proto.Unmarshal(b, m.Into) != nil {
		proto.Reset(m.Into)
		m.Wrong = refusal(b, of)
	}
	if m.Wrong != nil {
		m.Bytes = b
	}
}

// few bytes are read at once: they have no list that would take much.
const few = 4 << 10

// Codec is that of a server whose services were registered by a Registrar.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2("proto")} }

type codec struct{ encoding.CodecV2 }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*Message)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if data.Len() > few || c.CodecV2.Unmarshal(data, m.Into) != nil {
		m.Read(data.Materialize())
	}
	return nil
}

// Registrar registers services whose calls pass all steps, whatever was sent: what is
// no message is refused where its handler would be called.
type Registrar struct{ grpc.ServiceRegistrar }

// RegisterService implements grpc.ServiceRegistrar.
func (r Registrar) RegisterService(d *grpc.ServiceDesc, service any) {
	read := *d
	read.Methods, read.Streams = nil, nil
	for _, m := range d.Methods {
		m.Handler = unary(m.Handler)
		read.Methods = append(read.Methods, m)
	}
	for _, s := range d.Streams {
		handler := s.Handler
		s.Handler = func(service any, ss grpc.ServerStream) error { return handler(service, stream{ss}) }
		read.Streams = append(read.Streams, s)
	}
	r.ServiceRegistrar.RegisterService(&read, service)
}

// unary has the interceptor called for what is no message too, without a request.
func unary(handler grpc.MethodHandler) grpc.MethodHandler {
	return func(service any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		in := &Message{}
		read := func(m any) error {
			in.Into = m.(proto.Message) // of the contract, or gRPC's own
			return dec(in)
		}
		return handler(service, ctx, read, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if in.Wrong != nil {
				req, next = in, func(context.Context, any) (any, error) { return nil, in.Wrong }
			}
			return interceptor(ctx, req, info, next)
		})
	}
}

// stream says by a fault that what came is no message.
type stream struct{ grpc.ServerStream }

// RecvMsg implements grpc.ServerStream.
func (s stream) RecvMsg(m any) error {
	in := &Message{Into: m.(proto.Message)} // of the contract, or gRPC's own
	if err := s.ServerStream.RecvMsg(in); err != nil {
		return err
	}
	if in.Wrong != nil {
		return in.Wrong
	}
	return nil
}
