package intake

import (
	"cmp"
	"slices"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/aggregation/reports"
)

// header says what the columns of a table are.
type header struct {
	columns []column
	width   int               // how many cells a line has at most
	heads   map[string]string // what the columns are called, by their keys
}

// column is one of a table: what a line is about, or a value.
type column struct {
	head  string // as the file has it
	key   string // what is said in it, and of a code or value: which
	about func(*aggregationv1.Report_Row, string)
	unit  bool   // says which unit a line is about
	note  bool   // says nothing that counts
	field string // a value of this field
	value bool   // a value of the field that the line names
}

type row = aggregationv1.Report_Row

// known are the columns that every form has, by their names.
var known = func() map[string]column {
	all := map[string]column{}
	for names, c := range map[string]column{
		"unit 单位":           {unit: true, about: func(r *row, s string) { r.Unit = s }},
		"code 代码 单位代码":      {unit: true, about: func(r *row, s string) { r.Code = s }},
		"scheme 代码类别":       {about: func(r *row, s string) { r.Scheme = s }},
		"school 学校代码 学校标识码": inScheme("school"),
		"gbt2260 行政区划代码":    inScheme("gbt2260"),
		"uscc 统一社会信用代码":     inScheme("uscc"),
		"campaign 活动":       {about: func(r *row, s string) { r.Campaign = s }},
		"category 类别":       {about: func(r *row, s string) { r.Category = s }},
		"field 指标":          {about: func(r *row, s string) { r.Field = s }},
		"value 数值":          {value: true},
		"note 备注 单位名称 name": {note: true, about: func(*row, string) {}},
	} {
		first := strings.Fields(names)[0]
		for name := range strings.FieldsSeq(names) {
			c.key = cmp.Or(c.key, first)
			all[name] = c
		}
	}
	return all
}()

// inScheme reads a code of a scheme. Where a line has several, the last counts.
func inScheme(scheme string) column {
	return column{key: "code." + scheme, unit: true, about: func(r *row, s string) {
		if s != "" {
			r.Scheme, r.Code = scheme, s
		}
	}}
}

// readHeader reads the names of the columns. All must be known, each once; one
// must say the unit, and there must be a value.
func readHeader(cells []string, form *aggregationv1.ReportForm) (*header, error) {
	var seen []string
	h := &header{width: len(cells), heads: map[string]string{}}
	for _, cell := range trimmed(cells) {
		head := reports.Clip(strings.TrimSpace(cell))
		name := strings.ToLower(strings.TrimSpace(cell))
		c, ok := named(name, form)
		if !ok || slices.Contains(seen, name) || c.field != "" && h.heads[c.key] != "" {
			return nil, errHeader("“"+head+"”", "“"+head+"”")
		}
		c.head = head
		seen, h.columns = append(seen, name), append(h.columns, c)
		h.call(c)
	}
	if !slices.ContainsFunc(h.columns, func(c column) bool { return c.unit }) {
		return nil, errHeader("缺少单位或代码栏", "it has no unit and no code")
	}
	if !slices.ContainsFunc(h.columns, func(c column) bool { return c.value || c.field != "" }) {
		return nil, errHeader("缺少数值栏", "it has no value")
	}
	return h, nil
}

// call notes what a column is called. The first value is also the place of what a
// line has no value for, and the first code that of a unit that it does not say.
func (h *header) call(c column) {
	kind, _, _ := strings.Cut(c.key, ".")
	for _, key := range []string{c.key, kind} {
		if h.heads[key] == "" && !c.note {
			h.heads[key] = c.head
		}
	}
}

// trimmed are cells without the empty ones at the end.
func trimmed(cells []string) []string {
	for len(cells) > 0 && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// named finds a column of the form, or of every form.
func named(name string, form *aggregationv1.ReportForm) (column, bool) {
	for _, f := range form.GetFields() {
		if name == f.GetField() || name == f.GetDisplayNameZh() {
			return column{key: "value." + f.GetField(), field: f.GetField()}, true
		}
	}
	c, ok := known[name]
	return c, ok
}

func errHeader(zh, en string) error { return reports.ErrColumnInvalid.At("content", zh, en) }
