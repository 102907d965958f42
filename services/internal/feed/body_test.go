package feed_test

import (
	"testing"

	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
)

func TestBodyIsThatOfAKindOrNone(t *testing.T) {
	const url = "type.googleapis.com/google.protobuf.Duration"
	for name, tt := range map[string]struct {
		body *anypb.Any
		want int64 // seconds; -1: none
		fail bool
	}{
		"of the kind":    {&anypb.Any{TypeUrl: url, Value: []byte{8, 7}}, 7, false},
		"empty":          {&anypb.Any{TypeUrl: url}, 0, false},
		"of another":     {&anypb.Any{TypeUrl: url[:len(url)-8] + "Timestamp"}, -1, false},
		"gone":           {nil, -1, false},
		"not to be read": {&anypb.Any{TypeUrl: url, Value: []byte{8}}, -1, true},
	} {
		got, err := feed.Body[*durationpb.Duration](&feedv1.Entry{Body: tt.body})
		if (got == nil) != (tt.want < 0) || got != nil && got.GetSeconds() != tt.want || (err != nil) != tt.fail {
			t.Errorf("%s: %v, %v; want %d, failing %t", name, got, err, tt.want, tt.fail)
		}
	}
}
