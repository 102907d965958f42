package rectification

import (
	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Public says whether a record, as it stands, may be known to portals (第三方平台):
// an inspection once it is concluded, a ledger once it was filed, a problem while
// its content is the filed one. Before, it is the business of those inside.
func Public(record proto.Message) bool {
	switch r := record.(type) {
	case *rectificationv1.Inspection:
		return r.GetState() == rectificationv1.Inspection_STATE_CONCLUDED
	case *rectificationv1.Ledger:
		return r.GetVersion() > 0
	case *rectificationv1.Problem:
		return r.GetFiledVersion() > 0
	default:
		return true
	}
}
