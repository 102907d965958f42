package serve

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// domain is google.rpc.ErrorInfo.domain for every reason of the suite.
const domain = "duban"

// code is the only place where a fault's kind meets a gRPC code.
var code = map[faultv1.Kind]codes.Code{
	faultv1.Kind_KIND_INVALID:   codes.InvalidArgument,
	faultv1.Kind_KIND_DENIED:    codes.PermissionDenied,
	faultv1.Kind_KIND_MISSING:   codes.NotFound,
	faultv1.Kind_KIND_EXISTS:    codes.AlreadyExists,
	faultv1.Kind_KIND_REFUSED:   codes.FailedPrecondition,
	faultv1.Kind_KIND_CONFLICT:  codes.Aborted,
	faultv1.Kind_KIND_EXHAUSTED: codes.ResourceExhausted,
	faultv1.Kind_KIND_DOWN:      codes.Unavailable,
	faultv1.Kind_KIND_ANONYMOUS: codes.Unauthenticated,
	faultv1.Kind_KIND_UNKNOWN:   codes.Unknown,
}

// statuses is the outermost step: it turns what a handler returned into what a
// client may see: a fault in full, a context's end by its code, and everything
// else as "internal".
func statuses(log *slog.Logger) Step {
	return func(ctx context.Context, call Call, next func(context.Context) error) error {
		err := next(ctx)
		if err == nil {
			return nil
		}
		if p := (passed{}); errors.As(err, &p) {
			return p.GRPCStatus().Err()
		}
		if f := fault.As(err); f != nil {
			return toStatus(f, Chinese(ctx)).Err()
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return status.FromContextError(err).Err()
		}
		if hungUp(ctx, err) {
			return status.FromContextError(ctx.Err()).Err()
		}
		if s, ok := status.FromError(err); ok && (s.Code() == codes.Unimplemented || open(call.Method)) {
			return err // gRPC's own services say what they mean
		}
		log.ErrorContext(ctx, "internal error", "method", call.Method, "error", err)
		return status.Error(codes.Internal, "internal error")
	}
}

// hungUp says whether err is how a stream tells its handler that the caller has gone, or
// has no more time: gRPC says so by a status. That is the caller's end and nothing went
// wrong here.
func hungUp(ctx context.Context, err error) bool {
	ends := []codes.Code{codes.Canceled, codes.DeadlineExceeded, codes.Unavailable}
	return ctx.Err() != nil && slices.Contains(ends, status.Code(err))
}

func toStatus(f *fault.Fault, zh bool) *status.Status {
	locale, sentence := "en", f.Error()
	if zh {
		locale, sentence = "zh-CN", f.Chinese()
	}
	details := []proto.Message{
		&errdetails.ErrorInfo{Reason: f.Reason, Domain: domain, Metadata: f.Facts},
		&errdetails.LocalizedMessage{Locale: locale, Message: sentence},
	}
	if len(f.Fields) > 0 {
		details = append(details, badRequest(f, locale, zh))
	}
	if f.Retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.Retry)})
	}
	p := status.New(code[f.Kind()], f.Error()).Proto()
	for _, d := range details {
		if any, err := anypb.New(d); err == nil {
			p.Details = append(p.Details, any)
		}
	}
	return status.FromProto(p)
}

func badRequest(f *fault.Fault, locale string, zh bool) *errdetails.BadRequest {
	b := &errdetails.BadRequest{}
	for _, field := range f.Fields {
		local := field.En
		if zh {
			local = field.Zh
		}
		b.FieldViolations = append(b.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: field.Path, Reason: field.Rule, Description: field.En,
			LocalizedMessage: &errdetails.LocalizedMessage{Locale: locale, Message: local},
		})
	}
	return b
}

var languages = language.NewMatcher([]language.Tag{language.SimplifiedChinese, language.English})

// Chinese says whether the caller reads Chinese, which is what the suite speaks
// unless asked otherwise.
func Chinese(ctx context.Context) bool {
	values := metadata.ValueFromIncomingContext(ctx, "accept-language")
	if sent, ok := metadata.FromOutgoingContext(ctx); ok && len(values) == 0 {
		values = sent.Get("accept-language") // of a call that the gateway makes
	}
	return speaksChinese(values)
}

func speaksChinese(values []string) bool {
	if len(values) == 0 {
		return true
	}
	_, i := language.MatchStrings(languages, values[0])
	return i == 0
}

// FromStatus is statuses undone, for the clients that services hold of each
// other: errors.Is then works across processes as it does within one, and what
// is wrong at which field is passed on.
func FromStatus(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	f := &fault.Fault{}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == domain {
				f.Reason, f.Text, f.Facts = d.GetReason(), texts()[d.GetReason()], d.GetMetadata()
			}
		case *errdetails.BadRequest:
			f.Fields = fields(d)
		case *errdetails.RetryInfo:
			f.Retry = d.GetRetryDelay().AsDuration()
		}
	}
	switch {
	case f.Text != nil:
		return received{f, s}
	case s.Code() == codes.DeadlineExceeded:
		return cutShort{s, context.DeadlineExceeded}
	case s.Code() == codes.Canceled:
		return cutShort{s, context.Canceled}
	default:
		return err
	}
}

// fields is badRequest undone. A service that calls another asks for Chinese, so
// that both languages come; what came in English alone is told in English.
func fields(b *errdetails.BadRequest) (all []fault.Field) {
	for _, v := range b.GetFieldViolations() {
		field := fault.Field{Path: v.GetField(), Rule: v.GetReason(), Zh: v.GetDescription(), En: v.GetDescription()}
		if local := v.GetLocalizedMessage(); local.GetLocale() == "zh-CN" {
			field.Zh = local.GetMessage()
		}
		all = append(all, field)
	}
	return all
}

// texts is the catalogue of every Reason enum linked into the program.
var texts = sync.OnceValue(func() map[string]*faultv1.Text {
	catalogue := map[string]*faultv1.Text{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if reasons := file.Enums().ByName("Reason"); reasons != nil {
			for i := range reasons.Values().Len() {
				value := reasons.Values().Get(i)
				text, _ := proto.GetExtension(value.Options(), faultv1.E_Text).(*faultv1.Text)
				catalogue[strings.TrimPrefix(string(value.Name()), "REASON_")] = text
			}
		}
		return true
	})
	return catalogue
})

var errDown = fault.Of(faultv1.Reason_REASON_SERVICE_DOWN)

// serviceWords are what Chinese sentences call the services.
var serviceWords = map[string]string{
	"organization": "组织", "campaign": "活动", "rectification": "整改", "evaluation": "评议",
	"complaint": "投诉", "federation": "上下级机构", "aggregation": "汇总", "event": "变更事件",
}

// Unreachable says that a service of the installation cannot be reached.
func Unreachable(ctx context.Context, service string) error {
	f := errDown.Say("service", cmp.Or(serviceWords[service], service), service)
	return received{f, toStatus(f, Chinese(ctx))}
}

// Reached is FromStatus for a call to a service in another process, which may not
// be there.
func Reached(ctx context.Context, service string, err error) error {
	if err = FromStatus(err); fault.As(err) == nil && status.Code(err) == codes.Unavailable {
		return Unreachable(ctx, service)
	}
	return err
}

// received is a fault that came over the wire; the gateway reads its status.
type received struct {
	*fault.Fault
	status *status.Status
}

func (r received) GRPCStatus() *status.Status { return r.status }
func (r received) Unwrap() error              { return r.Fault }

// cutShort is a call that came to its end before its answer did.
type cutShort struct {
	status *status.Status
	cause  error
}

func (c cutShort) Error() string              { return c.status.Err().Error() }
func (c cutShort) GRPCStatus() *status.Status { return c.status }
func (c cutShort) Unwrap() error              { return c.cause }
