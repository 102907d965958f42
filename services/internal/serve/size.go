package serve

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/proto"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

var (
	errRequest = fault.Of(faultv1.Reason_REASON_BODY_TOO_LARGE)
	errAnswer  = fault.Of(faultv1.Reason_REASON_ANSWER_TOO_LARGE)
)

// largest is how many bytes a request of any method may have that is answered at the door.
func (p *Process) largest(d Door) int {
	n := p.limits.Message
	for name, m := range p.methods {
		if d.Only == "" || d.Only == name {
			n = max(n, int(m.GetMaxMiB())<<20)
		}
	}
	return n
}

// sized refuses requests that are larger than their method allows, and answers that
// are larger than messages may be. Over TCP gRPC itself refuses what no method would
// take, before any step and without a reason.
func (p *Process) sized(ctx context.Context, call Call, next func(context.Context) error) error {
	limit := max(p.limits.Message, int(p.methods[call.Method].GetMaxMiB())<<20)
	if m, ok := call.Request.(proto.Message); ok && proto.Size(m) > limit {
		text := strconv.Itoa(limit)
		return errRequest.With("limit", text).At("body", "不得超过 "+text+" 字节", "must have at most "+text+" bytes")
	}
	if err := next(ctx); err != nil || call.Answer == nil {
		return err
	}
	if m, ok := (*call.Answer).(proto.Message); ok && proto.Size(m) > p.limits.Message {
		return errAnswer.With("limit", strconv.Itoa(p.limits.Message))
	}
	return nil
}
