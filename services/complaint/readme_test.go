package complaint_test

import (
	"testing"

	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
)

func TestTheReadmeDrawsTheTable(t *testing.T) {
	lifecycletest.Drawn(t, "README.md", lifecycletest.Of(complaint.Life))
}
