// Package first bounds the first message of a stream before it is read. Whether who sends it
// is believed, and what later messages may have, is decided by others.
package first

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/wire"
)

// greeting is how large the first message of a stream may be at an address that anybody may
// come to, in bytes: 4,096 logs of 512, which is the largest greeting of an installation below.
const greeting = 2 << 20

var (
	errLarge      = fault.Of(faultv1.Reason_REASON_STREAM_FIRST_TOO_LARGE)
	errCompressed = fault.Of(faultv1.Reason_REASON_STREAM_COMPRESSION_UNSUPPORTED)
)

// Small bounds the first message of the methods that last before it is read: whoever sends
// it is not believed yet, and gRPC has one largest message for all methods of an address.
func Small(lasts func(method string) bool, next grpc.StreamServerInterceptor) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if lasts(info.FullMethod) {
			ss = &greeted{ServerStream: ss}
		}
		return next(srv, ss, info, handler)
	}
}

// greeted is a stream whose first message is small.
type greeted struct {
	grpc.ServerStream
	begun bool
}

// beneath is what gRPC reads messages from, which is told how many bytes one has before these
// are asked for.
type beneath interface {
	ReadMessageHeader([]byte) error
	Read(int) (mem.BufferSlice, error)
}

// RecvMsg implements grpc.ServerStream.
func (g *greeted) RecvMsg(m any) error {
	if g.begun {
		return g.ServerStream.RecvMsg(m)
	}
	g.begun = true
	from, ok := grpc.ServerTransportStreamFromContext(g.Context()).(beneath)
	if !ok {
		return errors.New("gRPC does not tell how large a message is")
	}
	return receiveSmall(from, m)
}

// receiveSmall reads a message that is neither larger than a greeting nor compressed, or answers
// with the fault that it is. It is for the handler to return that: whoever passes messages on or
// reads them elsewhere than it answers.
func receiveSmall(from beneath, m any) error {
	var header [5]byte
	if err := from.ReadMessageHeader(header[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(header[1:])
	switch {
	case n > greeting:
		return errLarge.With("limit", strconv.Itoa(greeting))
	case header[0] != 0:
		return errCompressed
	}
	data, err := from.Read(int(n))
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	defer data.Free()
	return wire.Codec().Unmarshal(data, m)
}
