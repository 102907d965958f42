package tree

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/aggregation/recount/hold"
)

// Turns are the moments in which a unit got another parent, in their order, in
// nanoseconds since 1970.
func (t *Tree) Turns() (all []int64) {
	for _, list := range t.lain {
		for _, l := range list {
			if l.since != ever {
				all = append(all, l.since)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Kept are the buckets of what is kept of the tree.
func (t *Tree) Kept() []hold.Bucket {
	return []hold.Bucket{
		{Name: "figures.tree", Want: t.rows(), Say: hold.Text},
		{Name: "figures.turns", Want: t.turned(), Say: hold.Text},
		{Name: "figures.owners", Want: t.owned(), Say: hold.Text},
		{Name: "figures.refused", Want: t.refused, Say: hold.Text},
		{Name: "worklist.merged", Want: t.merged, Say: hold.Text},
	}
}

// rows are each unit's parents line by line.
func (t *Tree) rows() map[string]string {
	all := map[string]string{}
	for unit, list := range t.lain {
		for _, l := range list {
			all[unit] += strconv.FormatInt(max(l.since, 0), 10) + " " + l.above + "\n"
		}
	}
	return all
}

func (t *Tree) turned() map[string]string {
	all := map[string]string{}
	for _, at := range t.Turns() {
		all[string(binary.BigEndian.AppendUint64(nil, uint64(at)))] = ""
	}
	return all
}

func (t *Tree) owned() map[string]string {
	all := map[string]string{}
	for unit, installations := range t.owners {
		names := slices.Clone(installations)
		for i, installation := range names {
			if installation != "" {
				names[i] = "installations/" + installation
			}
		}
		all[unit] = strings.Join(names, "\x00")
	}
	return all
}
