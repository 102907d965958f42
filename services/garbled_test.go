package services_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	rpc "google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	protobuf "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/serve"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestWhatIsNoMessageIsRefused, also where a process passes calls on to another.
func TestWhatIsNoMessageIsRefused(t *testing.T) {
	s := suitetest.Run(t)
	garbled(t, s, s.Person(s.Root, accessv1.Role_ROLE_CLERK).Key)
}

// garbled sends what is no message over gRPC: who may call is told where it cannot be read,
// as over REST, and a stranger that they are one.
func garbled(t *testing.T, s *suitetest.Suite, key string) {
	t.Helper()
	create, err := protobuf.Marshal(&rectificationv1.CreateProblemRequest{Problem: &rectificationv1.Problem{Description: "早退"}})
	if err != nil {
		t.Fatal(err)
	}
	latin := bytes.Replace(create, []byte("早"), []byte("\xe9\xe9\xe9"), 1)
	garbage, fields, malformed := []byte("\xff\xff"), "FIELDS_INVALID at problem.description", "BODY_MALFORMED at "
	conn := dial(t, s).grpc
	for _, c := range []struct {
		method, key string
		sent        []byte
		want        string
	}{
		{rectificationv1.RectificationService_CreateProblem_FullMethodName, key, latin, "InvalidArgument " + fields},
		{rectificationv1.RectificationService_CreateProblem_FullMethodName, key, garbage, "InvalidArgument " + malformed + "body"},
		{rectificationv1.RectificationService_CreateProblem_FullMethodName, key, create[:len(create)/2], "InvalidArgument " + malformed + "problem"},
		{rectificationv1.RectificationService_CreateProblem_FullMethodName, "nobody's", garbage, "Unauthenticated UNAUTHENTICATED"},
		{rectificationv1.RectificationService_CreateProblem_FullMethodName, "", garbage, "Unauthenticated UNAUTHENTICATED"},
		{complaintv1.ComplaintService_SubmitComplaint_FullMethodName, "", garbage, "InvalidArgument " + malformed + "body"},
		{complaintv1.ComplaintService_LookupReceipt_FullMethodName, "", garbage, "InvalidArgument " + malformed + "body"},
		{evaluationv1.EvaluationService_CastBallot_FullMethodName, "", garbage, "InvalidArgument " + malformed + "body"},
		{federationv1.FederationService_Replicate_FullMethodName, "", garbage, "InvalidArgument " + malformed + "body"},
		{healthv1.Health_Check_FullMethodName, "", garbage, "InvalidArgument " + malformed + "body"},
		{reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName, "nobody's", garbage, "InvalidArgument " + malformed + "body"},
		{reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName, "nobody's", nil, "InvalidArgument"},
	} {
		for locale, sentence := range map[string]string{"zh-CN": "不是", "en": "it is n"} {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "accept-language", locale)
			if c.key != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.key)
			}
			err := ask(ctx, conn, c.method, c.sent)
			got, said := status.Code(err).String(), ""
			if f := fault.As(serve.FromStatus(err)); f != nil {
				got += " " + f.Reason
				for _, field := range f.Fields {
					got += " at " + field.Path
					said += map[string]string{"zh-CN": field.Zh, "en": field.En}[locale]
				}
			}
			if got != c.want || strings.Contains(c.want, " at ") && !strings.HasPrefix(said, sentence) {
				t.Errorf("%x to %s = %s, %q (%v), want %s", c.sent, c.method, got, said, err, c.want)
			}
		}
	}
}

// ask sends bytes to a method as the only message, and returns what comes of it.
func ask(ctx context.Context, conn rpc.ClientConnInterface, method string, sent []byte) error {
	stream, err := conn.NewStream(ctx, &rpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return err
	}
	m := &emptypb.Empty{}
	m.ProtoReflect().SetUnknown(sent)
	if err := stream.SendMsg(m); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(m)
}
