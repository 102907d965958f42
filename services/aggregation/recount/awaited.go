package recount

import (
	"fmt"
	"slices"
	"strconv"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/recount/hold"
	"github.com/duban-project/duban/services/aggregation/recount/tree"
	"github.com/duban-project/duban/services/aggregation/worklist"
)

// superior are the actions that await whoever is above the unit of the record.
var superior = []aggregationv1.WorkItem_Action{
	aggregationv1.WorkItem_ACTION_REVIEW_ASSIGNMENT, aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER,
	aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM, aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM,
	aggregationv1.WorkItem_ACTION_DECIDE_EXTENSION, aggregationv1.WorkItem_ACTION_REVIEW_REPORT,
}

// alone are who does it for a unit that nobody is above; what is not there nobody does.
var alone = map[aggregationv1.WorkItem_Action][]accessv1.Role{
	aggregationv1.WorkItem_ACTION_ACKNOWLEDGE_LEDGER: {accessv1.Role_ROLE_HEAD},
	aggregationv1.WorkItem_ACTION_VERIFY_PROBLEM:     {accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_SUPERVISOR},
	aggregationv1.WorkItem_ACTION_CLOSE_PROBLEM:      {accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_HEAD, accessv1.Role_ROLE_SUPERVISOR},
}

// awaited are the lists of what awaits whom, and the same by what it is about. What
// a record asks for is by the rules of package worklist, as this alone is not
// decided by the feeds; whose turn it is and in which lists it stands is not.
func (c *count) awaited() (lists, subjects map[string]string) {
	lists, subjects = map[string]string{}, map[string]string{}
	for subject, items := range c.trail.items {
		for _, item := range items {
			installation := c.trail.tops[subject]
			if installation != "" && !c.tree.Has(installation, item.GetOwner()) {
				continue
			}
			if !c.turn(installation, item) {
				continue
			}
			says, action := fmt.Sprint(item), strconv.Itoa(int(item.GetAction()))
			subjects[subject+"\x00"+action] = says
			due := item.GetDueDate()
			if due == "" {
				due = "~"
			}
			for i, unit := range c.tree.Path(item.GetUnit(), tree.Now) {
				list := [...]string{"o", "b"}[min(i, 1)]
				lists[hold.Short(unit)+"\x00"+list+due+"\x00"+subject+"\x00"+action] = says
			}
		}
	}
	return lists, subjects
}

// turn sets whose turn it is, unless the record says so, and says whether it is anybody's.
// Where nobody is above, who stands in alone does what a superior does elsewhere.
func (c *count) turn(installation string, item *worklist.Item) bool {
	if !slices.Contains(superior, item.GetAction()) {
		item.Unit = item.GetOwner()
		return true
	}
	heir := c.tree.Heir(item.GetOwner())
	above := c.tree.Above(heir, tree.Now)
	switch {
	case above == "" || installation != "" && c.tree.RootOf(installation, heir):
		item.Unit, item.Roles = item.GetOwner(), alone[item.GetAction()]
		return item.Roles != nil
	case item.GetUnit() == "":
		item.Unit = c.decider(item.GetFoundBy(), heir, above)
	}
	return true
}

// decider is the nearest above a unit that found the matter or stands above who did, or
// else the superior.
func (c *count) decider(bureau, unit, superior string) string {
	if bureau == "" {
		return superior
	}
	path := c.tree.Path(unit, tree.Now)[1:]
	for _, over := range c.tree.Path(c.tree.Heir(bureau), tree.Now) {
		if slices.Contains(path, over) {
			return over
		}
	}
	return superior
}
