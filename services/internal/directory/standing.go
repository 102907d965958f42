package directory

// Standing returns where the principal stands on a day, YYYY-MM-DD: the path of each unit of
// Ties, by any role, and what was merged into the units of it. Whoever belongs to the heir of
// a unit stands in it as well.
func (d *Directory) Standing(principal, day string) (paths [][]string) {
	for _, tie := range d.Ties(principal, day) {
		path := d.Path(tie)
		paths = append(paths, path)
		for _, unit := range path {
			paths = append(paths, d.Merges(unit))
		}
	}
	return paths
}
