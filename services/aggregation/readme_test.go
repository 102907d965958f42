package aggregation_test

import (
	"testing"

	"github.com/duban-project/duban/services/aggregation/reports"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
)

func TestTheReadmeDrawsTheTable(t *testing.T) {
	lifecycletest.Drawn(t, "README.md", lifecycletest.Of(reports.Life))
}
