// Package picture is what a city sees when it asks for its status (全市情况): figures
// by district, school and category, what is missing and how fresh it is. It is
// read by the story and shown by package screen; all but what is left over is as it was read.
package picture

import "maps"

// Picture is what the city sees when it asks for its status.
type Picture struct {
	Date   string
	Names  map[string]string // of the metrics, in Chinese, by id
	Gloss  map[string]string // the same in English
	City   Sheet             // by district
	Cities Figures           // of the whole city
	Direct Figures           // of its own bureau and of what is directly beneath that
	// Drill-down: a district by school, and a school by category.
	District, School Sheet
	Categories       Sheet   // of the whole city
	Months           []Month // problems closed, month by month
	Missing          []string
	MissingTotal     int64
	Gaps             []string // reports of the absent district that never came, by their numbers
	Reports          []string // reports that are owed and have not come
	Absent           string   // the district that reports by the month; "": none
	Freshness        []string
	Problems         int // how many the recount read one by one
	Compared         int // how many figures were compared
}

// Sheet is a table of figures.
type Sheet struct {
	Title string
	Unit  string // its resource name
	Lines []Line
	// Of a district: what is its own and its departments', and all together.
	Direct, All Figures
}

// Line is one unit's or category's figures.
type Line struct {
	Name    string
	Rank    int32 // 0: none
	Figures Figures
	Unknown []string // the metrics of which 0 is not none: reports alone tell of some of its units, and not this
}

// Figures are values by the ids of metrics; of a ratio, thousandths.
type Figures map[string]int64

// Month is a figure of a month.
type Month struct {
	Name  string
	Value int64
}

// Direct is what a bureau itself and what no line shows beneath it have: all but the
// lines. Shares are not sums; the score is nobody's.
func Direct(all Figures, lines []Line) Figures {
	rest := maps.Clone(all)
	for _, l := range lines {
		for metric, n := range l.Figures {
			rest[metric] -= n
		}
	}
	rest["evaluation_score"], rest["problems_closing_rate"] = 0, 0
	if found := rest["problems_found"]; found > 0 {
		rest["problems_closing_rate"] = (rest["problems_closed"]*1000 + found/2) / found
	}
	return rest
}

var services = map[string]string{
	"organization": "组织机构", "campaign": "活动任务", "rectification": "整改台账",
	"evaluation": "评议", "complaint": "投诉举报", "aggregation": "汇总报表",
}

// Service is what officials call a service, or its own name if they call it nothing.
func Service(name string) string {
	if zh := services[name]; zh != "" {
		return zh
	}
	return name
}
