package reports

import (
	"crypto/sha256"
	"fmt"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// Figures are those that the rows of a report say, on whichever page: each with the value
// of the first that says it, by the unit that was found for it.
type Figures map[[16]byte]int64

// Group is what checks look at together.
type Group struct{ Unit, Campaign, Category string }

// GroupOf is that of a row whose unit is found.
func GroupOf(row *aggregationv1.Report_Row) Group {
	return Group{row.GetResolvedUnit(), row.GetCampaign(), row.GetCategory()}
}

// Figure is the key of a field's figure.
func (g Group) Figure(field string) [16]byte {
	h := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", g.Unit, field, g.Campaign, g.Category))
	return [16]byte(h[:16])
}

// Add says whether the row's figure was not there before.
func (s Figures) Add(row *aggregationv1.Report_Row) bool {
	key := GroupOf(row).Figure(row.GetField())
	if _, there := s[key]; there {
		return false
	}
	s[key] = row.GetValue()
	return true
}

// BesideTotal is the warning of a row that divides what the report says undivided too, of
// the same unit: both count, so what is one total to its sender counts twice.
const BesideTotal = "beside-total"

// NilBesideStock is the warning of a nil return's (零报告) field, a stock, of which its source has
// told something else that stands on: of units beneath, or of a campaign or category.
const NilBesideStock = "nil-beside-stock"

// Divides says whether the report also says the row's figure without its category, or without
// its campaign.
func (s Figures) Divides(row *aggregationv1.Report_Row) bool {
	g := GroupOf(row)
	for _, wider := range []Group{{g.Unit, "", ""}, {g.Unit, g.Campaign, ""}} {
		if _, there := s[wider.Figure(row.GetField())]; there && wider != g {
			return true
		}
	}
	return false
}
