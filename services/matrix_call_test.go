package services_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// method is what the contract says of a method.
type method struct {
	full             string // /package.Service/Method
	rule             *accessv1.Rule
	answers          protoreflect.MessageType
	verb, path, body string // of REST; no path: it is not part of it
}

// describe reads the contract.
func describe(t *testing.T, full string) method {
	t.Helper()
	name := strings.ReplaceAll(strings.TrimPrefix(full, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		t.Fatal(err)
	}
	d := found.(protoreflect.MethodDescriptor)
	answers, err := protoregistry.GlobalTypes.FindMessageByName(d.Output().FullName())
	if err != nil {
		t.Fatal(err)
	}
	if d.IsStreamingClient() || d.IsStreamingServer() {
		t.Fatalf("%s is a stream, which the matrix cannot call", full)
	}
	m := method{full: full, answers: answers}
	m.rule, _ = protobuf.GetExtension(d.Options(), accessv1.E_Rule).(*accessv1.Rule)
	http, _ := protobuf.GetExtension(d.Options(), annotations.E_Http).(*annotations.HttpRule)
	m.body = http.GetBody()
	switch p := http.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		m.verb, m.path = "GET", p.Get
	case *annotations.HttpRule_Post:
		m.verb, m.path = "POST", p.Post
	case *annotations.HttpRule_Patch:
		m.verb, m.path = "PATCH", p.Patch
	case *annotations.HttpRule_Delete:
		m.verb, m.path = "DELETE", p.Delete
	case nil:
	default:
		t.Fatalf("%s is bound to an HTTP method that the matrix does not know", full)
	}
	return m
}

// answer is what came of a call.
type answer struct {
	over string
	code codes.Code
	// told is all by which a client could tell this answer from another.
	told string
	// text gives the answer as JSON.
	text func() string
}

// wires are the connections to the suite's listeners.
type wires struct {
	grpc *rpc.ClientConn
	rest rest
}

func dial(t *testing.T, s *suitetest.Suite) wires {
	conn, err := rpc.NewClient(s.GRPC, rpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return wires{conn, newREST(t, s.HTTP)}
}

// call makes the call on every wire that has the method.
func (w wires) call(ctx context.Context, m method, key string, req protobuf.Message) ([]answer, error) {
	first, err := w.overGRPC(ctx, m, key, req)
	if err != nil || m.path == "" {
		return []answer{first}, err
	}
	second, err := w.rest.call(ctx, m, key, req)
	return []answer{first, second}, err
}

func (w wires) overGRPC(ctx context.Context, m method, key string, req protobuf.Message) (answer, error) {
	if key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	}
	var header, trailer metadata.MD
	res := m.answers.New().Interface()
	st := status.Convert(w.grpc.Invoke(ctx, m.full, req, res, rpc.Header(&header), rpc.Trailer(&trailer)))
	header.Delete(serve.LimitHeader) // what the caller has left, whatever it asks for
	header.Delete(serve.PolicyHeader)
	headers := metadata.Join(header, trailer)
	headers.Delete(serve.SimulatedHeader) // a refusal before there is a stream has none: a stranger's, unless the machine is slow
	told, err := protobuf.MarshalOptions{Deterministic: true}.Marshal(st.Proto())
	if err != nil {
		return answer{}, err
	}
	return answer{
		over: "gRPC", code: st.Code(), text: func() string { return protojson.Format(res) },
		told: fmt.Sprintf("%s\n%v", told, map[string][]string(headers)), // in the order of the keys
	}, nil
}
