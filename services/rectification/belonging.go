package rectification

// Places tells of the tree and of who belongs where, as it is.
type Places interface {
	// Path returns a unit and those above it, nearest first; nil if there is no
	// such unit.
	Path(unit string) []string
	// Active says whether the unit gets new work: it is there, and neither archived
	// nor merged.
	Active(unit string) bool
	// Belongs says whether the member belongs to the unit or to what lies beneath it;
	// to one that was merged, whether they belong to the unit that it was merged into.
	Belongs(member, unit string) bool
	// Inspects says whether the member is in office in the bureau and may record for it, by
	// their roles.
	Inspects(member, bureau string) bool
}
