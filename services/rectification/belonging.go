package rectification

import (
	"slices"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
)

// Working are the roles by which one does a unit's work: who holds one of them
// belongs to it. Reading and administering it do not make one belong.
var Working = []accessv1.Role{
	accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_CLERK, accessv1.Role_ROLE_SUPERVISOR,
	accessv1.Role_ROLE_COMPLAINT_OFFICER, accessv1.Role_ROLE_CUSTODIAN, accessv1.Role_ROLE_REGISTRAR,
}

// Places tells of the tree and of who belongs where, as it is.
type Places interface {
	// Path returns a unit and those above it, nearest first; nil if there is no
	// such unit.
	Path(unit string) []string
	// Heir returns the unit that a unit was merged into, or the unit itself.
	Heir(unit string) string
	// Active says whether the unit gets new work: it is there, and neither archived
	// nor merged.
	Active(unit string) bool
	// Ties returns the units that the member belongs to: where they are entered,
	// hold a post or one of the roles of Working.
	Ties(member string) []string
}

// Belongs says whether the member belongs to the unit or to what lies beneath it;
// to one that was merged, whether they belong to the unit that it was merged into.
func Belongs(member, unit string, at Places) bool {
	unit = at.Heir(unit)
	return slices.ContainsFunc(at.Ties(member), func(tie string) bool { return slices.Contains(at.Path(tie), unit) })
}
