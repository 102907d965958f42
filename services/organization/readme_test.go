package organization_test

import (
	"testing"

	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
	"github.com/duban-project/duban/services/organization"
)

func TestTheReadmeDrawsTheTable(t *testing.T) {
	lifecycletest.Drawn(t, "README.md", lifecycletest.Of(organization.Life))
}
