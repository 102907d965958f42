package server

import (
	"testing"
	"time"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
)

// TestThePublicIsToldWhenToComeAgain: whoever comes then finds room.
func TestThePublicIsToldWhenToComeAgain(t *testing.T) {
	s := &Service{book: &change.Book{Clock: time.Now}, Parts: Parts{Admit: func(string, bool, time.Time) bool { return false }}}
	if f := fault.As(s.admitted(t.Context(), &complaintv1.SubmitComplaintRequest{})); f == nil || f.Retry != again {
		t.Errorf("refused with %v", f)
	}
}
