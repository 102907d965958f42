package suitetest

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// pointing fails the test if a refusal names a field that neither its request has
// nor the record that the call only names: over REST nothing could turn it into what
// the client wrote. The request id may have come in its header.
type pointing struct {
	grpc.ClientConnInterface
	t testing.TB
}

func (p pointing) Invoke(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	err := p.ClientConnInterface.Invoke(ctx, method, req, resp, opts...)
	m, ok := req.(proto.Message)
	record, _ := resp.(proto.Message)
	for _, path := range named(err) {
		if ok && path != "Idempotency-Key" && path != "If-Match" && !points(m.ProtoReflect().Descriptor(), record.ProtoReflect().Descriptor(), path) {
			p.t.Errorf("%s refuses at %q, which %s has not", method, path, m.ProtoReflect().Descriptor().FullName())
		}
	}
	return err
}

// points says whether the path leads to a field of the request or, beginning with its
// name as in "campaign.tasks", of the record, of which the request has not that field.
func points(request, record protoreflect.MessageDescriptor, path string) bool {
	name, field, _ := strings.Cut(path, ".")
	named := strings.EqualFold(string(record.Name()), strings.ReplaceAll(name, "_", ""))
	return Has(request, path) || named && field != "" && Has(record, field) && !Has(request, field)
}

// named are the fields at which a call was refused.
func named(err error) (paths []string) {
	for _, d := range status.Convert(err).Details() {
		bad, _ := d.(*errdetails.BadRequest)
		for _, v := range bad.GetFieldViolations() {
			paths = append(paths, v.GetField())
		}
	}
	return paths
}

// Has says whether a message has the field at the path, such as
// "api_key.roles[0]" or "unit.labels[\"moe\"]".
func Has(message protoreflect.MessageDescriptor, path string) bool {
	for path != "" {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		f := field(message, path[:end])
		if f == nil {
			return false
		}
		path = path[end:]
		if strings.HasPrefix(path, "[") {
			if path = behind(path); !f.IsList() && !f.IsMap() {
				return false
			}
		}
		if message = f.Message(); f.IsMap() {
			message = f.MapValue().Message()
		}
		path = strings.TrimPrefix(path, ".")
	}
	return true
}

// field is the message's field of that name, or nil; what is no message has none.
func field(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if message == nil {
		return nil
	}
	return message.Fields().ByName(protoreflect.Name(name))
}

// behind is what stands behind the index, or the key in quotes, that path begins
// with.
func behind(path string) string {
	quoted := false
	for i := 1; i < len(path); i++ {
		switch {
		case path[i] == '\\':
			i++
		case path[i] == '"':
			quoted = !quoted
		case path[i] == ']' && !quoted:
			return path[i+1:]
		}
	}
	return ""
}
