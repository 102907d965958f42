package organization

import (
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/lifecycle"
)

// depth is how many levels a tree may have.
const depth = 8

// Move is something that happens to a unit.
type Move string

// The moves that change a unit's state.
const (
	Merging   Move = "merge / 撤并"
	Archiving Move = "archive / 停用"
)

// Life says which moves are allowed from which state.
var Life = lifecycle.Table[organizationv1.Unit_State, Move]{
	organizationv1.Unit_STATE_ACTIVE: {
		Merging:   organizationv1.Unit_STATE_MERGED,
		Archiving: organizationv1.Unit_STATE_ARCHIVED,
	},
}

// Seen refuses to show units as of a moment that is yet to come; no moment is now.
func Seen(asOf *timestamppb.Timestamp, now time.Time) error {
	if asOf != nil && asOf.AsTime().After(now) {
		return ErrMomentFuture.At("as_of", "晚于现在", "is yet to come")
	}
	return nil
}

// NewUnit returns the unit that u asks for, under name. above is the path of its
// parent, nearest first; empty for the root.
func NewUnit(name string, u *organizationv1.Unit, above []*organizationv1.Unit) (*organizationv1.Unit, error) {
	if err := mayLieUnder(u.GetKind(), above, 1, "unit.parent"); err != nil {
		return nil, err
	}
	return &organizationv1.Unit{
		Name: name, DisplayName: u.GetDisplayName(), Kind: u.GetKind(), Parent: u.GetParent(),
		Codes: u.GetCodes(), Labels: u.GetLabels(), State: organizationv1.Unit_STATE_ACTIVE,
	}, nil
}

// Heads refuses a root that is no bureau: an installation is one's, and its units lie
// beneath it.
func Heads(root *organizationv1.Unit) error {
	if root.GetKind() > organizationv1.Unit_KIND_DISTRICT {
		return ErrRootKind.At("root.kind", "请填写以下取值之一：KIND_NATION、KIND_PROVINCE、KIND_CITY、KIND_DISTRICT",
			"must be one of KIND_NATION, KIND_PROVINCE, KIND_CITY, KIND_DISTRICT")
	}
	return nil
}

// mayLieUnder says whether a unit of the kind, with a subtree of so many levels, fits
// beneath a path, whose first unit the request names at field.
func mayLieUnder(kind organizationv1.Unit_Kind, above []*organizationv1.Unit, levels int, field string) error {
	if len(above) == 0 {
		return nil
	}
	switch parent := above[0]; {
	case parent.GetState() != organizationv1.Unit_STATE_ACTIVE:
		return ErrUnitArchived.With("unit", parent.GetName()).At(field, "已撤并", "is archived")
	case parent.GetInstallation() != "":
		return ErrUnitRemote.With("unit", parent.GetName()).At(field, "由下级机构系统管理", "is kept by a lower installation")
	case rank(kind) < rank(parent.GetKind()):
		return ErrUnitLevel.At(field, "级别低于该单位", "ranks below the unit")
	case len(above)+levels > depth:
		return ErrTreeTooDeep.With("limit", strconv.Itoa(depth)).At(field, "级数超出上限", "lies too deep")
	default:
		return nil
	}
}

// rank is the level of a kind of units, the nation's first. Affiliates rank with
// schools, either of which may lie beneath the other, and the organs inside of both
// with each other.
func rank(kind organizationv1.Unit_Kind) int {
	switch kind {
	case organizationv1.Unit_KIND_AFFILIATE:
		return int(organizationv1.Unit_KIND_SCHOOL)
	case organizationv1.Unit_KIND_PARTY_BRANCH:
		return int(organizationv1.Unit_KIND_DEPARTMENT)
	default:
		return int(kind)
	}
}

// MoveUnit lays u beneath the first of above, which is the path of its new
// parent. levels is how many levels u and what lies beneath it have.
func MoveUnit(u *organizationv1.Unit, above []*organizationv1.Unit, levels int) (*organizationv1.Unit, error) {
	return lay(u, above, levels, "parent")
}

// AdoptUnit lays a child of a merged unit beneath the first of into, which is the
// path of the unit that its parent is merged into.
func AdoptUnit(u *organizationv1.Unit, into []*organizationv1.Unit, levels int) (*organizationv1.Unit, error) {
	return lay(u, into, levels, "into")
}

// lay is MoveUnit for a request that names the new parent at field.
func lay(u *organizationv1.Unit, above []*organizationv1.Unit, levels int, field string) (*organizationv1.Unit, error) {
	if err := changeable(u); err != nil {
		return nil, err
	}
	if within(above, u) {
		return nil, ErrUnitCycle.At(field, "是该单位自己或其下级", "is the unit itself or lies beneath it")
	}
	if err := mayLieUnder(u.GetKind(), above, levels, field); err != nil {
		return nil, err
	}
	u = proto.CloneOf(u)
	u.Parent = above[0].GetName()
	return u, nil
}

// within says whether a path leads through u.
func within(path []*organizationv1.Unit, u *organizationv1.Unit) bool {
	return slices.ContainsFunc(path, func(a *organizationv1.Unit) bool { return a.GetName() == u.GetName() })
}

// changeable says whether u is neither the root nor archived.
func changeable(u *organizationv1.Unit) error {
	switch {
	case u.GetParent() == "":
		return ErrUnitIsRoot
	case u.GetState() != organizationv1.Unit_STATE_ACTIVE:
		return ErrUnitArchived.With("unit", u.GetName())
	default:
		return nil
	}
}

// MergeUnit ends u in the first of into, which is the path of the unit it is
// merged into (撤并): u is archived beneath it, and what was active beneath u, with so
// many levels, goes there itself.
func MergeUnit(u *organizationv1.Unit, into []*organizationv1.Unit, levels int) (*organizationv1.Unit, error) {
	switch {
	case within(into, u):
		return nil, ErrMergeSelf.At("into", "是该单位自己或其下级", "is the unit itself or lies beneath it")
	case u.GetKind() != into[0].GetKind():
		return nil, ErrMergeKindDiffers.At("into", "与该单位不同类", "is of another kind")
	}
	merged, err := lay(u, into, levels, "into")
	if err != nil {
		return nil, err
	}
	merged.MergedInto = into[0].GetName()
	return lifecycle.Move(Life, merged, Merging, ErrUnitArchived.With("unit", u.GetName()))
}

// ArchiveUnit ends u, beneath which nothing active lies.
func ArchiveUnit(u *organizationv1.Unit, beneath []*organizationv1.Unit) (*organizationv1.Unit, error) {
	if err := changeable(u); err != nil {
		return nil, err
	}
	for _, b := range beneath {
		if b.GetState() == organizationv1.Unit_STATE_ACTIVE {
			return nil, ErrUnitHasChildren.With("unit", b.GetName())
		}
	}
	return lifecycle.Move(Life, u, Archiving, ErrUnitArchived.With("unit", u.GetName()))
}

// Editable says whether a unit's name, codes and labels may change.
func Editable(u *organizationv1.Unit) error {
	if u.GetState() != organizationv1.Unit_STATE_ACTIVE {
		return ErrUnitArchived.With("unit", u.GetName())
	}
	return nil
}

// SetFromAbove says whether who reaches from the unit named top down to u may change
// what u owes and with whom it is compared, which the request has at field: nobody
// decides that for themselves. Above the topmost unit there is nobody.
func SetFromAbove(u *organizationv1.Unit, top, field string) error {
	if u.GetParent() == "" || u.GetName() != top {
		return nil
	}
	return ErrUnitSuperior.With("unit", u.GetName()).At(field, "由上级单位的管理员办理", "is for an administrator above the unit")
}
