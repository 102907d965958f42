package rectification_test

import (
	"testing"

	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
	"github.com/duban-project/duban/services/rectification"
)

func TestTheReadmeDrawsTheTables(t *testing.T) {
	lifecycletest.Drawn(t, "README.md",
		rectification.LedgerLife, rectification.VersionLife,
		rectification.ProblemLife, rectification.InspectionLife)
}
