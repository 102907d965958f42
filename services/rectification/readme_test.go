package rectification_test

import (
	"testing"

	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
	"github.com/duban-project/duban/services/rectification"
)

func TestTheReadmeDrawsTheTables(t *testing.T) {
	lifecycletest.Drawn(t, "README.md",
		lifecycletest.Of(rectification.LedgerLife), lifecycletest.Of(rectification.VersionLife),
		lifecycletest.Of(rectification.ProblemLife), lifecycletest.Of(rectification.InspectionLife))
}
