package feed

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// Body decodes the resource of an entry if it is of the kind T, such as
// *campaignv1.Campaign: nil if it is of another, or if the subject is gone.
func Body[T proto.Message](e *feedv1.Entry) (T, error) {
	var none T
	if !e.GetBody().MessageIs(none) {
		return none, nil
	}
	body := none.ProtoReflect().New().Interface().(T)
	if err := e.GetBody().UnmarshalTo(body); err != nil {
		return none, fmt.Errorf("decoding the body of entry %d, %s: %w", e.GetSeq(), e.GetKind(), err)
	}
	return body, nil
}
