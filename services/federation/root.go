package federation

import (
	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/feed"
)

// CheckRoot says whether an entry of an installation's tree fits the unit that it
// is bound to: its root unit has the same id as there.
func CheckRoot(e *feedv1.Entry, unit string) error {
	u, err := feed.Body[*organizationv1.Unit](e)
	if err != nil {
		return problem(federationv1.Code_CODE_BAD_ENTRY, "entry %d holds a unit that cannot be read", e.GetSeq())
	}
	if u != nil && u.GetParent() == "" && u.GetName() != unit {
		return problem(federationv1.Code_CODE_BAD_ENTRY, "entry %d: the root is %s, and %s is enrolled", e.GetSeq(), u.GetName(), unit)
	}
	return nil
}
