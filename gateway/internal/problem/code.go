package problem

import (
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
)

// codeOf is the gRPC code of what the caller can do, as duban.fault.v1.Kind
// documents it.
func codeOf(kind faultv1.Kind) codes.Code {
	switch kind {
	case faultv1.Kind_KIND_INVALID:
		return codes.InvalidArgument
	case faultv1.Kind_KIND_DENIED:
		return codes.PermissionDenied
	case faultv1.Kind_KIND_MISSING:
		return codes.NotFound
	case faultv1.Kind_KIND_EXISTS:
		return codes.AlreadyExists
	case faultv1.Kind_KIND_REFUSED:
		return codes.FailedPrecondition
	case faultv1.Kind_KIND_CONFLICT:
		return codes.Aborted
	case faultv1.Kind_KIND_EXHAUSTED:
		return codes.ResourceExhausted
	case faultv1.Kind_KIND_DOWN:
		return codes.Unavailable
	case faultv1.Kind_KIND_ANONYMOUS:
		return codes.Unauthenticated
	}
	return codes.Unknown
}

// httpOf is the HTTP code of a gRPC code, but for reasons that HTTP has a code of
// its own for.
func httpOf(code codes.Code, reason string) int {
	switch reason {
	case "METHOD_NOT_ALLOWED":
		return http.StatusMethodNotAllowed
	case "MEDIA_TYPE_UNSUPPORTED":
		return http.StatusUnsupportedMediaType
	case "BODY_TOO_LARGE":
		return http.StatusRequestEntityTooLarge
	}
	return runtime.HTTPStatusFromCode(code)
}

func textOf(value protoreflect.EnumValueDescriptor) *faultv1.Text {
	text, _ := proto.GetExtension(value.Options(), faultv1.E_Text).(*faultv1.Text)
	return text
}

func reasonOf(value protoreflect.EnumValueDescriptor) string {
	return strings.TrimPrefix(string(value.Name()), "REASON_")
}

// outage is what is said of an error that no service explained: a connection or
// a process broke, or ran out of time. Its text never reaches a client.
type outage struct {
	code   codes.Code
	reason string
	text   Text
}

func outages() []outage {
	return []outage{
		{codes.Unavailable, "UNAVAILABLE", Text{"服务暂时不可用，请稍后重试。", "The service is not available; repeat later."}},
		{codes.DeadlineExceeded, "DEADLINE_EXCEEDED", Text{"处理超时，请用同一请求编号重试。", "The call took too long; repeat with the same request id."}},
		{codes.Canceled, "CANCELLED", Text{"请求已被取消。", "The call was cancelled."}},
		{codes.Unimplemented, "UNIMPLEMENTED", Text{"本系统未启用此接口。", "This installation does not run this method."}},
		{codes.Internal, "INTERNAL", Text{"系统内部错误，请凭请求编号联系管理员。", "An internal error; ask the operator, with the request id."}},
	}
}

// unexplained replaces a status without a reason by one that clients can read.
func unexplained(code codes.Code, l Language) *spb.Status {
	switch code {
	case codes.InvalidArgument, codes.OutOfRange:
		return Of(faultv1.Reason_REASON_FIELDS_INVALID).status(l)
	case codes.Unauthenticated:
		return Of(faultv1.Reason_REASON_UNAUTHENTICATED).status(l)
	case codes.PermissionDenied:
		return Of(faultv1.Reason_REASON_PERMISSION_DENIED).status(l)
	case codes.NotFound:
		return Of(faultv1.Reason_REASON_NOT_FOUND).status(l)
	case codes.ResourceExhausted:
		return Of(faultv1.Reason_REASON_SERVER_OVERLOADED).status(l)
	}
	all := outages()
	for _, o := range all {
		if o.code == code {
			return o.status(l)
		}
	}
	return all[len(all)-1].status(l)
}

func (o outage) status(l Language) *spb.Status {
	st := &spb.Status{Code: int32(o.code), Message: o.text.En}
	st.Details = append(st.Details, pack(&errdetails.ErrorInfo{Reason: o.reason, Domain: domain}))
	st.Details = append(st.Details, pack(&errdetails.LocalizedMessage{Locale: string(l), Message: o.text.In(l)}))
	return st
}
