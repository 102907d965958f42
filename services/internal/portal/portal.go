// Package portal says which records third-party portals (第三方平台) may know of, to the
// service that keeps them and to those that tell of them. Who is a portal, and what
// else a caller may see, package authz says.
package portal

import (
	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// Public says whether a record, as it stands, may be known to portals:
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
