package sheet

import (
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
)

// Listed is how many lines the file of a list has at most.
const Listed = 10_000

// Listing is a list of records of units that becomes a file.
type Listing struct {
	ID, Zh       string // what it is a list of
	Unit, Filter string // what was asked for
	Day          string // as of which it is
	Workbook     bool
	Called       func(unit string) string
}

// ListingOf returns the table of the listing, and notes whether there are more records.
func ListingOf[M proto.Message](l Listing, list []M, more bool) *Table {
	table := Of(l.ID, l.Zh, list)
	table.Beside("unit", "单位名称 (display_name)", l.Called)
	table.Notes = [][2]string{
		{"单位 (unit)", l.Unit}, {"截至日期 (as_of)", l.Day}, {"筛选 (filter)", l.Filter}, {"未列全 (truncated)", Yes(more)},
	}
	return table
}

// File returns the table of the listing as a file.
func (l Listing) File(table *Table) (*httpbody.HttpBody, error) {
	whose := Word{"all", "全部"}
	if l.Unit != "" {
		whose = Called(l.Unit, l.Called(l.Unit))
	}
	return table.File(l.Workbook, whose, Same(l.Day))
}
