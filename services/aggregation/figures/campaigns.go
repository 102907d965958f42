package figures

import (
	"slices"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// campaigns are those that count in q, of which its unit has something in a
// bucket whose keys have a beginning, unit and campaign.
func (q Query) campaigns(tx store.Tx, bucket, beginning string) (found []string, err error) {
	found = []string{q.Campaign}
	from := beginning + under(q.rowsOf())
	for i := 0; i < len(q.Joined); {
		next, err := firstCampaign(tx, bucket, from, strings.TrimPrefix(q.Joined[i], "campaigns/"))
		if err != nil || next == "" {
			return found, err
		}
		at, there := slices.BinarySearch(q.Joined[i:], next)
		if i += at; there {
			found = append(found, next)
			i++
		}
	}
	return found, nil
}

// firstCampaign is the first campaign, from one on, that a unit has something of.
func firstCampaign(tx store.Tx, bucket, unit, from string) (string, error) {
	_, to := store.Prefix(unit)
	for e, err := range tx.Scan(bucket, []byte(unit+from+zero), to) {
		if err != nil {
			return "", err
		}
		id, _, _ := strings.Cut(string(e.Key[len(unit):]), zero)
		return "campaigns/" + id, nil
	}
	return "", nil
}

// holds says whether what is in a cell counts in q.
func (q Query) holds(c aggregation.Cell) bool {
	_, joined := slices.BinarySearch(q.Joined, c.Campaign)
	return (q.Campaign == "" || q.Campaign == c.Campaign || joined) &&
		(q.Category == "" || q.Category == c.Category) && (q.Source == "" || q.Source == c.Source)
}
